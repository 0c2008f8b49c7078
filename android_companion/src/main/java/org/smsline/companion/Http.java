package org.smsline.companion;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLSocket;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * As much HTTP/1.1 as a pairing and an upgrade need, on a socket of our own: no proxy, no pool, no silent second try,
 * and the certificate that was seen is the one that the request went to. RFC 9112.
 */
final class Http {
    private static final int CONNECT_MS = 5_000;
    private static final int ANSWER_MS = 15_000;
    private static final int HEAD_BYTES = 16_384;
    private static final int BODY_BYTES = 65_536;

    /** Status line and headers, names in lower case; the body is still to be read. */
    record Head(String status, Map<String, String> headers) {
    }

    private Http() {
    }

    /** TCP, and on the LAN TLS. {@link Refused} with {@code pin} when the peer has another key. */
    static Socket connect(Endpoint at, PinnedTls tls) throws IOException, Refused {
        Socket socket = new Socket(Proxy.NO_PROXY);
        try {
            socket.connect(new InetSocketAddress(at.address(), at.port()), CONNECT_MS);
            socket.setSoTimeout(ANSWER_MS);
            socket.setTcpNoDelay(true);
            if (!at.tls()) {
                return socket;
            }
            SSLSocket secure = (SSLSocket) tls.context().getSocketFactory().createSocket(socket, at.address(), at.port(), true);
            secure.startHandshake();
            return secure;
        } catch (IOException | RuntimeException failed) {
            socket.close();
            // Not every TLS library of every Android hands the cause through.
            if (tls.refused()) {
                throw new Refused("pin", "");
            }
            throw failed;
        } catch (GeneralSecurityException broken) {
            socket.close();
            throw new IOException(broken);
        }
    }

    /** Reads octet by octet, so that not one of what follows is swallowed. */
    static Head head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int ending = 0;
        while (ending < 4) {
            int octet = in.read();
            if (octet < 0) {
                throw new EOFException("the connection ended in the headers");
            }
            head.write(octet);
            ending = octet == "\r\n\r\n".charAt(ending) ? ending + 1 : octet == '\r' ? 1 : 0;
            if (head.size() > HEAD_BYTES) {
                throw new IOException("headers without end");
            }
        }
        String[] lines = new String(head.toByteArray(), StandardCharsets.ISO_8859_1).split("\r\n", -1);
        if (!lines[0].matches("HTTP/1\\.1 \\d{3}( .*)?")) {
            throw new IOException("what answers is no HTTP server");
        }
        Map<String, String> headers = new HashMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon > 0) {
                headers.put(lines[i].substring(0, colon).trim().toLowerCase(Locale.ROOT), lines[i].substring(colon + 1).trim());
            }
        }
        return new Head(lines[0].substring(9, 12), headers);
    }

    /** The body as an object; an empty one when it is none. */
    static JSONObject body(Head head, InputStream in) throws IOException {
        try {
            int length = Math.max(0, Math.min(BODY_BYTES, Integer.parseInt(head.headers().getOrDefault("content-length", "0"))));
            byte[] body = new byte[length];
            for (int at = 0, n = 0; at < length && n >= 0; at += Math.max(0, n)) {
                n = in.read(body, at, length - at);
            }
            return new JSONObject(new String(body, StandardCharsets.UTF_8));
        } catch (JSONException | NumberFormatException noObject) {
            return new JSONObject();
        }
    }

    /** Another answer than the one asked for, in the gateway's words where it has some. */
    static Refused refused(Head head, JSONObject body) {
        return new Refused(body.optString("code", "http_" + head.status()), body.optString("hint"));
    }
}
