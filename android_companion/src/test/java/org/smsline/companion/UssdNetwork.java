package org.smsline.companion;

import android.os.Handler;
import android.telephony.TelephonyManager;
import java.util.ArrayList;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowTelephonyManager;

/** The operator's side of USSD in the tests: it remembers what was asked, and the test answers. */
@Implements(TelephonyManager.class)
public class UssdNetwork extends ShadowTelephonyManager {
    record Asked(TelephonyManager line, String code, TelephonyManager.UssdResponseCallback callback) {
    }

    static final List<Asked> ASKED = new ArrayList<>();
    static RuntimeException refuses;
    @RealObject private TelephonyManager real;

    @Implementation protected void sendUssdRequest(String code, TelephonyManager.UssdResponseCallback callback, Handler handler) {
        if (refuses != null) {
            throw refuses;
        }
        ASKED.add(new Asked(real, code, callback));
    }
}
