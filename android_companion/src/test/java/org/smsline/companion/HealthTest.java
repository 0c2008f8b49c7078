package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.app.Application;
import android.app.usage.UsageStatsManager;
import android.content.Intent;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.pm.PermissionInfo;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Looper;
import android.os.PowerManager;
import android.provider.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

@RunWith(RobolectricTestRunner.class)
public class HealthTest {
    private final Application application = RuntimeEnvironment.getApplication();
    private final Health health = new Health(application);
    private final AtomicInteger told = new AtomicInteger();

    private void battery(int percent, int plugged, int condition, int tenths) {
        application.sendStickyBroadcast(new Intent(Intent.ACTION_BATTERY_CHANGED).putExtra(BatteryManager.EXTRA_LEVEL, percent)
            .putExtra(BatteryManager.EXTRA_SCALE, 100).putExtra(BatteryManager.EXTRA_PLUGGED, plugged).putExtra(BatteryManager.EXTRA_STATUS, condition)
            .putExtra(BatteryManager.EXTRA_TEMPERATURE, tenths));
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private void listen() {
        health.listen(told::incrementAndGet);
        battery(81, 1, BatteryManager.BATTERY_STATUS_CHARGING, 295);
        told.set(0);
    }

    @Test public void theBatteryIsToldInTheUnitsOfTheWire() throws Exception {
        battery(81, 1, BatteryManager.BATTERY_STATUS_CHARGING, 295);
        JSONObject json = health.json();
        assertEquals(81, json.getInt("battery"));
        assertTrue(json.getBoolean("charging"));
        assertEquals(29.5, json.getDouble("temperature_c"), 0.01);
    }

    @Test public void aGuardedBatteryOnTheCableCountsAsChargingAndOneThatRunsDownDoesNot() throws Exception {
        battery(80, 2, BatteryManager.BATTERY_STATUS_NOT_CHARGING, 300);
        assertTrue(health.json().getBoolean("charging"));
        battery(79, 2, BatteryManager.BATTERY_STATUS_DISCHARGING, 300);
        assertFalse(health.json().getBoolean("charging"));
    }

    @Test public void everyMemberOfTheWireIsThere() throws Exception {
        JSONObject json = health.json();
        for (String member : List.of("battery", "charging", "temperature_c", "airplane", "free_bytes", "bucket", "doze_exempt", "default_sms_app",
            "missing_permissions", "limit")) {
            assertTrue(member, json.has(member));
        }
    }

    @Test public void theLimitOfThePlatformIsToldInSecondsAndNullWhenItIsHiddenOrNonsense() throws Exception {
        assertTrue(health.json().isNull("limit"));
        Settings.Global.putString(application.getContentResolver(), "sms_outgoing_check_max_count", "30");
        assertTrue(health.json().isNull("limit"));
        Settings.Global.putString(application.getContentResolver(), "sms_outgoing_check_interval_ms", "60000");
        assertEquals("{\"parts\":30,\"window_s\":60}", health.json().getJSONObject("limit").toString());
        Settings.Global.putString(application.getContentResolver(), "sms_outgoing_check_max_count", "many");
        assertTrue(health.json().isNull("limit"));
    }

    @Test public void theStandbyBucketHasItsNameFromAndroid9() throws Exception {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) {
            assertTrue(health.json().isNull("bucket"));
            return;
        }
        Shadows.shadowOf(application.getSystemService(UsageStatsManager.class)).setCurrentAppStandbyBucket(UsageStatsManager.STANDBY_BUCKET_RARE);
        assertEquals("rare", health.json().getString("bucket"));
    }

    @Test public void theExemptionFromBatterySavingIsSeen() throws Exception {
        assertFalse(health.json().getBoolean("doze_exempt"));
        Shadows.shadowOf(application.getSystemService(PowerManager.class)).setIgnoringBatteryOptimizations(application.getPackageName(), true);
        assertTrue(health.json().getBoolean("doze_exempt"));
    }

    @Test public void everyPermissionThatTheManifestNamesAndAPersonMustGrantIsWatched() throws Exception {
        PackageManager packages = application.getPackageManager();
        List<String> dangerous = new ArrayList<>();
        PackageInfo own = packages.getPackageInfo(application.getPackageName(), PackageManager.GET_PERMISSIONS);
        for (String permission : own.requestedPermissions) {
            try {
                int level = packages.getPermissionInfo(permission, 0).protectionLevel & PermissionInfo.PROTECTION_MASK_BASE;
                if (level == PermissionInfo.PROTECTION_DANGEROUS) {
                    dangerous.add(permission);
                }
            } catch (PackageManager.NameNotFoundException newerThanThisAndroid) {
                continue;
            }
        }
        List<String> watched = new ArrayList<>(Permissions.SMS);
        watched.addAll(Permissions.PHONE);
        watched.addAll(Permissions.notify(35));
        for (String permission : dangerous) {
            assertTrue(permission, watched.contains(permission));
        }
        for (String permission : watched) {
            assertTrue(permission, List.of(own.requestedPermissions).contains(permission));
        }
    }

    @Test public void whatIsMissingIsNamedAndWhatIsGrantedIsNot() throws Exception {
        Shadows.shadowOf(application).grantPermissions("android.permission.SEND_SMS");
        String missing = health.json().getJSONArray("missing_permissions").toString();
        assertFalse(missing, missing.contains("SEND_SMS"));
        assertTrue(missing, missing.contains("READ_PHONE_STATE"));
        assertEquals(Build.VERSION.SDK_INT >= 33, missing.contains("POST_NOTIFICATIONS"));
    }

    @Test public void aPercentLessIsNotToldAndFiveAreAndSoIsTheCable() {
        listen();
        battery(79, 1, BatteryManager.BATTERY_STATUS_CHARGING, 296);
        assertEquals(0, told.get());
        battery(76, 1, BatteryManager.BATTERY_STATUS_CHARGING, 300);
        assertEquals(1, told.get());
        battery(76, 0, BatteryManager.BATTERY_STATUS_DISCHARGING, 300);
        assertEquals(2, told.get());
    }

    @Test public void aHotBatteryIsTold() {
        listen();
        battery(81, 1, BatteryManager.BATTERY_STATUS_CHARGING, 455);
        assertEquals(1, told.get());
    }

    @Test public void airplaneModeIsToldAndShown() throws Exception {
        listen();
        Settings.Global.putInt(application.getContentResolver(), Settings.Global.AIRPLANE_MODE_ON, 1);
        application.sendBroadcast(new Intent(Intent.ACTION_AIRPLANE_MODE_CHANGED));
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        assertEquals(1, told.get());
        assertTrue(health.json().getBoolean("airplane"));
    }

    @Test public void everyFiveMinutesItIsToldAnyway() {
        listen();
        Shadows.shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(2 * Health.TICK_MS + 1));
        assertEquals(2, told.get());
    }
}
