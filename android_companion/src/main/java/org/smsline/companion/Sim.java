package org.smsline.companion;

import org.json.JSONException;
import org.json.JSONObject;

/**
 * One SIM as the platform shows it; the object SIM of the wire. {@code iccid} and {@code number} are null where Android
 * hides them; {@code state} is ready, pin, puk, absent or not_ready; the boxed members are null when unknown.
 */
record Sim(int sub, int slot, String iccid, String number, String name, String operator, String mccmnc, String state,
           Boolean roaming, Integer signalDbm, Boolean registered) {

    JSONObject json() {
        try {
            return new JSONObject().put("sub", sub).put("slot", slot).put("iccid", orNull(iccid))
                .put("number", orNull(number)).put("name", orNull(name)).put("operator", orNull(operator))
                .put("mccmnc", orNull(mccmnc)).put("state", state).put("roaming", orNull(roaming))
                .put("signal_dbm", orNull(signalDbm)).put("registered", orNull(registered));
        } catch (JSONException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Object orNull(Object value) {
        return value == null ? JSONObject.NULL : value;
    }
}
