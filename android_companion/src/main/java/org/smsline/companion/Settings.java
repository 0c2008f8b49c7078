package org.smsline.companion;

import android.util.AtomicFile;
import android.util.Log;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Whose phone this is and where its gateway is: one small file, replaced as a whole. The device key in it is sealed. */
final class Settings {
    /** What a pairing brought. {@code pin} is empty when it was made over USB and the gateway named none. */
    record Gateway(String id, String name, String key, List<String> urls, String pin) {
    }

    /** Made anew whenever the process starts. */
    final String run = UUID.randomUUID().toString();
    private final AtomicFile file;
    private final Keystore keystore;
    private JSONObject members;
    private Gateway gateway;

    Settings(File directory) {
        this.file = new AtomicFile(new File(directory, "settings.json"));
        this.keystore = new Keystore(new File(directory, "device.key"));
        this.members = read();
        if (members.optString("install").isEmpty()) {
            renew();
        }
        this.gateway = opened();
    }

    synchronized String install() {
        return members.optString("install");
    }

    /** The gateway that this phone belongs to, or null. */
    synchronized Gateway gateway() {
        return gateway;
    }

    synchronized boolean paired() {
        return gateway != null;
    }

    /** The loopback port of the cable as adb last told it, 0 when it never did. */
    synchronized int usbPort() {
        return members.optInt("usb_port");
    }

    synchronized void usbPort(int port) {
        put("usb_port", port);
        write();
    }

    /**
     * Keeps a pairing in the place of whatever was there. {@code journal} is the id of the journal that it starts with;
     * {@code leave} runs when the key is sealed, and what it throws leaves everything as it was.
     */
    synchronized void pair(Gateway paired, String journal, Runnable leave) throws GeneralSecurityException, IOException {
        byte[] sealed = keystore.seal(paired.key().getBytes(StandardCharsets.US_ASCII));
        leave.run();
        put("key", Base64.getEncoder().encodeToString(sealed));
        put("journal", journal);
        keep(paired);
    }

    /** What the gateway says of itself at each connection: its name and its addresses may change, its identity not. */
    synchronized void learn(String name, List<String> urls, String pin) {
        Gateway now = new Gateway(gateway.id(), name, gateway.key(), List.copyOf(urls), pin);
        if (!now.equals(gateway)) {
            keep(now);
        }
    }

    synchronized void unpair() {
        for (String name : new String[] {"key", "journal", "gateway", "name", "urls", "pin"}) {
            members.remove(name);
        }
        gateway = null;
        write();
    }

    /** A pairing outlives its journal only as a lie: without the journal nobody can say what was sent. */
    synchronized void check(String journal) {
        if (gateway != null && !members.optString("journal").equals(journal)) {
            Log.w("Settings", "the journal is not the one of this pairing; the app starts as a new install");
            unpair();
            renew();
        }
    }

    private void renew() {
        put("install", UUID.randomUUID().toString());
        write();
    }

    private void keep(Gateway now) {
        put("gateway", now.id());
        put("name", now.name());
        put("urls", new JSONArray(now.urls()));
        put("pin", now.pin());
        write();
        gateway = now;
    }

    private Gateway opened() {
        if (members.optString("gateway").isEmpty()) {
            return null;
        }
        try {
            String key = new String(keystore.open(Base64.getDecoder().decode(members.optString("key"))), StandardCharsets.US_ASCII);
            List<String> urls = new ArrayList<>();
            JSONArray stored = members.optJSONArray("urls");
            for (int i = 0; stored != null && i < stored.length(); i++) {
                urls.add(stored.optString(i));
            }
            return new Gateway(members.optString("gateway"), members.optString("name"), key, urls, members.optString("pin"));
        } catch (GeneralSecurityException | IOException | RuntimeException lost) {
            Log.w("Settings", "the device key cannot be opened: " + lost.getClass().getSimpleName());
            return null;
        }
    }

    private JSONObject read() {
        try {
            return new JSONObject(new String(file.readFully(), StandardCharsets.UTF_8));
        } catch (IOException | JSONException none) {
            return new JSONObject();
        }
    }

    private void put(String name, Object value) {
        try {
            members.put(name, value);
        } catch (JSONException onlyForNaN) {
            throw new IllegalStateException(onlyForNaN);
        }
    }

    private void write() {
        FileOutputStream out = null;
        try {
            out = file.startWrite();
            out.write(members.toString().getBytes(StandardCharsets.UTF_8));
            file.finishWrite(out);
        } catch (IOException full) {
            file.failWrite(out);
            Log.w("Settings", "not written: " + full.getClass().getSimpleName());
        }
    }
}
