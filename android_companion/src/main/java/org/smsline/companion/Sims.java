package org.smsline.companion;

import android.Manifest;
import android.content.Context;
import android.content.pm.PackageManager;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import android.telephony.SubscriptionInfo;
import android.telephony.SubscriptionManager;
import android.telephony.TelephonyManager;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The SIMs of this phone, from the platform's active subscriptions; what it may not see is null, never a guess. Listening
 * starts by itself as soon as the permission is there: a grant over adb tells an app nothing.
 */
final class Sims implements SimSource {
    /** Why there is no SIM to show. */
    enum Trouble { NO_TELEPHONY, NO_PERMISSION, NO_SIM }

    /** A signal is worth a message when it moved by more than this (docs/link.md, "Other requests"). */
    static final int SIGNAL_STEP_DB = 6;

    private final Context context;
    private final SubscriptionManager subscriptions;
    private final TelephonyManager telephony;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Map<Integer, LineWatch> watches = new ConcurrentHashMap<>();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private volatile SubscriptionManager.OnSubscriptionsChangedListener attached;
    private List<Sim> told = List.of();

    Sims(Context context) {
        this.context = context;
        this.subscriptions = context.getSystemService(SubscriptionManager.class);
        this.telephony = context.getSystemService(TelephonyManager.class);
    }

    @Override public List<Sim> sims() {
        List<Sim> found = new ArrayList<>();
        for (SubscriptionInfo info : active()) {
            found.add(sim(info));
        }
        // No static method of an interface: the dex is proved by a translator that does not know them (test_apk_executed).
        found.sort((one, other) -> Integer.compare(one.slot(), other.slot()));
        if (!listeners.isEmpty() && attached == null && mayRead()) {
            main.post(this::follow);
        }
        return found;
    }

    @Override public void listen(Runnable changed) {
        listeners.add(changed);
        main.post(this::follow);
    }

    /** Why {@link #sims} is empty, or null when it is not. */
    Trouble trouble() {
        if (subscriptions == null || telephony == null || telephony.getPhoneType() == TelephonyManager.PHONE_TYPE_NONE) {
            return Trouble.NO_TELEPHONY;
        }
        if (!mayRead()) {
            return Trouble.NO_PERMISSION;
        }
        return active().isEmpty() ? Trouble.NO_SIM : null;
    }

    private boolean mayRead() {
        return subscriptions != null && telephony != null
            && context.checkSelfPermission(Manifest.permission.READ_PHONE_STATE) == PackageManager.PERMISSION_GRANTED;
    }

    private List<SubscriptionInfo> active() {
        if (!mayRead()) {
            return List.of();
        }
        try {
            List<SubscriptionInfo> infos = subscriptions.getActiveSubscriptionInfoList();
            return infos == null ? List.of() : infos;
        } catch (SecurityException | UnsupportedOperationException refused) {
            return List.of();
        }
    }

    private Sim sim(SubscriptionInfo info) {
        int sub = info.getSubscriptionId();
        TelephonyManager line = telephony.createForSubscriptionId(sub);
        LineWatch watch = watches.get(sub);
        LineWatch.Reading reading = watch == null ? LineWatch.read(line) : watch.reading();
        CharSequence name = info.getDisplayName();
        return new Sim(sub, info.getSimSlotIndex(), iccid(info), orNull(number(info)), name == null ? null : orNull(name.toString()),
            orNull(line.getNetworkOperatorName()), orNull(line.getNetworkOperator()), state(telephony.getSimState(info.getSimSlotIndex())),
            line.isNetworkRoaming(), reading.signalDbm(), reading.registered());
    }

    /** Android 10 and later give an empty ICCID to ordinary apps; older ones may pad an odd number of digits with F. */
    private static String iccid(SubscriptionInfo info) {
        String iccid = info.getIccId();
        return iccid == null ? null : orNull(iccid.replaceAll("[fF]+$", ""));
    }

    private String number(SubscriptionInfo info) {
        try {
            return Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU ? number33(info.getSubscriptionId()) : info.getNumber();
        } catch (SecurityException | UnsupportedOperationException hidden) {
            return null;
        }
    }

    @NewApi(33) private String number33(int sub) {
        return subscriptions.getPhoneNumber(sub);
    }

    private static String state(int platform) {
        return switch (platform) {
            case TelephonyManager.SIM_STATE_READY -> "ready";
            case TelephonyManager.SIM_STATE_PIN_REQUIRED -> "pin";
            case TelephonyManager.SIM_STATE_PUK_REQUIRED -> "puk";
            case TelephonyManager.SIM_STATE_ABSENT -> "absent";
            default -> "not_ready";
        };
    }

    private static String orNull(String text) {
        return text == null || text.trim().isEmpty() ? null : text.trim();
    }

    /** Follows the subscriptions and each active line. Main thread only: old listeners speak on the thread that made them. */
    private void follow() {
        if (!mayRead() || attached == null && !attach()) {
            return; // asked again by the next sims()
        }
        Map<Integer, LineWatch> gone = new HashMap<>(watches);
        for (SubscriptionInfo info : active()) {
            int sub = info.getSubscriptionId();
            if (gone.remove(sub) == null) {
                LineWatch watch = new LineWatch(telephony.createForSubscriptionId(sub), this::compare);
                watches.put(sub, watch);
                watch.start();
            }
        }
        for (Map.Entry<Integer, LineWatch> old : gone.entrySet()) {
            watches.remove(old.getKey());
            old.getValue().stop();
        }
        compare();
    }

    private boolean attach() {
        SubscriptionManager.OnSubscriptionsChangedListener listener = new SubscriptionManager.OnSubscriptionsChangedListener() {
            @Override public void onSubscriptionsChanged() {
                follow();
            }
        };
        attached = listener; // before the call: some platforms call back at once
        try {
            subscriptions.addOnSubscriptionsChangedListener(listener);
            return true;
        } catch (SecurityException | UnsupportedOperationException refused) {
            attached = null;
            return false;
        }
    }

    private void compare() {
        List<Sim> now = sims();
        if (differ(told, now)) {
            told = now;
            listeners.forEach(Runnable::run);
        }
    }

    /** Whether the gateway should hear of it: anything but a signal that moved by no more than the step. */
    static boolean differ(List<Sim> before, List<Sim> now) {
        if (before.size() != now.size()) {
            return true;
        }
        for (int i = 0; i < now.size(); i++) {
            Sim old = before.get(i);
            Sim fresh = now.get(i);
            Integer was = old.signalDbm();
            Integer is = fresh.signalDbm();
            boolean moved = was == null || is == null ? !Objects.equals(was, is) : Math.abs(was - is) > SIGNAL_STEP_DB;
            if (moved || !silent(old).equals(silent(fresh))) {
                return true;
            }
        }
        return false;
    }

    private static Sim silent(Sim sim) {
        return new Sim(sim.sub(), sim.slot(), sim.iccid(), sim.number(), sim.name(), sim.operator(), sim.mccmnc(), sim.state(),
            sim.roaming(), null, sim.registered());
    }
}
