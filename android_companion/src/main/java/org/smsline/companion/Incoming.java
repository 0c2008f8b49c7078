package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.telephony.SmsMessage;
import android.telephony.SubscriptionManager;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What the receivers have in common: off the main thread into the journal first, then to the gateway. */
final class Incoming {
    private static final String FORMAT_3GPP = "3gpp";

    private Incoming() {
    }

    /** Runs {@code work} while the system keeps the process alive for this broadcast. */
    static void keep(BroadcastReceiver receiver, Context context, Consumer<Companion> work) {
        BroadcastReceiver.PendingResult pending = receiver.goAsync();
        Companion companion = App.of(context);
        companion.later(() -> {
            try {
                work.accept(companion);
            } finally {
                if (pending != null) {
                    pending.finish();
                }
            }
        });
    }

    /** The PDUs of an SMS or data SMS broadcast. {@code swept} says whether the provider's inbox holds them as well. */
    static void sms(Companion companion, Intent intent, boolean swept) {
        List<String> pdus = pdus(intent);
        if (pdus.isEmpty() || companion.heard("inbound", null, 0, 0, pdus.get(0)) || !companion.settings.paired()) {
            return;
        }
        SmsMessage first = swept ? first(intent) : null;
        String address = first == null ? null : first.getDisplayOriginatingAddress();
        long sentS = first == null ? 0 : first.getTimestampMillis() / 1000;
        if (companion.journal.inbound(sub(intent), pdus, format(intent), address, sentS)) {
            companion.poke();
        }
    }

    static String format(Intent intent) {
        String format = intent.getStringExtra("format");
        return format == null ? FORMAT_3GPP : format;
    }

    /** The subscription that a broadcast names; the extra changed its name once. -1 when there is none. */
    static int sub(Intent intent) {
        int sub = intent.getIntExtra("subscription", SubscriptionManager.INVALID_SUBSCRIPTION_ID);
        return sub != SubscriptionManager.INVALID_SUBSCRIPTION_ID ? sub : intent.getIntExtra(SubscriptionManager.EXTRA_SUBSCRIPTION_INDEX, sub);
    }

    private static List<String> pdus(Intent intent) {
        List<String> pdus = new ArrayList<>();
        if (intent.getSerializableExtra("pdus") instanceof Object[] raw) {
            for (Object pdu : raw) {
                if (pdu instanceof byte[] octets) {
                    pdus.add(Hex.of(octets));
                }
            }
        }
        return pdus;
    }

    /** What the provider will show as the row's sender and time; null when the platform cannot read its own PDU. */
    private static SmsMessage first(Intent intent) {
        try {
            Object[] raw = (Object[]) intent.getSerializableExtra("pdus");
            SmsMessage first = SmsMessage.createFromPdu((byte[]) raw[0], format(intent));
            return first == null || first.getDisplayOriginatingAddress() == null ? null : first;
        } catch (RuntimeException unreadable) {
            return null;
        }
    }
}
