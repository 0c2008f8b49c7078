package org.smsline.companion;

import java.util.Base64;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The bodies of the events of docs/link.md, as the journal keeps them: everything but the type and the id. */
final class Events {
    private Events() {
    }

    static JSONObject sent(String job, int part, int result, Integer error, boolean noDefault, long atMs) {
        return body("kind", "sent", "job", job, "part", part, "result", result, "error", error == null ? JSONObject.NULL : error,
            "no_default", noDefault, "at_ms", atMs);
    }

    static JSONObject report(String job, int part, int sub, String pdu, String format, long atMs) {
        return body("kind", "report", "job", job, "part", part, "sub", sub, "pdu", pdu, "format", format, "at_ms", atMs);
    }

    static JSONObject failed(String job, String code, String detail, long atMs) {
        return body("kind", "failed", "job", job, "code", code, "detail", detail, "at_ms", atMs);
    }

    static JSONObject inbound(int sub, List<String> pdus, String format, long atMs) {
        return body("kind", "inbound", "sub", sub, "pdus", new JSONArray(pdus), "format", format, "at_ms", atMs);
    }

    static JSONObject text(int sub, String from, String text, long sentAtMs, long row, long atMs) {
        return body("kind", "text", "sub", sub, "from", from, "text", text, "sent_at_ms", sentAtMs > 0 ? sentAtMs : JSONObject.NULL, "at_ms", atMs, "row", row);
    }

    static JSONObject mms(int sub, byte[] pdu, long atMs) {
        return body("kind", "mms", "sub", sub, "pdu", Base64.getEncoder().encodeToString(pdu), "at_ms", atMs);
    }

    /** An object of names and values in turn. */
    static JSONObject body(Object... members) {
        try {
            JSONObject body = new JSONObject();
            for (int i = 0; i < members.length; i += 2) {
                body.put((String) members[i], members[i + 1]);
            }
            return body;
        } catch (JSONException onlyForNaN) {
            throw new IllegalStateException(onlyForNaN);
        }
    }
}
