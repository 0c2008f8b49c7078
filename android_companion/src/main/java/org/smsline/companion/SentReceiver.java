package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** The radio's verdict on one part: the result code and its extras, as they are, become an event. */
public final class SentReceiver extends BroadcastReceiver {
    @Override public void onReceive(Context context, Intent intent) {
        SendIntents.Key key = SendIntents.key(intent);
        if (key == null) {
            return;
        }
        // Only here and on this thread: the broadcast forgets its result when it goes on asynchronously.
        int result = getResultCode();
        Integer error = intent.hasExtra("errorCode") ? Integer.valueOf(intent.getIntExtra("errorCode", 0)) : null;
        boolean noDefault = intent.getBooleanExtra("noDefault", false);
        Incoming.keep(this, context, companion -> {
            if (!companion.heard("sent", key.job(), key.part(), result, null)
                    && companion.journal.sent(key.job(), key.part(), result, error, noDefault)) {
                companion.poke();
            }
        });
    }
}
