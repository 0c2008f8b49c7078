package org.smsline.companion;

import android.Manifest;
import android.content.Context;
import android.content.pm.PackageManager;
import android.os.Build;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Which permissions people must grant, in the groups that Android asks for together, and which of them are missing. */
final class Permissions {
    /** Everything that moves messages. */
    static final List<String> SMS = List.of(Manifest.permission.SEND_SMS, Manifest.permission.RECEIVE_SMS,
        Manifest.permission.READ_SMS, Manifest.permission.RECEIVE_MMS, Manifest.permission.RECEIVE_WAP_PUSH);
    /** Everything that shows SIM cards and asks the operator for the credit. */
    static final List<String> PHONE = List.of(Manifest.permission.READ_PHONE_STATE, Manifest.permission.READ_PHONE_NUMBERS,
        Manifest.permission.CALL_PHONE);

    private Permissions() {
    }

    /** The permission to show that the app is at work; Android 13 and later ask for it. */
    static List<String> notify(int sdk) {
        return sdk >= Build.VERSION_CODES.TIRAMISU ? List.of("android.permission.POST_NOTIFICATIONS") : List.of();
    }

    static List<String> missing(Context context) {
        List<String> missing = new ArrayList<>();
        for (List<String> group : Arrays.asList(SMS, PHONE, notify(Build.VERSION.SDK_INT))) {
            missing.addAll(missing(context, group));
        }
        return missing;
    }

    static List<String> missing(Context context, List<String> group) {
        List<String> missing = new ArrayList<>();
        for (String permission : group) {
            if (context.checkSelfPermission(permission) != PackageManager.PERMISSION_GRANTED) {
                missing.add(permission);
            }
        }
        return missing;
    }
}
