package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class SweepTest {
    private static final String DELIVER = "07911326040000f0040b911346610089f60000208062917314080cc8f71d14969741f977fd07";
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;
    private Inbox inbox;

    @Before public void start() throws Exception {
        phone = new Phone(folder.getRoot());
        inbox = Robolectric.setupContentProvider(Inbox.class, "sms");
        phone.paired(1);
    }

    @After public void end() {
        phone.companion.journal.close();
    }

    private List<String> texts() throws Exception {
        List<String> texts = new ArrayList<>();
        for (Journal.Event event : phone.companion.journal.uncommitted(0, 100)) {
            JSONObject body = new JSONObject(event.body());
            texts.add(body.getString("kind") + " " + body.optString("text"));
        }
        return texts;
    }

    @Test public void whatCameWhileTheAppWasDeadIsFoundOnce() throws Exception {
        inbox.add("+447700900456", "one", 120_000, 111);
        inbox.add("+447700900456", "two", 110_000, 222);
        assertEquals(0, phone.companion.sweep.run());
        assertEquals(List.of("text one", "text two"), texts());
        JSONObject event = new JSONObject(phone.companion.journal.uncommitted(0, 1).get(0).body());
        assertEquals("3 +447700900456 111000 1", event.getInt("sub") + " " + event.getString("from") + " " + event.getLong("sent_at_ms") + " " + event.getLong("row"));
        phone.companion.sweep.run();
        assertEquals(2, texts().size());
    }

    @Test public void whatABroadcastBroughtIsNotSweptAgain() throws Exception {
        android.telephony.SmsMessage message = android.telephony.SmsMessage.createFromPdu(Hex.octets(DELIVER), "3gpp");
        phone.inbound(3, List.of(DELIVER));
        Wait.until("inbound", () -> phone.companion.journal.waiting() == 1);
        inbox.add(message.getDisplayOriginatingAddress(), "How are you?", 120_000, message.getTimestampMillis() / 1000);
        phone.companion.sweep.run();
        assertEquals(List.of("inbound "), texts());
        assertEquals(1, phone.companion.journal.cursor());
    }

    @Test public void aYoungRowIsLeftToItsBroadcastForAWhile() throws Exception {
        inbox.add("+447700900456", "old", 120_000, 111);
        inbox.add("+447700900456", "young", 0, 222);
        long againMs = phone.companion.sweep.run();
        assertTrue("" + againMs, againMs > 0 && againMs <= Sweep.SETTLE_MS);
        assertEquals(List.of("text old"), texts());
        assertEquals(1, phone.companion.journal.cursor());
    }

    @Test public void whatCameBeforeThePairingIsNobodysBusiness() throws Exception {
        inbox.add("+447700900456", "private", 120_000, 111);
        phone.companion.sweep.begin();
        phone.companion.sweep.run();
        assertTrue(texts().isEmpty());
    }

    @Test public void anInboxThatWasEmptiedStartsAnew() throws Exception {
        phone.companion.journal.cursor(50);
        inbox.add("+447700900456", "one", 120_000, 111);
        phone.companion.sweep.run();
        inbox.add("+447700900456", "two", 120_000, 222);
        phone.companion.sweep.run();
        assertEquals(List.of("text two"), texts());
    }

    @Test public void withoutPermissionTheSweepWaits() throws Exception {
        inbox.locked = true;
        assertEquals(0, phone.companion.sweep.run());
        assertEquals(0, phone.companion.journal.cursor());
    }

    /** The phone's inbox, as far as a sweep looks at it. */
    public static final class Inbox extends ContentProvider {
        private final List<Object[]> rows = new ArrayList<>();
        boolean locked;

        void add(String address, String body, long ageMs, long sentS) {
            rows.add(new Object[] {(long) rows.size() + 1, address, body, System.currentTimeMillis() - ageMs, sentS * 1000, 3});
        }

        @Override public Cursor query(Uri uri, String[] columns, String where, String[] arguments, String order) {
            if (locked) {
                throw new SecurityException("READ_SMS");
            }
            MatrixCursor found = new MatrixCursor(columns);
            if (where == null) {
                if (!rows.isEmpty()) {
                    found.addRow(rows.get(rows.size() - 1));
                }
                return found;
            }
            rows.stream().filter(row -> (long) row[0] > Long.parseLong(arguments[0])).forEach(found::addRow);
            return found;
        }

        @Override public boolean onCreate() {
            return true;
        }

        @Override public String getType(Uri uri) {
            return null;
        }

        @Override public Uri insert(Uri uri, ContentValues values) {
            return null;
        }

        @Override public int delete(Uri uri, String where, String[] arguments) {
            return 0;
        }

        @Override public int update(Uri uri, ContentValues values, String where, String[] arguments) {
            return 0;
        }
    }
}
