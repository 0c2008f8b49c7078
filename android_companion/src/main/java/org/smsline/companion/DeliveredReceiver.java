package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** A delivery report for one part: the raw STATUS-REPORT becomes an event; what it says is the gateway's to read. */
public final class DeliveredReceiver extends BroadcastReceiver {
    @Override public void onReceive(Context context, Intent intent) {
        SendIntents.Key key = SendIntents.key(intent);
        byte[] pdu = intent.getByteArrayExtra("pdu");
        if (key == null) {
            return;
        }
        String hex = pdu == null ? null : Hex.of(pdu);
        int result = getResultCode();
        Incoming.keep(this, context, companion -> {
            if (!companion.heard("delivered", key.job(), key.part(), result, hex) && hex != null
                    && companion.journal.report(key.job(), key.part(), hex, Incoming.format(intent))) {
                companion.poke();
            }
        });
    }
}
