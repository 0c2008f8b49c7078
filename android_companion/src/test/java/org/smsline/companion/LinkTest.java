package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class LinkTest {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Gateway gateway;
    private Phone phone;

    @Before public void start() throws Exception {
        Air.clear();
        gateway = new Gateway();
        phone = new Phone(folder.getRoot()).paired(gateway.port());
    }

    @After public void end() throws Exception {
        phone.companion.stop();
        gateway.close();
        phone.companion.journal.close();
    }

    private Gateway.Peer connected() throws Exception {
        phone.companion.start();
        return gateway.welcome(Phone.GATEWAY);
    }

    private static JSONObject job(String id, int sub, String... parts) throws Exception {
        return new JSONObject().put("t", "job").put("job", id).put("sub", sub).put("to", "+447700900123").put("parts", new JSONArray(List.of(parts)))
            .put("report", true);
    }

    private void state(String code) {
        Wait.until(code, () -> code.equals(phone.companion.link.state().code()));
    }

    @Test public void helloSaysWhoIsCallingAndOverWhichWay() throws Exception {
        Gateway.Peer peer = connected();
        assertEquals("usb", peer.hello.getString("way"));
        assertEquals(phone.companion.settings.install(), peer.hello.getString("install"));
        assertEquals(phone.companion.settings.run, peer.hello.getString("run"));
        assertEquals(2, peer.hello.getJSONArray("sims").length());
        assertEquals("1.0.0", peer.hello.getJSONObject("app").getString("name"));
        assertEquals(1, peer.hello.getJSONObject("app").getInt("code"));
        Wait.until("connected", () -> phone.companion.link.state().connected());
        assertEquals("usb Office", phone.companion.link.state().way() + " " + phone.companion.link.state().gateway());
    }

    @Test public void aJobGoesToTheRadioAndItsIntentsComeBackAsEvents() throws Exception {
        Gateway.Peer peer = connected();
        peer.say(job("a", 5, "one", "two").toString());
        assertEquals("a", peer.json("taken").getString("job"));
        Wait.until("called", () -> Air.CALLS.size() == 1);
        assertEquals(5, Air.CALLS.get(0).sub());
        phone.sent("a", 1, -1, null);
        phone.delivered("a", 1, "0706");
        JSONObject sent = peer.json("event");
        JSONObject report = peer.json("event");
        assertEquals("sent report", sent.getString("kind") + " " + report.getString("kind"));
        peer.say(new JSONObject().put("t", "committed").put("events", new JSONArray().put(sent.getLong("id")).put(report.getLong("id"))).toString());
        Wait.until("committed", () -> phone.companion.journal.waiting() == 0);
    }

    @Test public void whatIsNotCommittedComesAgainOnTheNextConnectionInOrder() throws Exception {
        for (int i = 0; i < 3; i++) {
            phone.companion.journal.inbound(3, List.of("0" + i), "3gpp", null, 0);
        }
        Gateway.Peer peer = connected();
        List<String> first = List.of(peer.json("event").toString(), peer.json("event").toString(), peer.json("event").toString());
        peer.close();
        Gateway.Peer again = gateway.welcome(Phone.GATEWAY);
        assertEquals(first, List.of(again.json("event").toString(), again.json("event").toString(), again.json("event").toString()));
    }

    @Test public void atMost200EventsAreOnTheirWay() throws Exception {
        for (int i = 0; i < Session.IN_FLIGHT + 1; i++) {
            phone.companion.journal.inbound(3, List.of("00"), "3gpp", null, 0);
        }
        Gateway.Peer peer = connected();
        long first = 0;
        for (int i = 0; i < Session.IN_FLIGHT; i++) {
            long id = peer.json("event").getLong("id");
            first = first == 0 ? id : first;
        }
        // The answer to a question comes behind everything that was written before it.
        peer.say("{\"t\":\"ask\",\"re\":1,\"jobs\":[]}");
        assertEquals("jobs", peer.json().getString("t"));
        peer.say("{\"t\":\"committed\",\"events\":[" + first + "]}");
        assertEquals(first + Session.IN_FLIGHT, peer.json("event").getLong("id"));
    }

    @Test public void aQuestionIsAnsweredFromTheJournalAndBurnsWhatIsNotThere() throws Exception {
        phone.companion.journal.take("a", 3, "+447700900123", 1);
        phone.companion.journal.called("a");
        Gateway.Peer peer = connected();
        peer.say("{\"t\":\"ask\",\"re\":7,\"jobs\":[\"a\",\"b\"]}");
        JSONObject jobs = peer.json("jobs").getJSONObject("jobs");
        assertEquals("called", jobs.getJSONObject("a").getString("state"));
        assertTrue(jobs.getJSONObject("a").getLong("called_at_ms") > 0);
        assertEquals("unknown", jobs.getJSONObject("b").getString("state"));
        peer.say(job("b", 3, "late").toString());
        assertEquals("burned", peer.json("refused").getString("code"));
        assertTrue(Air.CALLS.isEmpty());
    }

    @Test public void aJobWithoutPermissionIsRefused() throws Exception {
        Shadows.shadowOf(phone.application).denyPermissions(Manifest.permission.SEND_SMS);
        Gateway.Peer peer = connected();
        peer.say(job("a", 3, "x").toString());
        assertEquals("no_permission", peer.json("refused").getString("code"));
    }

    @Test public void anotherGatewaysWelcomeIsNoWelcome() throws Exception {
        phone.companion.start();
        Gateway.Peer peer = gateway.welcome("another");
        assertThrows(IOException.class, () -> peer.json("event"));
        state("foreign");
        assertFalse(phone.companion.link.state().connected());
        assertEquals(Phone.GATEWAY, phone.companion.settings.gateway().id());
    }

    @Test public void aByeSaysWhyAndALastingOneIsNotAskedAgainSoon() throws Exception {
        phone.companion.start();
        Gateway.Peer peer = gateway.next();
        peer.upgrade();
        peer.json();
        peer.say("{\"t\":\"bye\",\"code\":\"revoked\",\"title\":\"Removed\",\"hint\":\"Pair it again\"}");
        long atNs = System.nanoTime();
        state("revoked");
        assertEquals("Pair it again", phone.companion.link.state().hint());
        gateway.next();
        long waitedMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - atNs);
        assertTrue("dialled again after " + waitedMs, waitedMs >= Phone.QUICK.slowMs() - 50);
    }

    @Test public void aByeAfterTheWelcomeEndsTheConnection() throws Exception {
        Gateway.Peer peer = connected();
        peer.say("{\"t\":\"bye\",\"code\":\"conflict\",\"title\":\"Two phones\",\"hint\":\"Unpair one\"}");
        state("conflict");
        gateway.welcome(Phone.GATEWAY);
    }

    @Test public void malformedWordsEndTheConnectionAndTheNextOneWorks() throws Exception {
        Gateway.Peer peer = connected();
        peer.say("{\"t\":\"job\",\"job\":\"a\"}");
        assertThrows(IOException.class, () -> peer.json("taken"));
        Gateway.Peer again = gateway.welcome(Phone.GATEWAY);
        again.say(job("a", 3, "x").toString());
        assertEquals("a", again.json("taken").getString("job"));
    }

    @Test public void aPeerThatWelcomesAndHangsUpIsNotDialledWithoutEnd() throws Exception {
        phone.companion.start();
        List<Long> atMs = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            gateway.welcome(Phone.GATEWAY).close();
            atMs.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime()));
        }
        // 300 ms by the backoff; a busy machine may see the first one late. Dialling without end takes a few.
        assertTrue(atMs.toString(), atMs.get(4) - atMs.get(0) >= (20 + 40 + 80 + 160) / 2);
    }

    @Test public void aChangeOfTheSimsIsToldAtOnce() throws Exception {
        Gateway.Peer peer = connected();
        Wait.until("connected", () -> phone.companion.link.state().connected());
        phone.simsChanged(Phone.sim(3, 0));
        assertEquals(1, peer.json("sims").getJSONArray("sims").length());
    }

    @Test public void thePhoneGoesBackToTheCableWithoutAGap() throws Exception {
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            phone.companion.settings.learn("Office", List.of("wss://127.0.0.1:" + lan.port() + "/device/v1/link"), lan.pin());
            gateway.close();
            phone.companion.start();
            Gateway.Peer onLan = lan.gateway().welcome(Phone.GATEWAY);
            assertEquals("lan", onLan.hello.getString("way"));
            Wait.until("on the LAN", () -> "lan".equals(phone.companion.link.state().way()));
            try (Gateway cable = new Gateway()) {
                phone.companion.settings.usbPort(cable.port());
                phone.companion.link.cable();
                Gateway.Peer onCable = cable.welcome(Phone.GATEWAY);
                assertEquals("usb", onCable.hello.getString("way"));
                assertEquals(onLan.hello.getString("run"), onCable.hello.getString("run"));
                assertThrows(IOException.class, () -> onLan.json("event"));
                onCable.say(job("a", 3, "x").toString());
                assertEquals("a", onCable.json("taken").getString("job"));
                assertEquals("usb", phone.companion.link.state().way());
            }
        }
    }

    @Test public void aGatewayWithAnotherCertificateNeverHearsTheDeviceKey() throws Exception {
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            phone.companion.settings.learn("Office", List.of("wss://127.0.0.1:" + lan.port() + "/device/v1/link"), "00".repeat(32));
            gateway.close();
            phone.companion.start();
            state("pin");
            assertThrows(IOException.class, () -> lan.gateway().next().readHead());
        }
    }

    @Test public void withoutAPinTheLanIsNotDialled() throws Exception {
        phone.companion.settings.learn("Office", List.of("wss://127.0.0.1:1/device/v1/link", "ws://127.0.0.1:2/x", "http://[bad"), "");
        assertEquals(List.of(Endpoint.usb(gateway.port())), Endpoint.of(phone.companion.settings));
        phone.companion.settings.learn("Office", List.of("wss://10.0.0.1:1/x", "ws://10.0.0.1:2/x", "http://[bad", "wss://[fd00::5]:3/x"), "00".repeat(32));
        assertEquals(List.of(Endpoint.usb(gateway.port()), new Endpoint("lan", "10.0.0.1", 1), new Endpoint("lan", "[fd00::5]", 3)),
            Endpoint.of(phone.companion.settings));
    }

    @Test public void theCableMayNameTheLansKeyOnceAndNeverAnother() throws Exception {
        phone.companion.start();
        for (String pin : new String[] {"ab".repeat(32), "cd".repeat(32)}) {
            Gateway.Peer peer = gateway.next();
            peer.upgrade();
            peer.json();
            peer.say(new JSONObject().put("t", "welcome").put("v", 1).put("gateway", Phone.GATEWAY).put("name", "Office").put("now_ms", 1)
                .put("urls", new JSONArray().put("wss://10.0.0.1:1/device/v1/link")).put("pin", pin).toString());
            Wait.until("connected", () -> phone.companion.link.state().connected());
            assertEquals("ab".repeat(32), phone.companion.settings.gateway().pin());
            assertEquals(2, Endpoint.of(phone.companion.settings).size());
            phone.companion.settings.learn("Office", List.of(), phone.companion.settings.gateway().pin());
            peer.close();
            Wait.until("ended", () -> !phone.companion.link.state().connected());
        }
    }

    @Test public void anUnpairedPhoneCallsNobody() {
        phone.companion.unpair();
        phone.companion.start();
        state("unpaired");
        assertTrue(gateway.peers.isEmpty());
    }
}
