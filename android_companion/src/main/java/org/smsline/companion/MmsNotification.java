package org.smsline.companion;

import java.nio.charset.StandardCharsets;

/**
 * An M-Notification.ind: only where the message lies. The headers in front of that are stepped over by the general rule
 * for values, whatever they mean. OMA-TS-MMS-ENC; WAP-230-WSP 8.4.1.2.
 */
final class MmsNotification {
    private static final int MESSAGE_TYPE = 0x8c;
    private static final int NOTIFICATION = 0x82;
    private static final int CONTENT_LOCATION = 0x83;
    private static final int LENGTH_QUOTE = 31;
    private static final int FIRST_SHORT = 0x80;
    private final byte[] pdu;
    private int at;

    private MmsNotification(byte[] pdu) {
        this.pdu = pdu;
    }

    /** The address to fetch the message from, or null when this is no notification or a broken one. */
    static String location(byte[] pdu) {
        return pdu == null ? null : new MmsNotification(pdu).find();
    }

    private String find() {
        boolean notification = false;
        while (at < pdu.length) {
            int header = pdu[at++] & 0xff;
            int from = at;
            if (!step()) {
                return null;
            }
            if (header == MESSAGE_TYPE) {
                notification = (pdu[from] & 0xff) == NOTIFICATION;
            } else if (header == CONTENT_LOCATION && notification) {
                String url = new String(pdu, from, at - from - 1, StandardCharsets.US_ASCII);
                return url.startsWith("http://") || url.startsWith("https://") ? url : null;
            }
        }
        return null;
    }

    /** Moves past one value; false when the PDU ends before it does. */
    private boolean step() {
        if (at >= pdu.length) {
            return false;
        }
        int first = pdu[at] & 0xff;
        long next;
        if (first >= FIRST_SHORT) {
            next = at + 1;
        } else if (first < LENGTH_QUOTE) {
            next = at + 1L + first;
        } else if (first == LENGTH_QUOTE) {
            long length = 0;
            int octet;
            do {
                if (++at >= pdu.length || length > pdu.length) {
                    return false;
                }
                octet = pdu[at] & 0xff;
                length = length << 7 | octet & 0x7f;
            } while (octet >= FIRST_SHORT);
            next = at + 1L + length;
        } else {
            next = at;
            while (next < pdu.length && pdu[(int) next] != 0) {
                next++;
            }
            next++;
        }
        at = (int) Math.min(next, Integer.MAX_VALUE);
        return next <= pdu.length;
    }
}
