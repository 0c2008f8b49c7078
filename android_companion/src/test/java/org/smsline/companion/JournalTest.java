package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.RandomAccessFile;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

@RunWith(RobolectricTestRunner.class)
public class JournalTest {
    private static final int OK = -1;
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private long now = 1_770_000_000_000L;
    private File file;
    private Journal journal;

    @Before public void open() {
        file = new File(folder.getRoot(), "journal.db");
        journal = new Journal(file, () -> now);
    }

    @After public void close() {
        journal.close();
    }

    private void restart() {
        journal.close();
        journal = new Journal(file, () -> now);
        journal.restart();
    }

    private void called(String job, int parts) {
        assertEquals(Journal.Taken.NEW, journal.take(job, 3, "+447700900123", parts));
        journal.called(job);
    }

    private String state(String job) {
        return journal.ask(List.of(job)).get(job).state();
    }

    private List<JSONObject> events() throws Exception {
        List<JSONObject> found = new ArrayList<>();
        for (Journal.Event event : journal.uncommitted(0, 1000)) {
            found.add(new JSONObject(event.body()).put("id", event.id()));
        }
        return found;
    }

    private List<Long> ids() {
        List<Long> ids = new ArrayList<>();
        journal.uncommitted(0, 1000).forEach(event -> ids.add(event.id()));
        return ids;
    }

    @Test public void aCommitIsOnTheFlashWhenItReturns() {
        android.database.sqlite.SQLiteDatabase db = Schema.open(new File(folder.getRoot(), "other.db"));
        assertEquals("wal", android.database.DatabaseUtils.stringForQuery(db, "PRAGMA journal_mode", null));
        assertEquals(2, android.database.DatabaseUtils.longForQuery(db, "PRAGMA synchronous", null));
        db.close();
    }

    @Test public void aJobIsNewOnce() {
        assertEquals(Journal.Taken.NEW, journal.take("a", 3, "+447700900123", 1));
        assertEquals(Journal.Taken.SEEN, journal.take("a", 3, "+447700900123", 1));
        restart();
        assertEquals(Journal.Taken.SEEN, journal.take("a", 3, "+447700900123", 1));
    }

    @Test public void whatWasTakenByAProcessThatDiedIsSettledAsNotCalled() throws Exception {
        journal.take("a", 3, "+447700900123", 1);
        assertEquals("taken", state("a"));
        restart();
        assertEquals("settled", state("a"));
        JSONObject event = events().get(0);
        assertEquals("failed a not_called", event.getString("kind") + " " + event.getString("job") + " " + event.getString("code"));
        restart();
        assertEquals(1, events().size());
    }

    @Test public void whatWasCalledByAProcessThatDiedStaysCalled() {
        called("a", 1);
        restart();
        assertEquals(new Journal.JobState("called", now), journal.ask(List.of("a")).get("a"));
        assertTrue(ids().isEmpty());
    }

    @Test public void anUnknownJobIsBurnedByTheQuestion() {
        assertEquals("unknown", state("a"));
        assertEquals(Journal.Taken.BURNED, journal.take("a", 3, "+447700900123", 1));
        restart();
        assertEquals(Journal.Taken.BURNED, journal.take("a", 3, "+447700900123", 1));
        assertEquals("unknown", state("a"));
    }

    @Test public void aJobIsSettledWhenEveryPartHasItsSentIntent() {
        called("a", 2);
        journal.sent("a", 2, OK, null, false);
        assertEquals("called", state("a"));
        journal.sent("a", 1, OK, null, false);
        assertEquals("settled", state("a"));
        assertEquals("sent", journal.recent(1).get(0).fate());
    }

    @Test public void oneFailedPartMakesTheWholeFail() {
        called("a", 3);
        journal.sent("a", 1, OK, null, false);
        journal.sent("a", 2, 1, 21, true);
        journal.sent("a", 3, OK, null, false);
        assertEquals("settled", state("a"));
        assertEquals("failed", journal.recent(1).get(0).fate());
    }

    @Test public void aDoubleIntentIsOneEventAndAnotherOutcomeASecond() throws Exception {
        called("a", 1);
        assertTrue(journal.sent("a", 1, OK, null, false));
        assertFalse(journal.sent("a", 1, OK, null, false));
        journal.committed(ids());
        assertFalse(journal.sent("a", 1, OK, null, false));
        assertTrue(journal.sent("a", 1, 1, 21, true));
        JSONObject event = events().get(0);
        assertEquals("1 21 true", event.getInt("result") + " " + event.getInt("error") + " " + event.getBoolean("no_default"));
    }

    @Test public void aReportBeforeItsSentIntentIsKept() {
        called("a", 1);
        assertTrue(journal.report("a", 1, "0700", "3gpp"));
        assertEquals("called", state("a"));
        journal.sent("a", 1, OK, null, false);
        assertEquals("settled", state("a"));
        assertEquals(2, ids().size());
    }

    @Test public void anInterimReportDoesNotHideTheFinalOne() {
        called("a", 1);
        assertTrue(journal.report("a", 1, "0720", "3gpp"));
        assertTrue(journal.report("a", 1, "0700", "3gpp"));
        assertFalse(journal.report("a", 1, "0700", "3gpp"));
    }

    @Test public void anIntentOfAnUnknownJobOrPartIsNobodys() {
        called("a", 2);
        assertFalse(journal.sent("b", 1, OK, null, false));
        assertFalse(journal.sent("a", 0, OK, null, false));
        assertFalse(journal.sent("a", 3, OK, null, false));
        assertFalse(journal.report("a", 3, "00", "3gpp"));
    }

    @Test public void eventsStayUntilTheyAreCommittedAndTheirIdsAreNeverUsedAgain() {
        journal.inbound(3, List.of("aa"), "3gpp", null, 0);
        journal.inbound(3, List.of("bb"), "3gpp", null, 0);
        List<Long> first = ids();
        restart();
        assertEquals(first, ids());
        journal.committed(first);
        assertTrue(ids().isEmpty());
        restart();
        journal.inbound(3, List.of("cc"), "3gpp", null, 0);
        assertTrue(ids().get(0) > first.get(1));
    }

    @Test public void eventsComeInOrderFromWhereTheReaderIs() {
        for (int i = 0; i < 5; i++) {
            journal.inbound(3, List.of("0" + i), "3gpp", null, 0);
        }
        List<Long> all = ids();
        assertEquals(all.get(2), (Long) journal.uncommitted(all.get(1), 2).get(0).id());
        assertEquals(2, journal.uncommitted(all.get(1), 2).size());
        assertEquals(5, journal.waiting());
    }

    @Test public void noTextOutlivesItsCommit() throws Exception {
        journal.text(3, "+447700900456", "a secret", now - 1000, 7);
        journal.inbound(3, List.of("5ec2e7"), "3gpp", null, 0);
        journal.committed(ids());
        android.database.sqlite.SQLiteDatabase db = Schema.open(file);
        assertEquals(0, android.database.DatabaseUtils.longForQuery(db, "SELECT count(*) FROM event WHERE body <> ''", null));
        db.close();
    }

    @Test public void aBroadcastAndItsRowAreOneMessageWhicheverComesFirst() {
        assertTrue(journal.inbound(3, List.of("aa"), "3gpp", "+447700900456", 100));
        assertFalse(journal.text(3, "+447700900456", "x", 100_500, 1));
        assertTrue(journal.text(3, "+447700900456", "x", 200_500, 2));
        assertFalse(journal.inbound(3, List.of("bb"), "3gpp", "+447700900456", 200));
        assertEquals(2, ids().size());
        assertEquals(2, journal.cursor());
    }

    @Test public void realRepeatsInOneSecondStayAsManyAsTheyWere() {
        journal.inbound(3, List.of("aa"), "3gpp", "+447700900456", 100);
        journal.inbound(3, List.of("aa"), "3gpp", "+447700900456", 100);
        journal.text(3, "+447700900456", "x", 100_000, 1);
        journal.text(3, "+447700900456", "x", 100_000, 2);
        assertEquals(2, ids().size());
        assertTrue(journal.text(3, "+447700900456", "x", 100_000, 3));
    }

    @Test public void aSettledJobIsForgotten14DaysAfterItsLastEventWasCommitted() {
        called("a", 1);
        journal.sent("a", 1, OK, null, false);
        called("open", 1);
        now += 30 * 86_400_000L;
        journal.forget();
        assertEquals("settled", state("a"));
        journal.committed(ids());
        now += Journal.KEEP_MS - 1;
        journal.forget();
        assertEquals("settled", state("a"));
        now += 2;
        journal.forget();
        assertEquals("unknown", state("a"));
        assertEquals("called", state("open"));
    }

    @Test public void afterUnpairingNothingOfTheOldGatewayIsToldAndNothingIsSentAgain() {
        called("a", 1);
        journal.inbound(3, List.of("aa"), "3gpp", null, 0);
        journal.cursor(5);
        journal.unpaired();
        assertTrue(ids().isEmpty());
        assertFalse(journal.sent("a", 1, OK, null, false));
        assertEquals(Journal.Taken.SEEN, journal.take("a", 3, "+447700900123", 1));
        assertEquals(-1, journal.cursor());
    }

    @Test public void theScreenGetsTheNewestFirstWithMaskedNumbers() {
        called("a", 1);
        now += 1;
        called("b", 2);
        journal.failed("b", "call_failed", "SecurityException");
        List<Journal.Recent> recent = journal.recent(20);
        assertEquals(new Journal.Recent("b", 3, "+4477…123", 2, "failed", now), recent.get(0));
        assertEquals("pending", recent.get(1).fate());
        assertEquals("…012", Journal.masked("80012"));
    }

    @Test public void aDamagedJournalIsSetAsideAndTheNewOneHasAnotherIdentity() throws Exception {
        String before = journal.id();
        assertEquals(before, journal.id());
        called("a", 1);
        journal.close();
        try (RandomAccessFile raw = new RandomAccessFile(file, "rw")) {
            raw.write(new byte[4096]);
        }
        journal = new Journal(file, () -> now);
        assertNotEquals(before, journal.id());
        assertTrue(new File(file.getPath() + ".damaged").exists());
        Settings settings = new Settings(folder.getRoot());
        settings.pair(new Settings.Gateway("g", "Office", "gwd_k", List.of(), ""), before, () -> { });
        String install = settings.install();
        settings.check(journal.id());
        assertNull(settings.gateway());
        assertNotEquals(install, settings.install());
    }
}
