package org.smsline.companion;

import android.content.Context;
import android.database.Cursor;
import android.net.Uri;
import android.provider.Telephony;
import android.util.Log;

/**
 * Finds in the phone's inbox what no broadcast brought: messages that came while the app was dead, stopped or frozen.
 * It moves a cursor over the rows' ids and keeps it in the journal, together with what it found.
 */
final class Sweep {
    /** A row this young may still be told by its broadcast, which takes its time on a phone that just woke. */
    static final long SETTLE_MS = 60_000;
    private static final String[] COLUMNS = {"_id", "address", "body", "date", "date_sent", "sub_id"};

    private final Context context;
    private final Journal journal;

    Sweep(Context context, Journal journal) {
        this.context = context;
        this.journal = journal;
    }

    /** Starts after the newest row: what a phone got before it was paired is none of the gateway's business. */
    void begin() {
        journal.cursor(newest());
    }

    /** Journals what is new. Returns in how many ms to look again because of rows that are too young, or 0. */
    long run() {
        long cursor = journal.cursor();
        long newest = newest();
        if (newest < 0) {
            return 0;
        }
        if (cursor < 0 || newest < cursor) {
            // No cursor yet, or the inbox was emptied and counts anew.
            journal.cursor(newest);
            return 0;
        }
        try (Cursor rows = query("_id > ?", new String[] {Long.toString(cursor)}, "_id ASC")) {
            while (rows != null && rows.moveToNext()) {
                long ageMs = System.currentTimeMillis() - rows.getLong(3);
                if (ageMs >= 0 && ageMs < SETTLE_MS) {
                    return SETTLE_MS - ageMs;
                }
                if (SelfTest.own(context, rows.getString(2))) {
                    journal.cursor(rows.getLong(0));
                    continue;
                }
                journal.text(rows.isNull(5) ? -1 : rows.getInt(5), or(rows.getString(1)), or(rows.getString(2)), rows.getLong(4), rows.getLong(0));
            }
        } catch (SecurityException noPermission) {
            Log.i("Sweep", "READ_SMS is missing");
        }
        return 0;
    }

    /** 0 for an empty inbox, -1 when it may not be read. */
    private long newest() {
        try (Cursor rows = query(null, null, "_id DESC")) {
            return rows != null && rows.moveToFirst() ? rows.getLong(0) : 0;
        } catch (SecurityException noPermission) {
            return -1;
        }
    }

    private Cursor query(String where, String[] arguments, String order) {
        Uri inbox = Telephony.Sms.Inbox.CONTENT_URI;
        return context.getContentResolver().query(inbox, COLUMNS, where, arguments, order);
    }

    private static String or(String text) {
        return text == null ? "" : text;
    }
}
