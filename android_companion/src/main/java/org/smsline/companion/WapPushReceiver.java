package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.provider.Telephony;
import java.util.List;

/** An MMS notification came: it becomes an inbound event whose format says that its one PDU is WAP, not 23.040. */
public final class WapPushReceiver extends BroadcastReceiver {
    static final String FORMAT = "mms-notification";

    @Override public void onReceive(Context context, Intent intent) {
        byte[] pdu = intent.getByteArrayExtra("data");
        if (!Telephony.Sms.Intents.WAP_PUSH_RECEIVED_ACTION.equals(intent.getAction()) || pdu == null) {
            return;
        }
        Incoming.keep(this, context, companion -> {
            if (companion.settings.paired()) {
                companion.journal.inbound(Incoming.sub(intent), List.of(Hex.of(pdu)), FORMAT, null, 0);
                companion.poke();
                MmsDownload.begin(context, Incoming.sub(intent), pdu);
            }
        });
    }
}
