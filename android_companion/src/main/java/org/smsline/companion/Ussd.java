package org.smsline.companion;

import android.Manifest;
import android.content.Context;
import android.content.pm.PackageManager;
import android.os.Handler;
import android.os.Looper;
import android.telephony.TelephonyManager;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

/** USSD codes through the platform, one at a time per SIM; each question gets exactly one answer within the deadline. */
final class Ussd {
    /** Exactly one call of either: the network's text, or a code of the wire with a detail in words. */
    interface Callback {
        void answered(String text);

        void failed(String code, String detail);
    }

    static final long DEADLINE_MS = 60_000;
    private static final Pattern CODE = Pattern.compile("[*#0-9]{1,182}");
    private final Context context;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Set<Integer> asking = new HashSet<>();

    Ussd(Context context) {
        this.context = context;
    }

    /** On air: yes. The answer comes on the main thread, a refusal at once on the caller's. */
    void ask(int sub, String code, Callback callback) {
        TelephonyManager telephony = context.getSystemService(TelephonyManager.class);
        if (!CODE.matcher(code).matches()) {
            callback.failed("bad_code", "a USSD code is made of digits, * and #, like *100#");
        } else if (telephony == null) {
            callback.failed("no_service", "this device has no telephone");
        } else if (context.checkSelfPermission(Manifest.permission.CALL_PHONE) != PackageManager.PERMISSION_GRANTED) {
            callback.failed("no_permission", "the app may not ask the operator: allow \"Phone\" in the app on the phone");
        } else if (!take(sub)) {
            callback.failed("busy", "this SIM still waits for the answer to another code; ask again in a minute");
        } else {
            main.post(() -> call(telephony.createForSubscriptionId(sub), code, new Once(sub, callback)));
        }
    }

    private synchronized boolean take(int sub) {
        return asking.add(sub);
    }

    private synchronized void free(int sub) {
        asking.remove(sub);
    }

    private void call(TelephonyManager line, String code, Once once) {
        main.postDelayed(once.late, DEADLINE_MS);
        try {
            line.sendUssdRequest(code, once, main);
        } catch (SecurityException refused) {
            once.fail("no_permission", "Android refused the call to the operator: allow \"Phone\" in the app on the phone");
        } catch (RuntimeException refused) {
            // Phones without the service throw what they like here; the question must still be answered.
            once.fail("no_service", "the phone refused the code: " + refused.getClass().getSimpleName());
        }
    }

    /** One question: the first of answer, failure and deadline counts, what comes later is dropped. */
    private final class Once extends TelephonyManager.UssdResponseCallback {
        private final int sub;
        private final Callback callback;
        private final AtomicBoolean done = new AtomicBoolean();
        private final Runnable late = () -> fail("timeout", "the network did not answer within 60 s");

        Once(int sub, Callback callback) {
            this.sub = sub;
            this.callback = callback;
        }

        @Override public void onReceiveUssdResponse(TelephonyManager line, String request, CharSequence response) {
            if (end()) {
                callback.answered(response == null ? "" : response.toString());
            }
        }

        @Override public void onReceiveUssdResponseFailed(TelephonyManager line, String request, int failureCode) {
            if (failureCode == TelephonyManager.USSD_ERROR_SERVICE_UNAVAIL) {
                fail("no_service", "this phone or network cannot ask now: check the signal and airplane mode");
            } else {
                fail("refused", "the network refused the code");
            }
        }

        private void fail(String code, String detail) {
            if (end()) {
                callback.failed(code, detail);
            }
        }

        private boolean end() {
            if (!done.compareAndSet(false, true)) {
                return false;
            }
            main.removeCallbacks(late);
            free(sub);
            return true;
        }
    }
}
