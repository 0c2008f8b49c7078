package org.smsline.companion;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import org.json.JSONObject;

/** A gateway's side of the wire, octet by octet, so that a test can say anything; it shares no code with the app's client. */
final class Gateway implements Closeable {
    final ServerSocket server;
    final BlockingQueue<Peer> peers = new LinkedBlockingQueue<>();
    /** Every caller: a socket that nobody refers to is closed when the collector comes by. */
    private final List<Peer> held = new CopyOnWriteArrayList<>();

    Gateway() throws IOException {
        this(new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1")));
    }

    Gateway(ServerSocket server) {
        this.server = server;
        Thread accepting = new Thread(() -> {
            try {
                while (true) {
                    Socket socket = server.accept();
                    shakeHands(socket);
                    Peer peer = new Peer(socket);
                    held.add(peer);
                    peers.add(peer);
                }
            } catch (IOException closed) {
                peers.clear();
            }
        });
        accepting.setDaemon(true);
        accepting.start();
    }

    /** A server's handshake otherwise waits for the first read. A client that turns away is seen then. */
    private static void shakeHands(Socket socket) {
        if (socket instanceof SSLSocket tls) {
            Thread shaking = new Thread(() -> {
                try {
                    tls.startHandshake();
                } catch (IOException turnedAway) {
                    tls.getSession().invalidate();
                }
            });
            shaking.setDaemon(true);
            shaking.start();
        }
    }

    int port() {
        return server.getLocalPort();
    }

    Peer next() throws InterruptedException {
        Peer peer = peers.poll(20, TimeUnit.SECONDS);
        if (peer == null) {
            throw new AssertionError("nobody called");
        }
        return peer;
    }

    /** The next caller, upgraded and past its hello, and welcomed. */
    Peer welcome(String gateway) throws Exception {
        Peer peer = next();
        peer.upgrade();
        peer.hello = peer.json();
        peer.say(new JSONObject().put("t", "welcome").put("v", 1).put("gateway", gateway).put("name", "Office").put("now_ms", 1)
            .put("urls", new org.json.JSONArray()).toString());
        return peer;
    }

    @Override public void close() throws IOException {
        server.close();
    }

    /** One connection. */
    static final class Peer implements Closeable {
        final Socket socket;
        JSONObject hello;
        String head;

        Peer(Socket socket) throws IOException {
            this.socket = socket;
            socket.setSoTimeout(20_000);
        }

        String readHead() throws IOException {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            InputStream in = socket.getInputStream();
            while (!all.toString("ISO-8859-1").endsWith("\r\n\r\n")) {
                int octet = in.read();
                if (octet < 0) {
                    throw new IOException("ended in the head");
                }
                all.write(octet);
            }
            head = all.toString("ISO-8859-1");
            return head;
        }

        void upgrade() throws Exception {
            readHead();
            String key = head.replaceAll("(?s).*Sec-WebSocket-Key: ([^\r]+)\r\n.*", "$1");
            byte[] accept = MessageDigest.getInstance("SHA-1").digest((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
            raw(("HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                + Base64.getEncoder().encodeToString(accept) + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        }

        void raw(byte[] octets) throws IOException {
            socket.getOutputStream().write(octets);
            socket.getOutputStream().flush();
        }

        /** One unmasked frame with this first octet. */
        void frame(int first, byte[] payload) throws IOException {
            ByteArrayOutputStream frame = new ByteArrayOutputStream();
            frame.write(first);
            if (payload.length < 126) {
                frame.write(payload.length);
            } else if (payload.length < 65_536) {
                frame.write(126);
                frame.write(payload.length >> 8);
                frame.write(payload.length);
            } else {
                frame.write(127);
                for (int shift = 56; shift >= 0; shift -= 8) {
                    frame.write((int) ((long) payload.length >> shift));
                }
            }
            frame.write(payload);
            raw(frame.toByteArray());
        }

        void say(String text) throws IOException {
            frame(0x81, text.getBytes(StandardCharsets.UTF_8));
        }

        /** The next frame's first octet and payload; fails when it is not masked. */
        Heard hear() throws IOException {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int first = in.readUnsignedByte();
            int second = in.readUnsignedByte();
            if ((second & 0x80) == 0) {
                throw new AssertionError("a client's frame without a mask");
            }
            int length = second & 0x7f;
            length = length == 126 ? in.readUnsignedShort() : length == 127 ? (int) in.readLong() : length;
            byte[] mask = new byte[4];
            in.readFully(mask);
            byte[] payload = new byte[length];
            in.readFully(payload);
            for (int i = 0; i < length; i++) {
                payload[i] ^= mask[i % 4];
            }
            return new Heard(first, payload, mask);
        }

        /** The next text, past pings and pongs. */
        JSONObject json() throws Exception {
            while (true) {
                Heard heard = hear();
                if (heard.first() == 0x81) {
                    return new JSONObject(new String(heard.payload(), StandardCharsets.UTF_8));
                }
                if (heard.first() == 0x88) {
                    throw new IOException("closed");
                }
            }
        }

        /** The next message of this type, past others. */
        JSONObject json(String type) throws Exception {
            JSONObject frame = json();
            while (!frame.getString("t").equals(type)) {
                frame = json();
            }
            return frame;
        }

        @Override public void close() throws IOException {
            socket.close();
        }
    }

    record Heard(int first, byte[] payload, byte[] mask) {
        String text() {
            return new String(payload, StandardCharsets.UTF_8);
        }
    }
}
