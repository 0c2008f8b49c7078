package org.smsline.companion;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;

/** A socket's input that notices silence: it asks for a ping after some of it, and ends after some more. */
final class Quiet extends InputStream {
    /** What is done when nothing was heard for the first while. */
    interface Ping {
        void send() throws IOException;
    }

    private final Socket socket;
    private final InputStream in;
    private final WebSocketClient.Patience patience;
    private final Ping ping;
    private boolean asked;

    Quiet(Socket socket, WebSocketClient.Patience patience, Ping ping) throws IOException {
        this.socket = socket;
        this.in = socket.getInputStream();
        this.patience = patience;
        this.ping = ping;
        socket.setSoTimeout(patience.pingAfterMs());
    }

    @Override public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override public int read(byte[] into, int from, int length) throws IOException {
        while (true) {
            try {
                int n = in.read(into, from, length);
                if (asked) {
                    asked = false;
                    socket.setSoTimeout(patience.pingAfterMs());
                }
                return n;
            } catch (SocketTimeoutException silence) {
                if (asked) {
                    throw new IOException("nothing heard for " + patience.endAfterMs() + " ms after a ping", silence);
                }
                asked = true;
                socket.setSoTimeout(patience.endAfterMs());
                ping.send();
            }
        }
    }
}
