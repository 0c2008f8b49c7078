package org.smsline.companion;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;

/** On the plain JVM: this class needs no Android. */
public class WebSocketClientTest {
    private static final WebSocketClient.Patience LONG = new WebSocketClient.Patience(20_000, 15_000);
    private Gateway gateway;
    private Gateway.Peer peer;

    @Before public void listen() throws Exception {
        gateway = new Gateway();
    }

    @After public void close() throws Exception {
        gateway.close();
    }

    private CompletableFuture<WebSocketClient> dial(WebSocketClient.Patience patience) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return Handshake.open(Endpoint.usb(gateway.port()), "", "gwd_key", patience);
            } catch (IOException | Refused failed) {
                throw new IllegalStateException(failed);
            }
        });
    }

    private WebSocketClient open(WebSocketClient.Patience patience) throws Exception {
        CompletableFuture<WebSocketClient> dialled = dial(patience);
        peer = gateway.next();
        peer.upgrade();
        return dialled.get(20, TimeUnit.SECONDS);
    }

    private Throwable refusal(String answer) throws Exception {
        CompletableFuture<WebSocketClient> dialled = dial(LONG);
        peer = gateway.next();
        peer.readHead();
        peer.raw(answer.getBytes(StandardCharsets.US_ASCII));
        peer.socket.shutdownOutput();
        return assertThrows(Exception.class, () -> dialled.get(20, TimeUnit.SECONDS)).getCause().getCause();
    }

    @Test public void theDeviceKeyGoesInAHeaderAndNeverInTheAddress() throws Exception {
        open(LONG);
        assertTrue(peer.head, peer.head.startsWith("GET /device/v1/link HTTP/1.1\r\n"));
        assertTrue(peer.head, peer.head.contains("\r\nAuthorization: Bearer gwd_key\r\n"));
    }

    @Test public void aTextComesAndGoesWhateverItsLengthField() throws Exception {
        WebSocketClient client = open(LONG);
        for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536, Frames.MAX_BYTES}) {
            String text = "x".repeat(length);
            CompletableFuture<String> received = received(client);
            peer.say(text);
            assertEquals(text, received.get(20, TimeUnit.SECONDS));
            CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> send(client, text));
            assertEquals(text, peer.hear().text());
            sent.get(20, TimeUnit.SECONDS);
        }
    }

    @Test public void everyFrameHasAMaskOfItsOwn() throws Exception {
        WebSocketClient client = open(LONG);
        client.send("a");
        client.send("a");
        byte[] first = peer.hear().mask();
        assertFalse(java.util.Arrays.equals(first, peer.hear().mask()));
    }

    @Test public void fragmentsAreJoinedAndAPingBetweenThemIsAnswered() throws Exception {
        WebSocketClient client = open(LONG);
        byte[] euro = "€".getBytes(StandardCharsets.UTF_8);
        peer.frame(0x01, new byte[] {euro[0]});
        peer.frame(0x89, new byte[] {7, 8});
        peer.frame(0x00, new byte[] {euro[1]});
        peer.frame(0x80, new byte[] {euro[2]});
        assertEquals("€", client.receive());
        Gateway.Heard pong = peer.hear();
        assertEquals(0x8a, pong.first());
        assertArrayEquals(new byte[] {7, 8}, pong.payload());
    }

    @Test public void aFrameThatComesOctetByOctetIsOneMessage() throws Exception {
        WebSocketClient client = open(LONG);
        CompletableFuture<String> received = received(client);
        for (byte octet : new byte[] {(byte) 0x81, 3, 'a', 'b', 'c'}) {
            peer.raw(new byte[] {octet});
        }
        assertEquals("abc", received.get(20, TimeUnit.SECONDS));
    }

    @Test public void aCloseIsAnsweredWithItsCodeAndEndsTheReading() throws Exception {
        WebSocketClient client = open(LONG);
        peer.frame(0x88, new byte[] {3, (byte) 0xe9, 'b', 'y', 'e'});
        assertNull(client.receive());
        Gateway.Heard close = peer.hear();
        assertEquals(0x88, close.first());
        assertArrayEquals(new byte[] {3, (byte) 0xe9}, close.payload());
        assertThrows(IOException.class, () -> client.send("late"));
    }

    @Test public void whatRfc6455ForbidsEndsTheConnectionWithItsCode() throws Exception {
        byte[] one = {'x'};
        for (Object[] bad : new Object[][] {
            {0xc1, one, 1002}, {0x82, one, 1003}, {0x80, one, 1002}, {0x83, one, 1002}, {0x09, one, 1002},
            {0x89, new byte[126], 1002}, {0x81, new byte[] {(byte) 0xff}, 1007}, {0x81, new byte[Frames.MAX_BYTES + 1], 1009},
        }) {
            WebSocketClient client = open(LONG);
            Gateway.Peer speaking = peer;
            // The client hangs up before it has read it all.
            CompletableFuture<Void> said = CompletableFuture.runAsync(() -> {
                try {
                    speaking.frame((int) bad[0], (byte[]) bad[1]);
                } catch (IOException hungUp) {
                    throw new IllegalStateException(hungUp);
                }
            });
            assertThrows(IOException.class, client::receive);
            if (((byte[]) bad[1]).length < 1000) {
                byte[] code = peer.hear().payload();
                assertEquals("first octet " + bad[0], bad[2], (code[0] & 0xff) << 8 | code[1] & 0xff);
            }
            said.handle((done, failed) -> null).get(20, TimeUnit.SECONDS);
        }
    }

    @Test public void fragmentsThatTogetherPassTheLimitAreRefused() throws Exception {
        WebSocketClient client = open(LONG);
        CompletableFuture<String> received = received(client);
        peer.frame(0x01, new byte[Frames.MAX_BYTES]);
        peer.frame(0x80, new byte[1]);
        assertThrows(Exception.class, () -> received.get(20, TimeUnit.SECONDS));
    }

    @Test public void aMaskedFrameFromTheServerIsRefused() throws Exception {
        WebSocketClient client = open(LONG);
        peer.raw(new byte[] {(byte) 0x81, (byte) 0x81, 0, 0, 0, 0, 'x'});
        assertThrows(IOException.class, client::receive);
    }

    @Test public void silenceBringsAPingAndMoreSilenceTheEnd() throws Exception {
        WebSocketClient client = open(new WebSocketClient.Patience(50, 50));
        CompletableFuture<String> received = received(client);
        assertEquals(0x89, peer.hear().first());
        Exception ended = assertThrows(Exception.class, () -> received.get(20, TimeUnit.SECONDS));
        assertTrue(ended.toString(), ended.toString().contains("nothing heard for 50 ms after a ping"));
    }

    @Test public void anAnsweredPingKeepsTheConnection() throws Exception {
        WebSocketClient client = open(new WebSocketClient.Patience(50, 10_000));
        CompletableFuture<String> received = received(client);
        for (int i = 0; i < 3; i++) {
            Gateway.Heard ping = peer.hear();
            assertEquals(0x89, ping.first());
            peer.frame(0x8a, ping.payload());
        }
        peer.say("still here");
        assertEquals("still here", received.get(20, TimeUnit.SECONDS));
    }

    @Test public void aWriterThatIsStuckDoesNotHideTheSilence() throws Exception {
        WebSocketClient client = open(new WebSocketClient.Patience(200, 200));
        CompletableFuture<Void> stuck = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < 100; i++) {
                send(client, "x".repeat(1_000_000));
            }
        });
        assertThrows(Exception.class, () -> received(client).get(20, TimeUnit.SECONDS));
        client.close(WebSocketClient.NORMAL);
        assertThrows(Exception.class, () -> stuck.get(20, TimeUnit.SECONDS));
    }

    @Test public void a401SaysWhyInTheGatewaysWords() throws Exception {
        String body = "{\"code\":\"device_unknown\",\"hint\":\"Pair it again\"}";
        Refused refused = (Refused) refusal("HTTP/1.1 401 Unauthorized\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        assertEquals("device_unknown Pair it again", refused.code + " " + refused.hint);
    }

    @Test public void anAnswerWithoutABodyStillHasACode() throws Exception {
        assertEquals("http_503", ((Refused) refusal("HTTP/1.1 503 Busy\r\n\r\n")).code);
        assertEquals("http_200", ((Refused) refusal("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n<html>")).code);
    }

    @Test public void whatIsNoUpgradeIsNoConnection() throws Exception {
        String good = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n";
        for (String answer : new String[] {
            "SSH-2.0-OpenSSH\r\n\r\n", "\r\n\r\n", "HTTP/1.1 101\r\n\r\n", good + "Sec-WebSocket-Accept: bm90IG91ciBrZXk=\r\n\r\n", good + "\r\n",
            "HTTP/1.1 101 x", "", "HTTP/1.1 101 x\r\nA: " + "x".repeat(20_000),
        }) {
            Throwable refused = refusal(answer);
            assertTrue(answer + " gave " + refused, refused instanceof IOException);
        }
    }

    private static CompletableFuture<String> received(WebSocketClient client) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return client.receive();
            } catch (IOException ended) {
                throw new IllegalStateException(ended);
            }
        });
    }

    private static void send(WebSocketClient client, String text) {
        try {
            client.send(text);
        } catch (IOException ended) {
            throw new IllegalStateException(ended);
        }
    }
}
