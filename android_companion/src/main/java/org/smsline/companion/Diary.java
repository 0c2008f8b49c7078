package org.smsline.companion;

import android.content.Context;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The link's ups and downs, some hundreds of them, in a file that outlives the process. No number and no text is ever in it. */
final class Diary {
    private static final long MOST_OCTETS = 32_768;
    private final File now;
    private final File before;
    private volatile String last;

    Diary(Context context) {
        this.now = new File(context.getFilesDir(), "diary.txt");
        this.before = new File(context.getFilesDir(), "diary.old.txt");
    }

    /** To be given to {@link Link#listen}. */
    void link(LinkState state) {
        String words = !state.paired() ? "unpaired" : state.connected() ? "connected " + state.way() : "not connected";
        String what = state.code() == null ? words : words + " " + state.code();
        // Each failed round of dialling says the same again; once is enough for a history.
        if (!what.equals(last)) {
            last = what;
            note(what);
        }
    }

    synchronized void note(String what) {
        try {
            if (now.length() > MOST_OCTETS) {
                before.delete();
                now.renameTo(before);
            }
            byte[] line = (Instant.ofEpochMilli(System.currentTimeMillis()) + " " + what.replace('\n', ' ') + "\n").getBytes(StandardCharsets.UTF_8);
            Files.write(now.toPath(), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException full) {
            // A diary that cannot be kept must not cost a message.
            return;
        }
    }

    synchronized List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (File file : new File[] {before, now}) {
            try {
                lines.addAll(Files.readAllLines(file.toPath()));
            } catch (IOException none) {
                continue;
            }
        }
        return lines;
    }
}
