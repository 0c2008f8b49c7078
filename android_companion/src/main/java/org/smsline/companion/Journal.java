package org.smsline.companion;

import android.content.ContentValues;
import android.database.Cursor;
import android.database.sqlite.SQLiteDatabase;
import java.io.File;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.json.JSONObject;

/**
 * What this phone was asked to send, what came of it and what came in, kept until the gateway has it. Every method is
 * one transaction that is on the flash when it returns; no text that is sent is ever stored, and numbers only masked.
 */
final class Journal implements AutoCloseable {
    private static final long DAY_MS = 86_400_000L;
    /** docs/link.md: a settled job is forgotten 14 days after its last event was committed. */
    static final long KEEP_MS = 14 * DAY_MS;
    /** A burned id is refused for as long as anybody could still repeat it; the longest validity of an SMS is 63 days. */
    static final long KEEP_BURNED_MS = 64 * DAY_MS;

    /** Activity.RESULT_OK: the sent intent of a part that the network took. */
    private static final int RESULT_OK = -1;

    private final File file;
    private final SQLiteDatabase db;
    private final LongSupplier nowMs;

    /** What {@link #take} found. */
    enum Taken { NEW, SEEN, BURNED }

    /** A journal's word on a job: state as on the wire, and when it was called (UTC ms, 0 = not). */
    record JobState(String state, long calledAtMs) {
    }

    /** An event on its way: the journal's id and the members of the frame. */
    record Event(long id, String body) {
    }

    /** A line for the screen: {@code to} is masked, {@code fate} is pending, sent or failed. */
    record Recent(String job, int sub, String to, int parts, String fate, long atMs) {
    }

    Journal(File file, LongSupplier nowMs) {
        this.file = file;
        this.nowMs = nowMs;
        this.db = Schema.open(file);
    }

    /** The identity of this journal file: a lost or replaced journal has another, and its phone is a new install. */
    String id() {
        return inOne(() -> {
            String id = meta("id");
            if (id == null) {
                id = UUID.randomUUID().toString();
                meta("id", id);
            }
            return id;
        });
    }

    /** To be called once when the process starts: what was taken by a process that is gone was never called. */
    void restart() {
        inOne(() -> {
            for (String job : ids("SELECT id FROM job WHERE state = 'taken'")) {
                fail(job, "not_called", "the app was restarted before the call");
            }
            return null;
        });
    }

    Taken take(String job, int sub, String to, int parts) {
        return inOne(() -> {
            if (!ids("SELECT id FROM job WHERE id = ?", job).isEmpty()) {
                return Taken.SEEN;
            }
            if (!ids("SELECT id FROM burned WHERE id = ?", job).isEmpty()) {
                return Taken.BURNED;
            }
            db.execSQL("INSERT INTO job (id, sub, recipient, parts, state, taken_at_ms) VALUES (?, ?, ?, ?, 'taken', ?)",
                new Object[] {job, sub, masked(to), parts, now()});
            return Taken.NEW;
        });
    }

    /** Whether the job is in the journal, in whatever state. */
    boolean knows(String job) {
        return inOne(() -> !ids("SELECT id FROM job WHERE id = ?", job).isEmpty());
    }

    /** Commits that the radio call is made now; from here on the job may be on air. */
    void called(String job) {
        inOne(() -> {
            db.execSQL("UPDATE job SET state = 'called', called_at_ms = ? WHERE id = ? AND state = 'taken'", new Object[] {now(), job});
            return null;
        });
    }

    /** Makes sure that a job which was never taken never will be. */
    void burn(String job) {
        inOne(() -> {
            db.execSQL("INSERT OR IGNORE INTO burned (id, at_ms) VALUES (?, ?)", new Object[] {job, now()});
            return null;
        });
    }

    /** Settles a job that is certainly not on air. */
    void failed(String job, String code, String detail) {
        inOne(() -> {
            fail(job, code, detail);
            return null;
        });
    }

    /** A sent intent. False when it says nothing new: an unknown or closed job, or the same outcome once more. */
    boolean sent(String job, int part, int result, Integer error, boolean noDefault) {
        return inOne(() -> {
            boolean told = expects(job, part) && event("sent:" + job + ":" + part + ":" + result + ":" + error, job, part,
                Events.sent(job, part, result, error, noDefault, now()));
            if (told) {
                settle(job, result == RESULT_OK);
            }
            return told;
        });
    }

    /** A delivered intent. False when it says nothing new. */
    boolean report(String job, int part, String pdu, String format) {
        return inOne(() -> expects(job, part)
            && event("report:" + job + ":" + part + ":" + pdu, job, part, Events.report(job, part, sub(job), pdu, format, now())));
    }

    /**
     * The PDUs of one broadcast. {@code address} and {@code sentS} (UTC seconds of the service centre) are how the sweep
     * knows it again; address null where the provider holds no such row. False when the sweep brought it already.
     */
    boolean inbound(int sub, List<String> pdus, String format, String address, long sentS) {
        return inOne(() -> (address == null || !seen(address, sentS, false))
            && event(null, null, 0, Events.inbound(sub, pdus, format, now())));
    }

    /** A row of the provider's inbox, and the cursor moved past it. False when a broadcast brought it already. */
    boolean text(int sub, String from, String text, long sentAtMs, long row) {
        return inOne(() -> {
            boolean told = !seen(from, sentAtMs / 1000, true)
                && event("row:" + row + ":" + sentAtMs, null, 0, Events.text(sub, from, text, sentAtMs, row, now()));
            meta("cursor", Long.toString(row));
            return told;
        });
    }

    void mms(int sub, byte[] pdu) {
        inOne(() -> event(null, null, 0, Events.mms(sub, pdu, now())));
    }

    /** The last row of the provider's inbox that was dealt with, or -1 when there is none yet. */
    long cursor() {
        return inOne(() -> meta("cursor") == null ? -1 : Long.parseLong(meta("cursor")));
    }

    void cursor(long row) {
        inOne(() -> {
            meta("cursor", Long.toString(row));
            return null;
        });
    }

    /** The gateway has these. What came in is wiped at once; the outcomes of jobs stay, to know their doubles by. */
    void committed(List<Long> events) {
        inOne(() -> {
            for (Long id : events) {
                db.execSQL("DELETE FROM event WHERE id = ? AND job IS NULL AND mark IS NULL", new Object[] {id});
                db.execSQL("UPDATE event SET committed_at_ms = ?, body = '' WHERE id = ? AND committed_at_ms IS NULL", new Object[] {now(), id});
            }
            return null;
        });
    }

    List<Event> uncommitted(long after, int limit) {
        return inOne(() -> {
            List<Event> found = new ArrayList<>();
            try (Cursor rows = rows("SELECT id, body FROM event WHERE committed_at_ms IS NULL AND id > ? ORDER BY id LIMIT ?", after, limit)) {
                while (rows.moveToNext()) {
                    found.add(new Event(rows.getLong(0), rows.getString(1)));
                }
            }
            return found;
        });
    }

    /** How many events the gateway has not yet committed. */
    int waiting() {
        return inOne(() -> {
            try (Cursor rows = rows("SELECT count(*) FROM event WHERE committed_at_ms IS NULL")) {
                rows.moveToFirst();
                return rows.getInt(0);
            }
        });
    }

    /** The state of each job asked for; those that are not here are burned by the question. */
    Map<String, JobState> ask(List<String> jobs) {
        return inOne(() -> {
            Map<String, JobState> answer = new LinkedHashMap<>();
            for (String job : jobs) {
                try (Cursor rows = rows("SELECT state, called_at_ms FROM job WHERE id = ?", job)) {
                    answer.put(job, rows.moveToFirst() ? new JobState(rows.getString(0), rows.getLong(1)) : new JobState("unknown", 0));
                }
                if (answer.get(job).state().equals("unknown")) {
                    db.execSQL("INSERT OR IGNORE INTO burned (id, at_ms) VALUES (?, ?)", new Object[] {job, now()});
                }
            }
            return answer;
        });
    }

    List<Recent> recent(int limit) {
        return inOne(() -> {
            List<Recent> found = new ArrayList<>();
            try (Cursor rows = rows("SELECT id, sub, recipient, parts, fate, taken_at_ms FROM job ORDER BY taken_at_ms DESC, rowid DESC LIMIT ?", limit)) {
                while (rows.moveToNext()) {
                    found.add(new Recent(rows.getString(0), rows.getInt(1), rows.getString(2), rows.getInt(3), rows.getString(4), rows.getLong(5)));
                }
            }
            return found;
        });
    }

    /** Drops what nobody will ask for any more. */
    void forget() {
        inOne(() -> {
            db.execSQL("DELETE FROM job WHERE state = 'settled' AND settled_at_ms < ?1 AND NOT EXISTS (SELECT 1 FROM event "
                + "WHERE event.job = job.id AND (committed_at_ms IS NULL OR committed_at_ms >= ?1))", new Object[] {now() - KEEP_MS});
            db.execSQL("DELETE FROM event WHERE committed_at_ms < ? AND (job IS NULL OR job NOT IN (SELECT id FROM job))",
                new Object[] {now() - KEEP_MS});
            db.execSQL("DELETE FROM burned WHERE at_ms < ?", new Object[] {now() - KEEP_BURNED_MS});
            db.execSQL("DELETE FROM seen_inbound WHERE at_ms < ?", new Object[] {now() - KEEP_MS});
            return null;
        });
    }

    /** Unpaired: nothing that was this gateway's may reach the next one. Ids stay known, so that nothing goes out twice. */
    void unpaired() {
        inOne(() -> {
            db.execSQL("UPDATE job SET closed = 1, state = 'settled', settled_at_ms = COALESCE(settled_at_ms, ?)", new Object[] {now()});
            db.execSQL("DELETE FROM event WHERE committed_at_ms IS NULL");
            db.execSQL("DELETE FROM seen_inbound");
            db.execSQL("DELETE FROM meta WHERE name = 'cursor'");
            return null;
        });
    }

    /** Octets left where the journal lies. */
    long freeBytes() {
        return file.getAbsoluteFile().getParentFile().getUsableSpace();
    }

    @Override public void close() {
        db.close();
    }

    /** "+447700900123" as "+4477…123": enough for its owner to know it by. */
    static String masked(String number) {
        return number.length() <= 8 ? "…" + number.substring(Math.max(0, number.length() - 3))
            : number.substring(0, 5) + "…" + number.substring(number.length() - 3);
    }

    private void fail(String job, String code, String detail) {
        db.execSQL("UPDATE job SET state = 'settled', fate = 'failed', settled_at_ms = ? WHERE id = ? AND state <> 'settled'", new Object[] {now(), job});
        event("failed:" + job, job, 0, Events.failed(job, code, detail, now()));
    }

    private boolean expects(String job, int part) {
        return !ids("SELECT id FROM job WHERE id = ? AND closed = 0 AND state <> 'taken' AND CAST(? AS INTEGER) BETWEEN 1 AND parts",
            job, Integer.toString(part)).isEmpty();
    }

    private int sub(String job) {
        try (Cursor rows = rows("SELECT sub FROM job WHERE id = ?", job)) {
            rows.moveToFirst();
            return rows.getInt(0);
        }
    }

    private void settle(String job, boolean ok) {
        if (!ok) {
            db.execSQL("UPDATE job SET fate = 'failed' WHERE id = ?", new Object[] {job});
        }
        db.execSQL("UPDATE job SET state = 'settled', settled_at_ms = ?2, fate = CASE fate WHEN 'pending' THEN 'sent' ELSE fate END "
            + "WHERE id = ?1 AND state = 'called' AND parts = (SELECT count(DISTINCT part) FROM event WHERE job = ?1 AND mark LIKE 'sent:%')",
            new Object[] {job, now()});
    }

    /** Uses up one sighting from the other side, or leaves one for it: repeats of one text in one second stay as many as they were. */
    private boolean seen(String address, long sentS, boolean swept) {
        List<String> other = ids("SELECT id FROM seen_inbound WHERE address = ? AND sent_s = CAST(? AS INTEGER) AND swept = CAST(? AS INTEGER) LIMIT 1",
            address, Long.toString(sentS), swept ? "0" : "1");
        if (!other.isEmpty()) {
            db.execSQL("DELETE FROM seen_inbound WHERE id = ?", new Object[] {other.get(0)});
            return true;
        }
        db.execSQL("INSERT INTO seen_inbound (address, sent_s, swept, at_ms) VALUES (?, ?, ?, ?)", new Object[] {address, sentS, swept ? 1 : 0, now()});
        return false;
    }

    private boolean event(String mark, String job, int part, JSONObject body) {
        ContentValues row = new ContentValues();
        row.put("mark", mark);
        row.put("job", job);
        row.put("part", part);
        row.put("body", body.toString());
        row.put("at_ms", now());
        return db.insertWithOnConflict("event", null, row, SQLiteDatabase.CONFLICT_IGNORE) != -1;
    }

    private String meta(String name) {
        List<String> found = ids("SELECT value FROM meta WHERE name = ?", name);
        return found.isEmpty() ? null : found.get(0);
    }

    private void meta(String name, String value) {
        db.execSQL("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", new Object[] {name, value});
    }

    private List<String> ids(String sql, String... arguments) {
        List<String> found = new ArrayList<>();
        try (Cursor rows = db.rawQuery(sql, arguments)) {
            while (rows.moveToNext()) {
                found.add(rows.getString(0));
            }
        }
        return found;
    }

    /** Numbers are bound as text by the platform, which SQLite compares well with an integer column and takes as a LIMIT. */
    private Cursor rows(String sql, Object... arguments) {
        String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        return db.rawQuery(sql, texts);
    }

    private long now() {
        return nowMs.getAsLong();
    }

    private <T> T inOne(Supplier<T> work) {
        db.beginTransaction();
        try {
            T result = work.get();
            db.setTransactionSuccessful();
            return result;
        } finally {
            db.endTransaction();
        }
    }
}
