package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.provider.Telephony;

/** A data message to a port came. The provider's inbox never shows these: this broadcast is the only witness. */
public final class DataSmsReceiver extends BroadcastReceiver {
    @Override public void onReceive(Context context, Intent intent) {
        if (Telephony.Sms.Intents.DATA_SMS_RECEIVED_ACTION.equals(intent.getAction())) {
            Incoming.keep(this, context, companion -> Incoming.sms(companion, intent, false));
        }
    }
}
