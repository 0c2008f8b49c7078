package org.smsline.companion;

import android.app.usage.UsageStatsManager;
import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import android.os.PowerManager;
import android.provider.Settings;
import android.provider.Telephony;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The phone's health: the object HEALTH of the wire. A member that the platform does not tell is null. */
final class Health {
    static final long TICK_MS = 5 * 60_000L;
    static final int BATTERY_STEP_PERCENT = 5;
    static final double HOT_C = 45;
    private final Context context;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private Power told;

    /** What of the battery can change often; told again only when it matters. */
    private record Power(Integer percent, Boolean charging, Double celsius) {
        boolean matters(Power before) {
            boolean level = percent != null && before.percent != null && Math.abs(percent - before.percent) >= BATTERY_STEP_PERCENT;
            boolean heat = celsius != null && before.celsius != null && celsius >= HOT_C != before.celsius >= HOT_C;
            return level || heat || charging != null && !charging.equals(before.charging);
        }
    }

    Health(Context context) {
        this.context = context;
    }

    JSONObject json() {
        Power power = power(context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED)));
        try {
            return new JSONObject().put("battery", orNull(power.percent)).put("charging", orNull(power.charging))
                .put("temperature_c", orNull(power.celsius)).put("airplane", airplane())
                .put("free_bytes", context.getFilesDir().getUsableSpace()).put("bucket", orNull(bucket()))
                .put("doze_exempt", dozeExempt()).put("default_sms_app", defaultSmsApp())
                .put("missing_permissions", new JSONArray(Permissions.missing(context))).put("limit", orNull(limit()));
        } catch (JSONException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Calls {@code changed} when something that matters changed, and every five minutes. It is called on the main thread. */
    void listen(Runnable changed) {
        listeners.add(changed);
        if (listeners.size() > 1) {
            return;
        }
        IntentFilter filter = new IntentFilter(Intent.ACTION_BATTERY_CHANGED);
        filter.addAction(Intent.ACTION_AIRPLANE_MODE_CHANGED);
        context.registerReceiver(new BroadcastReceiver() {
            @Override public void onReceive(Context ignored, Intent intent) {
                heard(intent);
            }
        }, filter, null, main);
        main.postDelayed(this::tick, TICK_MS);
    }

    boolean dozeExempt() {
        return context.getSystemService(PowerManager.class).isIgnoringBatteryOptimizations(context.getPackageName());
    }

    boolean airplane() {
        return Settings.Global.getInt(context.getContentResolver(), Settings.Global.AIRPLANE_MODE_ON, 0) != 0;
    }

    private boolean defaultSmsApp() {
        return context.getPackageName().equals(Telephony.Sms.getDefaultSmsPackage(context));
    }

    private void tick() {
        tell();
        main.postDelayed(this::tick, TICK_MS);
    }

    private void heard(Intent intent) {
        if (Intent.ACTION_AIRPLANE_MODE_CHANGED.equals(intent.getAction())) {
            tell();
            return;
        }
        Power now = power(intent);
        if (told == null) {
            told = now; // the first is the state at the start, which the hello has told
        } else if (now.matters(told)) {
            told = now;
            tell();
        }
    }

    private void tell() {
        listeners.forEach(Runnable::run);
    }

    private static Power power(Intent battery) {
        if (battery == null) {
            return new Power(null, null, null);
        }
        int level = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
        int scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
        int condition = battery.getIntExtra(BatteryManager.EXTRA_STATUS, -1);
        int tenths = battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Integer.MIN_VALUE);
        // A phone that guards its battery stops charging at 80 % on the cable: plugged in and not running down is charging enough.
        boolean plugged = battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0;
        return new Power(level < 0 || scale <= 0 ? null : 100 * level / scale,
            condition < 0 ? null : plugged && condition != BatteryManager.BATTERY_STATUS_DISCHARGING,
            tenths == Integer.MIN_VALUE ? null : tenths / 10.0);
    }

    private String bucket() {
        return Build.VERSION.SDK_INT >= Build.VERSION_CODES.P ? bucket28() : null;
    }

    @NewApi(28) private String bucket28() {
        return switch (context.getSystemService(UsageStatsManager.class).getAppStandbyBucket()) {
            case 5 -> "exempted"; // hidden constant of the platform: apps that are never put aside
            case UsageStatsManager.STANDBY_BUCKET_ACTIVE -> "active";
            case UsageStatsManager.STANDBY_BUCKET_WORKING_SET -> "working_set";
            case UsageStatsManager.STANDBY_BUCKET_FREQUENT -> "frequent";
            case UsageStatsManager.STANDBY_BUCKET_RARE -> "rare";
            case 45 -> "restricted"; // STANDBY_BUCKET_RESTRICTED, from API 30
            default -> null;
        };
    }

    /** The platform's own limit where its settings name it; Android 12 and later hide both settings from apps. */
    private JSONObject limit() throws JSONException {
        try {
            String parts = Settings.Global.getString(context.getContentResolver(), "sms_outgoing_check_max_count");
            String interval = Settings.Global.getString(context.getContentResolver(), "sms_outgoing_check_interval_ms");
            if (parts == null || interval == null) {
                return null;
            }
            return new JSONObject().put("parts", Integer.parseInt(parts)).put("window_s", Long.parseLong(interval) / 1000);
        } catch (SecurityException | NumberFormatException hidden) {
            return null;
        }
    }

    private static Object orNull(Object value) {
        return value == null ? JSONObject.NULL : value;
    }
}
