package org.smsline.companion;

import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import android.telephony.CellSignalStrength;
import android.telephony.NetworkRegistrationInfo;
import android.telephony.PhoneStateListener;
import android.telephony.ServiceState;
import android.telephony.SignalStrength;
import android.telephony.TelephonyCallback;
import android.telephony.TelephonyManager;

/** Follows signal and registration of one subscription, by whichever of the platform's two ways this Android has. */
final class LineWatch {
    /** What was last heard; null where nothing was. */
    record Reading(Integer signalDbm, Boolean registered) {
    }

    private static final int GSM_STRONGEST = 31;
    private final TelephonyManager line;
    private final Runnable changed;
    private volatile Reading reading;
    private Object handle;

    LineWatch(TelephonyManager line, Runnable changed) {
        this.line = line;
        this.changed = changed;
        this.reading = read(line);
    }

    Reading reading() {
        return reading;
    }

    /** Main thread only. A phone that refuses to tell leaves the reading as it is. */
    void start() {
        try {
            handle = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S ? start31() : start26();
        } catch (SecurityException | UnsupportedOperationException refused) {
            handle = null;
        }
    }

    void stop() {
        if (handle instanceof PhoneStateListener listener) {
            line.listen(listener, PhoneStateListener.LISTEN_NONE);
        } else if (handle != null) {
            stop31();
        }
        handle = null;
    }

    /** One look without listening; before Android 9 the platform has none for the signal. */
    static Reading read(TelephonyManager line) {
        Integer dbm = null;
        Boolean registered = null;
        try {
            dbm = Build.VERSION.SDK_INT >= Build.VERSION_CODES.P ? signal28(line) : null;
            registered = registered(line.getServiceState());
        } catch (SecurityException | UnsupportedOperationException hidden) {
            // What was read before the refusal stands; the rest stays unknown.
        }
        return new Reading(dbm, registered);
    }

    private void heard(SignalStrength signal) {
        reading = new Reading(dbm(signal), reading.registered());
        changed.run();
    }

    private void heard(ServiceState service) {
        reading = new Reading(reading.signalDbm(), registered(service));
        changed.run();
    }

    private Object start26() {
        PhoneStateListener listener = new PhoneStateListener() {
            @Override public void onSignalStrengthsChanged(SignalStrength signal) {
                heard(signal);
            }

            @Override public void onServiceStateChanged(ServiceState service) {
                heard(service);
            }
        };
        line.listen(listener, PhoneStateListener.LISTEN_SIGNAL_STRENGTHS | PhoneStateListener.LISTEN_SERVICE_STATE);
        return listener;
    }

    @NewApi(31) private Object start31() {
        Callback callback = new Callback(this);
        line.registerTelephonyCallback(new Handler(Looper.getMainLooper())::post, callback);
        return callback;
    }

    @NewApi(31) private void stop31() {
        line.unregisterTelephonyCallback((TelephonyCallback) handle);
    }

    @NewApi(28) private static Integer signal28(TelephonyManager line) {
        return dbm(line.getSignalStrength());
    }

    private static Integer dbm(SignalStrength signal) {
        if (signal == null) {
            return null;
        }
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            return dbm29(signal);
        }
        // 3GPP TS 27.007, +CSQ: 0..31 in steps of 2 dB from -113 dBm; on LTE old Android tells apps no dBm, so unknown.
        int asu = signal.getGsmSignalStrength();
        return asu >= 0 && asu <= GSM_STRONGEST ? Integer.valueOf(2 * asu - 113) : null;
    }

    @NewApi(29) private static Integer dbm29(SignalStrength signal) {
        for (CellSignalStrength cell : signal.getCellSignalStrengths()) {
            if (cell.getDbm() < 0 && cell.getDbm() > -200) {
                return cell.getDbm();
            }
        }
        return null;
    }

    private static Boolean registered(ServiceState service) {
        if (service == null) {
            return null;
        }
        boolean voice = service.getState() == ServiceState.STATE_IN_SERVICE;
        return voice || Build.VERSION.SDK_INT >= Build.VERSION_CODES.R && texts30(service);
    }

    /** Without a voice network texts may still go, over IMS: a network that offers the SMS service counts. */
    @NewApi(30) private static boolean texts30(ServiceState service) {
        for (NetworkRegistrationInfo network : service.getNetworkRegistrationInfoList()) {
            if (network.isRegistered() && network.getAvailableServices().contains(NetworkRegistrationInfo.SERVICE_TYPE_SMS)) {
                return true;
            }
        }
        return false;
    }

    /** The way of Android 12 and later. */
    @NewApi(31) private static final class Callback extends TelephonyCallback
        implements TelephonyCallback.SignalStrengthsListener, TelephonyCallback.ServiceStateListener {
        private final LineWatch watch;

        Callback(LineWatch watch) {
            this.watch = watch;
        }

        @Override public void onSignalStrengthsChanged(SignalStrength signal) {
            watch.heard(signal);
        }

        @Override public void onServiceStateChanged(ServiceState service) {
            watch.heard(service);
        }
    }
}
