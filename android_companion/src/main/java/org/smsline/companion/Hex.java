package org.smsline.companion;

/** Octets as lower-case hexadecimal and back. */
final class Hex {
    private static final String DIGITS = "0123456789abcdef";

    private Hex() {
    }

    static String of(byte[] octets) {
        StringBuilder hex = new StringBuilder(2 * octets.length);
        for (byte octet : octets) {
            hex.append(DIGITS.charAt(octet >> 4 & 15)).append(DIGITS.charAt(octet & 15));
        }
        return hex.toString();
    }

    static byte[] octets(String hex) {
        byte[] octets = new byte[hex.length() / 2];
        for (int i = 0; i < octets.length; i++) {
            octets[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return octets;
    }
}
