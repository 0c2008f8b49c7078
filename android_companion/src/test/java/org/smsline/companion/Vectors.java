package org.smsline.companion;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** tests/vectors/link.json, which pytest reads as well. */
final class Vectors {
    private Vectors() {
    }

    static List<JSONObject> of(String section) throws IOException, JSONException {
        String text = new String(Files.readAllBytes(Path.of(System.getProperty("vectors"))), StandardCharsets.UTF_8);
        JSONArray listed = new JSONObject(text).getJSONArray(section);
        List<JSONObject> all = new ArrayList<>();
        for (int i = 0; i < listed.length(); i++) {
            all.add(listed.getJSONObject(i));
        }
        return all;
    }
}
