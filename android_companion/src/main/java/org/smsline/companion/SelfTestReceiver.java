package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** Receives the alarms of the self-test. */
public final class SelfTestReceiver extends BroadcastReceiver {
    static final String DEADLINE = "org.smsline.companion.SELFTEST_DEADLINE";
    static final String AWAKE = "org.smsline.companion.SELFTEST_AWAKE";

    @Override public void onReceive(Context context, Intent intent) {
        if (AWAKE.equals(intent.getAction())) {
            new AwakeTest(context).end(App.of(context).link.state());
        } else {
            new SelfTest(context).settle();
        }
    }
}
