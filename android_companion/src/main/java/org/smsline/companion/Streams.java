package org.smsline.companion;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Reading to the end, but not further than is sane. {@code InputStream.readAllBytes} is newer than API 26. */
final class Streams {
    private Streams() {
    }

    static String text(InputStream in, int limit) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] chunk = new byte[4096];
        for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
            all.write(chunk, 0, n);
            if (all.size() > limit) {
                throw new IOException("more than " + limit + " octets");
            }
        }
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
