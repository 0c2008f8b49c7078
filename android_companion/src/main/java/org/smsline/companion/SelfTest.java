package org.smsline.companion;

import android.Manifest;
import android.app.Activity;
import android.app.AlarmManager;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.os.SystemClock;
import android.telephony.SmsManager;
import android.telephony.SmsMessage;
import java.util.Locale;
import java.util.UUID;
import org.smsline.companion.SelfTestResult.State;
import org.smsline.companion.SelfTestResult.Step;

/**
 * Proves on this very phone that a text to itself goes out, is reported and comes in. Its ids start with
 * {@link Companion#SELF}; nothing of it reaches the journal or the gateway.
 */
final class SelfTest implements Companion.Ear {
    /** A report or the text itself may take minutes on a busy network; later than this people have gone. */
    static final long PATIENCE_MS = 5 * 60_000L;
    private static final int PERMANENT = 0x40; // 3GPP TS 23.040 9.2.3.15: TP-ST from here on says that it will not arrive
    private static final int TEMPORARY = 0x20; // and from here on that the network still tries

    private final Context context;
    private final SelfTestResult result;

    SelfTest(Context context) {
        this.context = context;
        this.result = new SelfTestResult(context);
    }

    /** On air: yes, one text. */
    void begin(int sub, String number) {
        String run = Companion.SELF + UUID.randomUUID().toString().substring(0, 8);
        result.begin(run, System.currentTimeMillis());
        if (context.checkSelfPermission(Manifest.permission.SEND_SMS) != PackageManager.PERMISSION_GRANTED
            || context.checkSelfPermission(Manifest.permission.RECEIVE_SMS) != PackageManager.PERMISSION_GRANTED) {
            set(Step.HANDED, State.FAILED, "no_permission");
            return;
        }
        App.of(context).ear(this);
        set(Step.SENT, State.RUNNING, null);
        set(Step.REPORT, State.RUNNING, null);
        set(Step.INBOUND, State.RUNNING, null);
        alarm(context, SelfTestReceiver.DEADLINE, PATIENCE_MS);
        try {
            SmsManager.getSmsManagerForSubscriptionId(sub).sendTextMessage(number.trim(), null, context.getString(R.string.selftest_text, run),
                SendIntents.sent(context, run, 1), SendIntents.delivered(context, run, 1));
            set(Step.HANDED, State.OK, null);
        } catch (SecurityException | IllegalArgumentException | IllegalStateException | UnsupportedOperationException refused) {
            set(Step.HANDED, State.FAILED, "call_failed");
            end("not_sent");
        }
    }

    /** Whether a text is the last run's own; the sweep of the inbox leaves it out. */
    static boolean own(Context context, String text) {
        String run = new SelfTestResult(context).run();
        return run != null && text != null && text.contains(run);
    }

    @Override public boolean heard(String kind, String job, int part, int code, String pdu) {
        String run = result.run();
        if (run == null) {
            return false;
        }
        if (kind.equals("inbound")) {
            SmsMessage text = parsed(pdu);
            boolean own = text != null && own(context, text.getMessageBody());
            if (own) {
                set(Step.INBOUND, State.OK, null);
            }
            return own;
        }
        if (!run.equals(job)) {
            return false;
        }
        if (kind.equals("sent")) {
            sent(code);
        } else {
            delivered(parsed(pdu));
        }
        return true;
    }

    /** Ends what has waited for too long. Called by the alarm, and by the screen in case the alarm never came. */
    void settle() {
        if (result.run() != null && Math.abs(System.currentTimeMillis() - result.startedMs()) >= PATIENCE_MS) {
            end("silence");
        }
    }

    private void sent(int code) {
        if (code == Activity.RESULT_OK) {
            set(Step.SENT, State.OK, null);
            return;
        }
        set(Step.SENT, State.FAILED, switch (code) {
            case SmsManager.RESULT_ERROR_RADIO_OFF -> "radio_off";
            case SmsManager.RESULT_ERROR_NO_SERVICE -> "no_service";
            case SmsManager.RESULT_ERROR_LIMIT_EXCEEDED -> "limit";
            default -> "refused";
        });
        end("not_sent");
    }

    private void delivered(SmsMessage report) {
        if (report == null) {
            set(Step.REPORT, State.FAILED, "report_unreadable");
        } else if (report.getStatus() >= PERMANENT) {
            set(Step.REPORT, State.FAILED, "report_failed");
        } else if (report.getStatus() < TEMPORARY) {
            set(Step.REPORT, State.OK, null);
        }
    }

    private void end(String why) {
        for (Step step : new Step[] {Step.SENT, Step.REPORT, Step.INBOUND}) {
            if (result.outcome(step).state() == State.RUNNING) {
                set(step, State.FAILED, why.equals("silence") ? "silence_" + step.name().toLowerCase(Locale.ROOT) : why);
            }
        }
    }

    private void set(Step step, State state, String why) {
        result.set(step, state, why, System.currentTimeMillis());
    }

    private static SmsMessage parsed(String pdu) {
        try {
            return pdu == null || pdu.isEmpty() ? null : SmsMessage.createFromPdu(Hex.octets(pdu), SmsMessage.FORMAT_3GPP);
        } catch (RuntimeException unreadable) {
            // The platform's parser throws what it likes on octets that are no PDU.
            return null;
        }
    }

    /** Wakes the phone from its sleep; inexact alarms need no permission, and some minutes more do not matter. */
    static void alarm(Context context, String action, long inMs) {
        PendingIntent intent = PendingIntent.getBroadcast(context, 0, new Intent(context, SelfTestReceiver.class).setAction(action),
            PendingIntent.FLAG_UPDATE_CURRENT | PendingIntent.FLAG_IMMUTABLE);
        context.getSystemService(AlarmManager.class)
            .setAndAllowWhileIdle(AlarmManager.ELAPSED_REALTIME_WAKEUP, SystemClock.elapsedRealtime() + inMs, intent);
    }
}
