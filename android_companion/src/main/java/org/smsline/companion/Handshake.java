package org.smsline.companion;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;

/** From an address to an open WebSocket: the upgrade of RFC 6455 §4.1, with the device key in its header. */
final class Handshake {
    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private Handshake() {
    }

    /**
     * Connects. Throws {@link Refused} when the gateway answers with anything but the upgrade ({@code device_unknown},
     * {@code pin} …), IOException when nobody answers or what answers is no WebSocket.
     */
    static WebSocketClient open(Endpoint at, String pin, String deviceKey, WebSocketClient.Patience patience) throws IOException, Refused {
        if (at.tls() && pin.isEmpty()) {
            throw new IOException("no pin");
        }
        Socket socket = Http.connect(at, new PinnedTls(pin));
        try {
            upgrade(socket, at, deviceKey);
            return new WebSocketClient(socket, patience);
        } catch (IOException | Refused | RuntimeException failed) {
            socket.close();
            throw failed;
        } catch (GeneralSecurityException broken) {
            socket.close();
            throw new IOException(broken);
        }
    }

    private static void upgrade(Socket socket, Endpoint at, String deviceKey) throws IOException, Refused, GeneralSecurityException {
        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        String key = Base64.getEncoder().encodeToString(nonce);
        String request = "GET " + Endpoint.PATH + " HTTP/1.1\r\nHost: " + at.authority() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer " + deviceKey + "\r\n\r\n";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().flush();
        Http.Head head = Http.head(socket.getInputStream());
        if (!head.status().equals("101")) {
            throw Http.refused(head, Http.body(head, socket.getInputStream()));
        }
        byte[] accept = MessageDigest.getInstance("SHA-1").digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
        if (!"websocket".equalsIgnoreCase(head.headers().get("upgrade")) || head.headers().containsKey("sec-websocket-extensions")
                || !Base64.getEncoder().encodeToString(accept).equals(head.headers().get("sec-websocket-accept"))) {
            throw new IOException("the upgrade was not answered as RFC 6455 asks");
        }
    }
}
