package org.smsline.companion;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.PowerManager;
import android.os.Process;
import android.os.SystemClock;
import java.util.function.LongSupplier;
import org.smsline.companion.SelfTestResult.State;
import org.smsline.companion.SelfTestResult.Step;

/** The step of the self-test with the screen off for ten minutes: does this phone let the app and its link live? */
final class AwakeTest {
    static final long LENGTH_MS = 10 * 60_000L;
    /** The platform may put an alarm off for nine minutes in its deepest sleep; more is a phone that holds the app down. */
    static final long LATE_MS = 10 * 60_000L;
    /** Time to put the phone down. */
    static final long GRACE_MS = 60_000;

    private final Context context;
    private final SelfTestResult result;
    private final LongSupplier processStartMs;

    AwakeTest(Context context) {
        this(context, Process::getStartElapsedRealtime);
    }

    /** {@code processStartMs}: when this process began, in milliseconds since boot. */
    AwakeTest(Context context, LongSupplier processStartMs) {
        this.context = context;
        this.result = new SelfTestResult(context);
        this.processStartMs = processStartMs;
    }

    void begin(LinkState link) {
        result.awakeBegan(SystemClock.elapsedRealtime(), System.currentTimeMillis(), link.connected());
        result.set(Step.AWAKE, State.RUNNING, null, System.currentTimeMillis());
        SelfTest.alarm(context, SelfTestReceiver.AWAKE, LENGTH_MS);
        watchScreen();
    }

    /** The alarm came. */
    void end(LinkState link) {
        if (result.outcome(Step.AWAKE).state() == State.RUNNING) {
            String why = fault(link);
            result.set(Step.AWAKE, why == null ? State.OK : State.FAILED, why, System.currentTimeMillis());
        }
    }

    /** For the screen: an alarm that never came, or a phone that was restarted, ends the test too. */
    void settle(LinkState link) {
        long passed = SystemClock.elapsedRealtime() - result.awakeElapsedMs();
        if (passed < 0 || passed > LENGTH_MS + LATE_MS) {
            end(link);
        }
    }

    private String fault(LinkState link) {
        long passed = SystemClock.elapsedRealtime() - result.awakeElapsedMs();
        if (passed < 0) {
            return "restarted";
        }
        if (processStartMs.getAsLong() > result.awakeElapsedMs()) {
            return "killed";
        }
        if (result.screenWasOn() || passed <= LENGTH_MS + LATE_MS && context.getSystemService(PowerManager.class).isInteractive()) {
            return "screen_on";
        }
        if (passed > LENGTH_MS + LATE_MS) {
            return "late";
        }
        if (!result.awakeLinked()) {
            return null;
        }
        return !link.connected() ? "link_lost" : link.sinceMs() > result.awakeAtMs() ? "link_broke" : null;
    }

    private void watchScreen() {
        context.getApplicationContext().registerReceiver(new BroadcastReceiver() {
            @Override public void onReceive(Context at, Intent intent) {
                long passed = SystemClock.elapsedRealtime() - result.awakeElapsedMs();
                if (passed > GRACE_MS && passed < LENGTH_MS && result.outcome(Step.AWAKE).state() == State.RUNNING) {
                    result.screenOn();
                }
                if (passed > LENGTH_MS || result.outcome(Step.AWAKE).state() != State.RUNNING) {
                    at.unregisterReceiver(this);
                }
            }
        }, new IntentFilter(Intent.ACTION_SCREEN_ON));
    }
}
