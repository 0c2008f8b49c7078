package org.smsline.companion;

import android.database.DatabaseErrorHandler;
import android.database.sqlite.SQLiteDatabase;
import java.io.File;

/**
 * The journal's file: its tables, and how it is opened so that a commit is on the flash when it returns. One connection,
 * because {@code synchronous} belongs to a connection and the platform's pool would give the others its own default.
 */
final class Schema {
    private static final String[] TABLES = {
        "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, sub INTEGER NOT NULL, recipient TEXT NOT NULL, "
            + "parts INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('taken', 'called', 'settled')), "
            + "fate TEXT NOT NULL DEFAULT 'pending', closed INTEGER NOT NULL DEFAULT 0, "
            + "taken_at_ms INTEGER NOT NULL, called_at_ms INTEGER, settled_at_ms INTEGER)",
        "CREATE INDEX IF NOT EXISTS job_by_time ON job (taken_at_ms)",
        "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT, part INTEGER, "
            + "mark TEXT UNIQUE, body TEXT NOT NULL, at_ms INTEGER NOT NULL, committed_at_ms INTEGER)",
        "CREATE INDEX IF NOT EXISTS event_by_job ON event (job, part)",
        "CREATE INDEX IF NOT EXISTS event_open ON event (id) WHERE committed_at_ms IS NULL",
        "CREATE TABLE IF NOT EXISTS burned (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS seen_inbound (id INTEGER PRIMARY KEY, address TEXT NOT NULL, sent_s INTEGER NOT NULL, "
            + "swept INTEGER NOT NULL, at_ms INTEGER NOT NULL)",
        "CREATE INDEX IF NOT EXISTS seen_by_address ON seen_inbound (address, sent_s)",
    };

    private Schema() {
    }

    static SQLiteDatabase open(File file) {
        // The platform's own handler would delete a damaged journal and go on, and an empty journal answers "certainly
        // not sent" to everything. Set aside, its loss is seen by the id in it, and the app is a new install.
        DatabaseErrorHandler setAside = damaged -> {
            if (damaged.isOpen()) {
                // Found in use: what comes next throws, and the process comes back without a past.
                damaged.close();
            }
            for (String part : new String[] {"", "-wal", "-shm"}) {
                new File(file.getPath() + part).renameTo(new File(file.getPath() + ".damaged" + part));
            }
        };
        SQLiteDatabase db = SQLiteDatabase.openOrCreateDatabase(file.getPath(), null, setAside);
        pragma(db, "PRAGMA journal_mode=WAL");
        pragma(db, "PRAGMA synchronous=FULL");
        for (String table : TABLES) {
            db.execSQL(table);
        }
        return db;
    }

    private static void pragma(SQLiteDatabase db, String sql) {
        try (var answer = db.rawQuery(sql, null)) {
            answer.moveToFirst();
        }
    }
}
