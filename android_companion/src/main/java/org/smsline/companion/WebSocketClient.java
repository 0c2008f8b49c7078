package org.smsline.companion;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The client side of one open WebSocket (RFC 6455 §5): text messages of at most 1 MiB, masked when sent, put together
 * when fragmented. Pings when nothing was heard, and gives up when nothing answers; all of that on the reading thread.
 */
final class WebSocketClient implements Closeable {
    static final int NORMAL = 1000;
    static final int PROTOCOL_ERROR = 1002;
    static final int UNSUPPORTED = 1003;
    static final int NOT_UTF8 = 1007;
    static final int POLICY = 1008;
    static final int TOO_BIG = 1009;
    private static final int CONTINUATION = 0;
    private static final int TEXT = 1;
    private static final int BINARY = 2;
    private static final int CLOSE = 8;
    private static final int PING = 9;
    private static final int PONG = 10;

    private final Socket socket;
    private final DataInputStream in;
    private final OutputStream out;
    private final Quiet quiet;
    private final ReentrantLock sending = new ReentrantLock();
    private final SecureRandom random = new SecureRandom();
    private boolean closing;

    /** How long silence may last before a ping, and how long after it before the end; ms. docs/link.md, Alive. */
    record Patience(int pingAfterMs, int endAfterMs) {
        static final Patience STANDARD = new Patience(20_000, 15_000);
    }

    /** On a socket whose upgrade is done. */
    WebSocketClient(Socket socket, Patience patience) throws IOException {
        this.socket = socket;
        this.quiet = new Quiet(socket, patience, () -> {
            // A sender that holds the lock is stuck on the same silence: waiting for it would hide the end from us.
            if (sending.tryLock()) {
                try {
                    frame(PING, new byte[0]);
                } finally {
                    sending.unlock();
                }
            }
        });
        this.in = new DataInputStream(quiet);
        this.out = socket.getOutputStream();
    }

    /** The next text message; null when the peer closed. IOException ends the connection: broken, dead or not RFC 6455. */
    String receive() throws IOException {
        byte[] message = new byte[0];
        boolean started = false;
        while (true) {
            int first = in.readUnsignedByte();
            int second = in.readUnsignedByte();
            int opcode = first & 0x0f;
            boolean last = (first & 0x80) != 0;
            if ((first & 0x70) != 0 || (second & 0x80) != 0) {
                throw end(PROTOCOL_ERROR, "a reserved bit or a masked frame from the server");
            }
            byte[] payload = payload(second & 0x7f, opcode >= CLOSE, last, message.length);
            if (opcode == CLOSE) {
                send(CLOSE, payload.length >= 2 ? new byte[] {payload[0], payload[1]} : new byte[0]);
                close();
                return null;
            } else if (opcode == PING) {
                send(PONG, payload);
            } else if (opcode == TEXT && !started || opcode == CONTINUATION && started) {
                started = true;
                message = joined(message, payload);
                if (last) {
                    return text(message);
                }
            } else if (opcode == BINARY) {
                throw end(UNSUPPORTED, "a binary message");
            } else if (opcode != PONG) {
                throw end(PROTOCOL_ERROR, "frame " + opcode + " out of place");
            }
        }
    }

    void send(String text) throws IOException {
        send(TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Says why and ends the connection. Never waits for the peer. */
    void close(int code) {
        // A sender that is stuck holds the lock, and only closing the socket frees it.
        if (sending.tryLock()) {
            try {
                closing = true;
                frame(CLOSE, new byte[] {(byte) (code >> 8), (byte) code});
            } catch (IOException gone) {
                closing = true;
            } finally {
                sending.unlock();
            }
        }
        close();
    }

    @Override public void close() {
        try {
            socket.close();
        } catch (IOException alreadyGone) {
            closing = true;
        }
    }

    private byte[] payload(int length, boolean control, boolean last, int before) throws IOException {
        long size = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
        if (control && (size > 125 || !last)) {
            throw end(PROTOCOL_ERROR, "a long or fragmented control frame");
        }
        if (size < 0 || size > Frames.MAX_BYTES - before) {
            throw end(TOO_BIG, "a message over 1 MiB");
        }
        byte[] payload = new byte[(int) size];
        in.readFully(payload);
        return payload;
    }

    private String text(byte[] message) throws IOException {
        try {
            CharBuffer text = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT).decode(ByteBuffer.wrap(message));
            return text.toString();
        } catch (CharacterCodingException malformed) {
            throw end(NOT_UTF8, "a text that is not UTF-8");
        }
    }

    private static byte[] joined(byte[] head, byte[] tail) {
        return head.length == 0 ? tail : ByteBuffer.allocate(head.length + tail.length).put(head).put(tail).array();
    }

    private IOException end(int code, String why) {
        close(code);
        return new IOException(why);
    }

    private void send(int opcode, byte[] payload) throws IOException {
        sending.lock();
        try {
            if (closing) {
                throw new EOFException("the connection is closed");
            }
            frame(opcode, payload);
        } finally {
            sending.unlock();
        }
    }

    private void frame(int opcode, byte[] payload) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(payload.length + 14).put((byte) (0x80 | opcode));
        if (payload.length < 126) {
            frame.put((byte) (0x80 | payload.length));
        } else if (payload.length < 65_536) {
            frame.put((byte) (0x80 | 126)).putShort((short) payload.length);
        } else {
            frame.put((byte) (0x80 | 127)).putLong(payload.length);
        }
        byte[] mask = new byte[4];
        random.nextBytes(mask);
        frame.put(mask);
        for (int i = 0; i < payload.length; i++) {
            frame.put((byte) (payload[i] ^ mask[i & 3]));
        }
        out.write(frame.array(), 0, frame.position());
        out.flush();
    }
}
