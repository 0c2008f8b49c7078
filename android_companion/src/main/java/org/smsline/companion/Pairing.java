package org.smsline.companion;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Makes this phone a gateway's: proves that both know the code, checks the gateway's proof, keeps its key. docs/link.md. */
final class Pairing {
    private static final String PATH = "/device/v1/pair";

    /** Whom to ask: {@code pin} is empty over USB and for a code that was typed. */
    record Target(Endpoint endpoint, String pin, PairingCode code) {
        static Target usb(int port, String code) {
            return new Target(Endpoint.usb(port), "", new PairingCode(code));
        }

        /** What a person typed: "192.168.1.5:8443" and the eight characters. Null when that is no address. */
        static Target typed(String hostAndPort, String code) {
            Endpoint lan = Endpoint.lan("wss://" + hostAndPort.trim());
            return lan == null ? null : new Target(lan, "", new PairingCode(code));
        }

        /** The link of the QR code, {@code smsgateway://pair?h=HOST:PORT&p=PIN&c=CODE}. Null when it is none. */
        static Target link(String uri) {
            Map<String, String> query = new HashMap<>();
            try {
                URI parsed = new URI(uri);
                if (!"smsgateway".equals(parsed.getScheme()) || !"pair".equals(parsed.getAuthority()) || parsed.getQuery() == null) {
                    return null;
                }
                for (String pair : parsed.getQuery().split("&")) {
                    query.put(pair.substring(0, Math.max(0, pair.indexOf('='))), pair.substring(pair.indexOf('=') + 1));
                }
            } catch (URISyntaxException notALink) {
                return null;
            }
            Endpoint lan = Endpoint.lan("wss://" + query.get("h"));
            String pin = query.getOrDefault("p", "");
            // A link without a pin is refused rather than taken as a typed code: whoever shortened it had a reason.
            return lan == null || !pin.matches("[0-9a-f]{64}") || !query.containsKey("c") ? null
                : new Target(lan, pin, new PairingCode(query.get("c")));
        }
    }

    private final Settings settings;
    private final JSONObject app;
    private final JSONObject phone;

    Pairing(Settings settings, JSONObject app, JSONObject phone) {
        this.settings = settings;
        this.app = app;
        this.phone = phone;
    }

    /**
     * Asks and waits; nothing is kept here. Throws {@link Refused} with the gateway's code, or {@code pin} (another
     * certificate), {@code proof} (it does not know the code); IOException when nobody answers.
     */
    Settings.Gateway run(Target target) throws IOException, Refused {
        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        PinnedTls tls = new PinnedTls(target.pin());
        try {
            byte[] key = target.code().key(nonce);
            // The handshake comes first: the proof binds the certificate that was seen.
            try (Socket socket = Http.connect(target.endpoint(), tls)) {
                String pin = tls.seen();
                JSONObject request = Events.body("v", Frames.VERSION, "install", settings.install(), "nonce", Hex.of(nonce),
                    "proof", PairingCode.phoneProof(key, settings.install(), pin), "app", app, "phone", phone);
                return checked(post(socket, target.endpoint(), request), key, pin);
            }
        } catch (GeneralSecurityException | JSONException broken) {
            throw new IOException(broken);
        }
    }

    private static JSONObject post(Socket socket, Endpoint at, JSONObject request) throws IOException, Refused {
        byte[] body = request.toString().getBytes(StandardCharsets.UTF_8);
        String head = "POST " + PATH + " HTTP/1.1\r\nHost: " + at.authority() + "\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length + "\r\nConnection: close\r\n\r\n";
        OutputStream out = socket.getOutputStream();
        out.write(head.getBytes(StandardCharsets.US_ASCII));
        out.write(body);
        out.flush();
        Http.Head answered = Http.head(socket.getInputStream());
        JSONObject answer = Http.body(answered, socket.getInputStream());
        if (!answered.status().equals("200")) {
            throw Http.refused(answered, answer);
        }
        return answer;
    }

    private static Settings.Gateway checked(JSONObject answer, byte[] key, String pin) throws GeneralSecurityException, JSONException, Refused {
        String gateway = answer.getString("gateway");
        String deviceKey = answer.getString("key");
        String proof = PairingCode.gatewayProof(key, gateway, deviceKey, pin);
        if (!MessageDigest.isEqual(proof.getBytes(StandardCharsets.US_ASCII), answer.getString("proof").getBytes(StandardCharsets.US_ASCII))) {
            throw new Refused("proof", "");
        }
        List<String> urls = new ArrayList<>();
        JSONArray listed = answer.optJSONArray("urls");
        for (int i = 0; listed != null && i < listed.length(); i++) {
            urls.add(listed.getString(i));
        }
        return new Settings.Gateway(gateway, answer.getString("name"), deviceKey, urls, pin.isEmpty() ? answer.optString("pin") : pin);
    }
}
