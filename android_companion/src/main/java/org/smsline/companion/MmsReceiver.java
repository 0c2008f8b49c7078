package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** Receives the end of a download from the MMS service; what it brought is in the journal before anything else happens. */
public final class MmsReceiver extends BroadcastReceiver {
    @Override public void onReceive(Context context, Intent intent) {
        Companion companion = App.of(context);
        int result = getResultCode();
        PendingResult pending = goAsync();
        companion.later(() -> {
            try {
                MmsDownload.ended(context, companion.journal, intent, result);
                companion.poke();
            } finally {
                if (pending != null) {
                    pending.finish();
                }
            }
        });
    }
}
