package org.smsline.companion;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.provider.Settings;
import java.util.ArrayList;
import java.util.List;

/** What this phone must allow, as rows with a button each: permissions, life in the background, airplane mode off. */
final class Needs {
    private final Activity screen;
    private final Health health;
    /** Permissions that Android did not even ask for: only its settings can give them now. */
    private List<String> closed = List.of();

    Needs(Activity screen, Health health) {
        this.screen = screen;
        this.health = health;
    }

    List<Rows.Row> rows() {
        List<Rows.Row> rows = new ArrayList<>();
        if (health.airplane()) {
            rows.add(new Rows.Row(text(R.string.need_airplane), text(R.string.need_airplane_on), text(R.string.open_settings),
                () -> open(new Intent(Settings.ACTION_AIRPLANE_MODE_SETTINGS))));
        }
        rows.add(permission(R.string.need_sms, R.string.need_sms_why, Permissions.SMS));
        rows.add(permission(R.string.need_phone, R.string.need_phone_why, Permissions.PHONE));
        List<String> notify = Permissions.notify(Build.VERSION.SDK_INT);
        if (!notify.isEmpty()) {
            rows.add(permission(R.string.need_notify, R.string.need_notify_why, notify));
        }
        rows.add(health.dozeExempt() ? Rows.Row.plain(text(R.string.need_battery), text(R.string.allowed))
            : new Rows.Row(text(R.string.need_battery), text(R.string.need_battery_why), text(R.string.allow), this::exempt));
        return rows;
    }

    /** What came of a request; what is missing without Android having asked is closed from here on. */
    void answered(String[] asked) {
        List<String> refused = new ArrayList<>();
        for (String permission : Permissions.missing(screen, List.of(asked))) {
            if (!screen.shouldShowRequestPermissionRationale(permission)) {
                refused.add(permission);
            }
        }
        closed = refused;
    }

    private Rows.Row permission(int title, int why, List<String> group) {
        List<String> missing = Permissions.missing(screen, group);
        if (missing.isEmpty()) {
            return Rows.Row.plain(text(title), text(R.string.allowed));
        }
        boolean shut = missing.stream().anyMatch(closed::contains);
        if (!shut) {
            return new Rows.Row(text(title), text(why), text(R.string.allow), () -> screen.requestPermissions(missing.toArray(new String[0]), 1));
        }
        // From Android 13 an app that did not come from a shop is "restricted" until a person lifts that in the app's settings.
        int how = Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU ? R.string.need_restricted : R.string.need_closed;
        return new Rows.Row(text(title), text(how), text(R.string.open_settings), () -> open(details()));
    }

    private void exempt() {
        Intent ask = new Intent(Settings.ACTION_REQUEST_IGNORE_BATTERY_OPTIMIZATIONS, Uri.parse("package:" + screen.getPackageName()));
        if (!open(ask) && !open(new Intent(Settings.ACTION_IGNORE_BATTERY_OPTIMIZATION_SETTINGS))) {
            open(details());
        }
    }

    private Intent details() {
        return new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.parse("package:" + screen.getPackageName()));
    }

    private boolean open(Intent settings) {
        try {
            screen.startActivity(settings);
            return true;
        } catch (ActivityNotFoundException | SecurityException notHere) {
            return false;
        }
    }

    private String text(int id) {
        return screen.getString(id);
    }
}
