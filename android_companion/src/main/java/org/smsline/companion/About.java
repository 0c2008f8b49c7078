package org.smsline.companion;

import android.content.Context;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.os.Build;
import org.json.JSONObject;

/** Which app on which phone: the members {@code app} and {@code phone} of hello and of a pairing. */
final class About {
    private About() {
    }

    static JSONObject app(Context context) {
        try {
            PackageInfo app = context.getPackageManager().getPackageInfo(context.getPackageName(), 0);
            return Events.body("code", app.versionCode, "name", app.versionName == null ? "" : app.versionName);
        } catch (PackageManager.NameNotFoundException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static JSONObject phone() {
        return Events.body("maker", Build.MANUFACTURER, "model", Build.MODEL, "android", Build.VERSION.RELEASE, "sdk", Build.VERSION.SDK_INT);
    }
}
