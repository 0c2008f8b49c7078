package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class PairingTest implements Companion.Done {
    private static final String CODE = "4K7T9XWZ";
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private final BlockingQueue<String> answers = new ArrayBlockingQueue<>(10);
    private Gateway gateway;
    private Phone phone;

    @Before public void start() throws Exception {
        gateway = new Gateway();
        phone = new Phone(folder.getRoot());
    }

    @After public void end() throws Exception {
        phone.companion.stop();
        gateway.close();
        phone.companion.journal.close();
    }

    @Override public void paired(String name) {
        answers.add("paired with " + name);
    }

    @Override public void failed(String code, String hint) {
        answers.add(code + " " + hint);
    }

    private String answer() throws Exception {
        return answers.poll(30, TimeUnit.SECONDS);
    }

    /** Answers one POST as the contract says, with the proof of {@code code}. */
    static JSONObject serve(Gateway gateway, String code, String pin) throws Exception {
        Gateway.Peer peer = gateway.next();
        String head = peer.readHead();
        while (head.startsWith("GET ")) {
            reply(peer, "401 Unauthorized", new JSONObject().put("code", "device_unknown").put("hint", ""));
            peer = gateway.next();
            head = peer.readHead();
        }
        assertTrue(head, head.startsWith("POST /device/v1/pair HTTP/1.1\r\n"));
        int length = Integer.parseInt(head.replaceAll("(?is).*content-length: (\\d+).*", "$1"));
        byte[] body = new byte[length];
        new java.io.DataInputStream(peer.socket.getInputStream()).readFully(body);
        JSONObject request = new JSONObject(new String(body, StandardCharsets.UTF_8));
        byte[] key = new PairingCode(code).key(Hex.octets(request.getString("nonce")));
        boolean known = PairingCode.phoneProof(key, request.getString("install"), pin).equals(request.getString("proof"));
        JSONObject answer = new JSONObject().put("gateway", Phone.GATEWAY).put("name", "Office").put("key", "gwd_new")
            .put("proof", PairingCode.gatewayProof(key, Phone.GATEWAY, "gwd_new", pin)).put("urls", new JSONArray().put("wss://10.0.0.1:8443/device/v1/link"));
        reply(peer, known ? "200 OK" : "403 Forbidden", known ? answer : new JSONObject().put("code", "pairing_refused").put("hint", "Ask for a new code"));
        return request;
    }

    private static void reply(Gateway.Peer peer, String status, JSONObject body) throws Exception {
        byte[] octets = body.toString().getBytes(StandardCharsets.UTF_8);
        peer.raw(("HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " + octets.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        peer.raw(octets);
    }

    @Test public void theProofsAreThoseOfTheVectors() throws Exception {
        assertTrue(Vectors.of("proofs").size() >= 3);
        for (JSONObject vector : Vectors.of("proofs")) {
            PairingCode code = new PairingCode(vector.getString("typed"));
            assertEquals(vector.getString("code"), code.code);
            byte[] key = code.key(Hex.octets(vector.getString("nonce")));
            assertEquals(vector.getString("phone_proof"), PairingCode.phoneProof(key, vector.getString("install"), vector.getString("pin")));
            assertEquals(vector.getString("gateway_proof"), PairingCode.gatewayProof(key, vector.getString("gateway"), vector.getString("key"),
                vector.getString("pin")));
        }
    }

    @Test public void overTheCableTheCodeIsEnoughAndTheKeyIsKeptSealed() throws Exception {
        phone.companion.pair(Pairing.Target.usb(gateway.port(), "4k7t-9xwz"), this);
        JSONObject request = serve(gateway, CODE, "");
        assertEquals("paired with Office", answer());
        assertEquals(phone.companion.settings.install(), request.getString("install"));
        assertTrue(!request.toString().contains(CODE));
        Settings again = new Settings(folder.getRoot());
        assertEquals("gwd_new Office []", again.gateway().key() + " " + again.gateway().name() + " " + again.gateway().pin().lines().toList());
        assertEquals(phone.companion.settings.install(), again.install());
        String stored = new String(java.nio.file.Files.readAllBytes(folder.getRoot().toPath().resolve("settings.json")), StandardCharsets.UTF_8);
        assertTrue(stored, !stored.contains("gwd_new"));
    }

    @Test public void aWrongCodeIsRefusedInTheGatewaysWordsAndNothingIsKept() throws Exception {
        phone.companion.pair(Pairing.Target.usb(gateway.port(), "WRONG000"), this);
        serve(gateway, CODE, "");
        assertEquals("pairing_refused Ask for a new code", answer());
        assertNull(phone.companion.settings.gateway());
    }

    @Test public void aGatewayThatCannotProveThatItKnowsTheCodeGetsNothing() throws Exception {
        phone.companion.pair(Pairing.Target.usb(gateway.port(), CODE), this);
        Gateway.Peer peer = gateway.next();
        peer.readHead();
        reply(peer, "200 OK", new JSONObject().put("gateway", Phone.GATEWAY).put("name", "Evil").put("key", "gwd_x").put("proof", "00").put("urls", new JSONArray()));
        assertEquals("proof ", answer());
        assertNull(phone.companion.settings.gateway());
    }

    @Test public void onTheLanTheProofBindsTheCertificateThatWasSeen() throws Exception {
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            phone.companion.pair(Pairing.Target.typed("127.0.0.1:" + lan.port(), CODE), this);
            serve(lan.gateway(), CODE, lan.pin());
            assertEquals("paired with Office", answer());
            assertEquals(lan.pin(), phone.companion.settings.gateway().pin());
        }
    }

    @Test public void aListenerInBetweenMakesAnotherProof() throws Exception {
        try (TlsGateway between = new TlsGateway(folder.getRoot())) {
            phone.companion.pair(Pairing.Target.typed("127.0.0.1:" + between.port(), CODE), this);
            serve(between.gateway(), CODE, "00".repeat(32));
            assertEquals("pairing_refused Ask for a new code", answer());
        }
    }

    @Test public void aScannedPinRefusesAnotherCertificate() throws Exception {
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            phone.companion.pair(Pairing.Target.link("smsgateway://pair?h=127.0.0.1:" + lan.port() + "&p=" + "00".repeat(32) + "&c=" + CODE), this);
            assertEquals("pin ", answer());
        }
    }

    @Test public void onlyTheKeyOfACertificateIsTrustedAndItsDatesSayNothing() throws Exception {
        for (String from : new String[] {"-5y", "+1y"}) {
            try (TlsGateway lan = new TlsGateway(folder.getRoot(), from)) {
                phone.companion.pairInstead(Pairing.Target.link("smsgateway://pair?h=127.0.0.1:" + lan.port() + "&p=" + lan.pin() + "&c=" + CODE), this);
                serve(lan.gateway(), CODE, lan.pin());
                assertEquals("paired with Office", answer());
                phone.companion.settings.learn("Office", List.of("wss://127.0.0.1:" + lan.port() + "/device/v1/link"), lan.pin());
                phone.companion.start();
                assertEquals("lan", lan.gateway().welcome(Phone.GATEWAY).hello.getString("way"));
                phone.companion.stop();
            }
        }
    }

    @Test public void anotherGatewayOnTheLanGetsThePhoneOnlyWhenItsPairingSucceeded() throws Exception {
        phone.paired(gateway.port());
        phone.companion.start();
        Gateway.Peer before = gateway.welcome(Phone.GATEWAY);
        phone.companion.journal.inbound(3, List.of("00"), "3gpp", null, 0);
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            Pairing.Target wrong = Pairing.Target.typed("127.0.0.1:" + lan.port(), "WRONG000");
            phone.companion.pair(wrong, this);
            assertEquals("paired This phone belongs to Office. Unpair it first.", answer());
            phone.companion.pairInstead(wrong, this);
            serve(lan.gateway(), CODE, lan.pin());
            assertEquals("pairing_refused Ask for a new code", answer());
            assertEquals("gwd_key", phone.companion.settings.gateway().key());
            assertEquals(1, phone.companion.journal.waiting());
            before.say("{\"t\":\"ask\",\"re\":1,\"jobs\":[]}");
            assertEquals("the connection still stands", 1, before.json("jobs").getInt("re"));

            phone.companion.pairInstead(Pairing.Target.typed("127.0.0.1:" + lan.port(), CODE), this);
            serve(lan.gateway(), CODE, lan.pin());
            assertEquals("paired with Office", answer());
            assertEquals("gwd_new", new Settings(folder.getRoot()).gateway().key());
            assertEquals(0, phone.companion.journal.waiting());
            assertThrows("the old connection ends", IOException.class, () -> before.json("bye"));
        }
    }

    @Test public void whatTheRadioBringsDoesNotWaitForAPairing() throws Exception {
        phone.paired(1);
        phone.companion.pairInstead(Pairing.Target.usb(gateway.port(), CODE), this);
        gateway.next().readHead();
        phone.inbound(3, List.of("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"));
        Wait.until("the text is in the journal", () -> phone.companion.journal.waiting() == 1);
        assertNull("the gateway has not answered yet", answers.peek());
    }

    @Test public void aPairedPhoneRefusesToPair() throws Exception {
        phone.paired(1);
        phone.companion.pair(Pairing.Target.usb(gateway.port(), CODE), this);
        assertEquals("paired This phone belongs to Office. Unpair it first.", answer());
        assertTrue(gateway.peers.isEmpty());
    }

    @Test public void nobodyThereIsSaid() throws Exception {
        gateway.close();
        phone.companion.pair(Pairing.Target.usb(gateway.port(), CODE), this);
        assertEquals("unreachable ", answer());
    }

    @Test public void theLinkOfTheQrCodeIsReadAndOthersAreNot() {
        String pin = "ab".repeat(32);
        Pairing.Target target = Pairing.Target.link("smsgateway://pair?h=192.168.1.5:8443&p=" + pin + "&c=7h3k-9qpz");
        assertEquals("192.168.1.5 8443 7H3K9QPZ", target.endpoint().host() + " " + target.endpoint().port() + " " + target.code().code);
        assertEquals(new Endpoint("lan", "[fd00::5]", 1), Pairing.Target.link("smsgateway://pair?h=[fd00::5]:1&p=" + pin + "&c=X").endpoint());
        for (String bad : new String[] {"", "http://pair?h=a:1&p=" + pin + "&c=X", "smsgateway://pair", "smsgateway://pair?h=a:1&c=X", "smsgateway://pair?p=" + pin,
            "smsgateway://pair?h=a:1&p=AB&c=X", "smsgateway://pair?h=a:1&p=" + pin, "smsgateway://other?h=a:1&p=" + pin + "&c=X"}) {
            assertNull(bad, Pairing.Target.link(bad));
        }
        assertNull(Pairing.Target.typed("not an address", "X"));
        assertNotNull(Pairing.Target.typed(" 192.168.1.5:8443 ", "X"));
    }

    private void handOver(String text) throws Exception {
        HandoverProvider provider = Robolectric.setupContentProvider(HandoverProvider.class, "org.smsline.companion.handover");
        provider.take(text);
    }

    @Test public void aCodeHandedOverTheCablePairsAndKeepsThePort() throws Exception {
        handOver("{\"code\":\"" + CODE + "\",\"port\":" + gateway.port() + "}");
        serve(gateway, CODE, "");
        Wait.until("paired", phone.companion.settings::paired);
        assertEquals(gateway.port(), phone.companion.settings.usbPort());
    }

    @Test public void whatIsNoHandoverChangesNothing() {
        for (String bad : new String[] {"", "{}", "{\"code\":\"X\"}", "{\"code\":\"X\",\"port\":0}", "{\"code\":\"X\",\"port\":70000}", "{\"port\":5}"}) {
            assertTrue(bad, assertThrows(org.json.JSONException.class, () -> handOver(bad)) != null);
        }
        assertEquals(0, phone.companion.settings.usbPort());
    }

    @Test public void aPairedPhoneJustDialsAndItsOwnGatewayNeedsNoQuestion() throws Exception {
        phone.paired(1);
        phone.companion.start();
        handOver("{\"code\":\"" + CODE + "\",\"port\":" + gateway.port() + "}");
        assertTrue(phone.companion.takeOverAsked());
        gateway.welcome(Phone.GATEWAY);
        Wait.until("the offer is dropped", () -> !phone.companion.takeOverAsked());
    }

    @Test public void anotherGatewayAtTheCableGetsThePhoneOnlyWhenAPersonSaysSo() throws Exception {
        phone.paired(1);
        phone.companion.start();
        handOver("{\"code\":\"" + CODE + "\",\"port\":" + gateway.port() + "}");
        Gateway.Peer peer = gateway.next();
        peer.readHead();
        reply(peer, "401 Unauthorized", new JSONObject().put("code", "device_unknown").put("hint", ""));
        Wait.until("refused", () -> "device_unknown".equals(phone.companion.link.state().code()));
        assertTrue(phone.companion.takeOverAsked());
        assertEquals("gwd_key", phone.companion.settings.gateway().key());
        phone.companion.takeOver(true, this);
        serve(gateway, CODE, "");
        assertEquals("paired with Office", answer());
        assertEquals("gwd_new", phone.companion.settings.gateway().key());
    }

    @Test public void aNoKeepsTheGatewayAsItIs() throws Exception {
        phone.paired(1);
        handOver("{\"code\":\"" + CODE + "\",\"port\":" + gateway.port() + "}");
        phone.companion.takeOver(false, this);
        assertTrue(!phone.companion.takeOverAsked() && phone.companion.settings.paired());
        assertNull(Shadows.shadowOf(phone.application).getNextStartedService());
    }
}
