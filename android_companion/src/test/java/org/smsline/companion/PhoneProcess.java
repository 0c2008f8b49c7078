package org.smsline.companion;

import android.os.Looper;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;

/**
 * Not a test: the real app as a process of its own that other tests start, drive over a TCP connection with one JSON
 * object a line, kill, and start again on the same files. tools/phone-process.sh starts it; README.md lists the commands.
 */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, shadows = Air.class)
public class PhoneProcess {
    private static final int SENT_OK = -1;
    private final ConcurrentLinkedQueue<Runnable> onMain = new ConcurrentLinkedQueue<>();
    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor();
    private Phone phone;
    private FileOutputStream air;
    private JSONArray calls;
    private PrintWriter out;
    private volatile JSONObject auto = new JSONObject();
    private volatile boolean stopped;

    @Test public void run() throws Exception {
        File directory = new File(System.getProperty("phone.process"));
        // A file that the last process left open at its death is complete: every line was forced out before its call returned.
        File ledger = new File(directory, "air.log");
        calls = ledger(ledger);
        air = new FileOutputStream(ledger, true);
        Air.clear();
        Air.before = this::onAir;
        Phone.limit(System.getProperty("phone.limit", "100000"));
        phone = new Phone(directory, Link.Timing.STANDARD);
        try (Socket control = new Socket("127.0.0.1", Integer.getInteger("phone.control"))) {
            out = new PrintWriter(control.getOutputStream(), true, StandardCharsets.UTF_8);
            BufferedReader in = new BufferedReader(new InputStreamReader(control.getInputStream(), StandardCharsets.UTF_8));
            Thread commands = new Thread(() -> read(in), "control");
            commands.start();
            answer(new JSONObject().put("ready", true).put("install", phone.companion.settings.install()).put("run", phone.companion.settings.run)
                .put("paired", phone.companion.settings.paired()).put("waiting", phone.companion.journal.waiting()));
            phone.companion.start();
            while (!stopped) {
                for (Runnable next = onMain.poll(); next != null; next = onMain.poll()) {
                    next.run();
                }
                Shadows.shadowOf(Looper.getMainLooper()).idle();
                LockSupport.parkNanos(1_000_000);
            }
        }
        phone.companion.stop();
        later.shutdownNow();
    }

    private void read(BufferedReader in) {
        try {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JSONObject command = new JSONObject(line);
                onMain.add(() -> {
                    try {
                        obey(command);
                    } catch (JSONException | RuntimeException | IOException failed) {
                        answer(Events.body("did", command.optString("do"), "error", failed.toString()));
                    }
                });
            }
        } catch (IOException | JSONException gone) {
            System.err.println("control: " + gone);
        }
        // Who started this process is gone, and so is its reason.
        stopped = true;
    }

    private void obey(JSONObject command) throws JSONException, IOException {
        JSONObject result = Events.body("did", command.getString("do"));
        switch (command.getString("do")) {
            case "sent", "delivered", "inbound" -> {
                broadcast(command);
                // Behind what the receiver has left to do: who reads the answer knows that the journal has it.
                phone.companion.later(() -> answer(result));
                return;
            }
            case "pair" -> {
                pair(command);
                return;
            }
            case "dial" -> dial(command);
            case "calls" -> result.put("calls", copy());
            case "sims" -> phone.simsChanged(sims(command.getJSONArray("sims")));
            case "cut" -> phone.companion.link.drop();
            case "auto" -> auto = command;
            case "unpair" -> phone.companion.unpair();
            case "state" -> result.put("way", phone.companion.link.state().way()).put("code", phone.companion.link.state().code())
                .put("waiting", phone.companion.journal.waiting()).put("paired", phone.companion.settings.paired());
            case "stop" -> stopped = true;
            default -> result.put("error", "no such command");
        }
        answer(result);
    }

    private void broadcast(JSONObject command) throws JSONException {
        switch (command.getString("do")) {
            case "sent" -> phone.sent(command.getString("job"), command.getInt("part"), command.optInt("result", SENT_OK),
                command.isNull("error") ? null : command.getInt("error"));
            case "delivered" -> phone.delivered(command.getString("job"), command.getInt("part"), command.getString("pdu"));
            default -> phone.inbound(command.getInt("sub"), texts(command.getJSONArray("pdus")));
        }
    }

    private void pair(JSONObject command) throws JSONException {
        URI url = URI.create(command.getString("url"));
        boolean usb = "ws".equals(url.getScheme());
        Pairing.Target target = usb ? Pairing.Target.usb(url.getPort(), command.getString("code"))
            : new Pairing.Target(Endpoint.lan(url.toString()), command.optString("pin"), new PairingCode(command.getString("code")));
        Companion.Done done = new Companion.Done() {
            @Override public void paired(String gateway) {
                answer(Events.body("did", "pair", "paired", gateway));
            }

            @Override public void failed(String code, String hint) {
                answer(Events.body("did", "pair", "failed", code, "hint", hint));
            }
        };
        if (usb) {
            phone.companion.handover(target, done);
        } else {
            phone.companion.pair(target, done);
        }
    }

    /** ws: the cable's port, and a cable that is there; wss: the LAN's address; null: no cable any more. */
    private void dial(JSONObject command) throws JSONException {
        String url = command.isNull("url") ? "" : command.getString("url");
        if (url.startsWith("wss:")) {
            Settings.Gateway gateway = phone.companion.settings.gateway();
            phone.companion.settings.learn(gateway.name(), List.of(url), command.optString("pin", gateway.pin()));
            phone.companion.link.dialNow();
        } else {
            phone.companion.settings.usbPort(url.isEmpty() ? 0 : URI.create(url).getPort());
            phone.companion.link.cable();
        }
    }

    /** Writes the ledger before the call returns, in the radio's own thread: what stands there went on air, whatever dies now. */
    private void onAir(Air.Call call) {
        int parts = Math.max(1, call.texts().size());
        StringBuilder lines = new StringBuilder();
        String job = null;
        for (int part = 1; part <= parts; part++) {
            SendIntents.Key key = SendIntents.key(Shadows.shadowOf(call.sent().get(part - 1)).getSavedIntent());
            job = key.job();
            JSONObject line = Events.body("job", job, "part", part, "parts", parts, "sub", call.sub(), "to", call.to(), "report", !call.delivered().isEmpty(),
                "text", call.texts().isEmpty() ? JSONObject.NULL : call.texts().get(part - 1),
                "octets", call.octets() == null ? JSONObject.NULL : Base64.getEncoder().encodeToString(call.octets()), "port", call.port(),
                "at_ms", System.currentTimeMillis());
            lines.append(line).append('\n');
            synchronized (this) {
                calls.put(line);
            }
        }
        try {
            air.write(lines.toString().getBytes(StandardCharsets.UTF_8));
            air.getFD().sync();
        } catch (IOException full) {
            throw new IllegalStateException(full);
        }
        answerByItself(job, parts, call);
    }

    private void answerByItself(String job, int parts, Air.Call call) {
        JSONObject now = auto;
        if (!now.optBoolean("sent")) {
            return;
        }
        later.schedule(() -> onMain.add(() -> {
            for (int part = 1; part <= parts; part++) {
                phone.sent(job, part, SENT_OK, null);
                if (now.has("pdu") && !call.delivered().isEmpty()) {
                    phone.delivered(job, part, report(now.optString("pdu"), call.to()));
                }
            }
        }), now.optLong("delay_ms"), TimeUnit.MILLISECONDS);
    }

    /** The template with {@code {to}} replaced by the recipient as a TP-RA: length, type, swapped digits. 23.040 §9.1.2.5. */
    private static String report(String template, String to) {
        String digits = to.replaceAll("\\D", "");
        StringBuilder address = new StringBuilder(Hex.of(new byte[] {(byte) digits.length(), (byte) (to.startsWith("+") ? 0x91 : 0x81)}));
        String even = digits.length() % 2 == 0 ? digits : digits + "f";
        for (int i = 0; i < even.length(); i += 2) {
            address.append(even.charAt(i + 1)).append(even.charAt(i));
        }
        return template.replace("{to}", address);
    }

    private static Sim[] sims(JSONArray listed) throws JSONException {
        List<Sim> sims = new ArrayList<>();
        for (int i = 0; i < listed.length(); i++) {
            JSONObject sim = listed.getJSONObject(i);
            Sim usual = Phone.sim(sim.getInt("sub"), sim.optInt("slot", i));
            sims.add(new Sim(usual.sub(), usual.slot(), sim.has("iccid") ? text(sim, "iccid") : usual.iccid(), sim.has("number") ? text(sim, "number") : usual.number(),
                sim.optString("name", usual.name()), sim.optString("operator", usual.operator()), sim.optString("mccmnc", usual.mccmnc()),
                sim.optString("state", usual.state()), sim.optBoolean("roaming"), sim.optInt("signal_dbm", usual.signalDbm()), sim.optBoolean("registered", true)));
        }
        return sims.toArray(new Sim[0]);
    }

    private static String text(JSONObject from, String name) throws JSONException {
        return from.isNull(name) ? null : from.getString(name);
    }

    private static List<String> texts(JSONArray listed) throws JSONException {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < listed.length(); i++) {
            texts.add(listed.getString(i));
        }
        return texts;
    }

    private synchronized JSONArray copy() throws JSONException {
        return new JSONArray(calls.toString());
    }

    private static JSONArray ledger(File file) throws IOException, JSONException {
        JSONArray before = new JSONArray();
        if (file.exists()) {
            for (String line : java.nio.file.Files.readAllLines(file.toPath())) {
                before.put(new JSONObject(line));
            }
        }
        return before;
    }

    private synchronized void answer(JSONObject line) {
        out.println(line);
    }
}
