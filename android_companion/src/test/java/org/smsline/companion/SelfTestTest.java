package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import android.app.Activity;
import android.app.AlarmManager;
import android.app.PendingIntent;
import android.content.Intent;
import android.os.Looper;
import android.os.PowerManager;
import android.os.SystemClock;
import android.telephony.SmsManager;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;
import org.robolectric.shadows.ShadowAlarmManager;
import org.smsline.companion.SelfTestResult.State;
import org.smsline.companion.SelfTestResult.Step;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class SelfTestTest {
    /** STATUS-REPORT, TP-ST in front of the last octet: built from 3GPP TS 23.040 9.2.2.3 by hand. */
    private static final String REPORT = "00" + "060c" + "0c91447700091032" + "62110151000000" + "62110151100000";
    private static final LinkState LINKED = new LinkState(true, "lan", "Office", null, null, 1);
    private static final LinkState CUT = new LinkState(true, null, "Office", "unreachable", null, 1);
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;
    private SelfTestResult result;
    private long processStartMs;

    @Before public void start() throws Exception {
        Air.clear();
        phone = new Phone(folder.getRoot()).paired(1);
        result = new SelfTestResult(phone.application);
    }

    @After public void end() {
        phone.companion.stop();
        phone.companion.journal.close();
    }

    private void settled() {
        boolean[] done = new boolean[1];
        Shadows.shadowOf(Looper.getMainLooper()).idle();
        phone.companion.later(() -> done[0] = true);
        Wait.until("the work before", () -> done[0]);
    }

    private Air.Call begin() {
        new SelfTest(phone.application).begin(5, "+447700900123");
        return Air.CALLS.get(0);
    }

    private void fire(PendingIntent intent, int code, String pdu) throws Exception {
        Intent extras = new Intent();
        if (pdu != null) {
            extras.putExtra("pdu", Hex.octets(pdu)).putExtra("format", "3gpp");
        }
        intent.send(phone.application, code, extras);
        settled();
    }

    /** A DELIVER with that text in UCS-2. */
    private static String deliver(String text) {
        byte[] ucs2 = text.getBytes(StandardCharsets.UTF_16BE);
        return "00" + "04" + "0c91447700091032" + "00" + "08" + "62110151000000" + String.format("%02x", ucs2.length) + Hex.of(ucs2);
    }

    private void inbound(String text) {
        phone.inbound(5, List.of(deliver(text)));
        settled();
    }

    private String step(Step step) {
        SelfTestResult.Outcome outcome = result.outcome(step);
        return outcome.why() == null ? outcome.state().name() : outcome.state() + " " + outcome.why();
    }

    @Test public void aWholeRunPassesEachStepOnItsOwnEvidence() throws Exception {
        Air.Call call = begin();
        assertEquals("5 +447700900123", call.sub() + " " + call.to());
        assertEquals("OK RUNNING RUNNING RUNNING", step(Step.HANDED) + " " + step(Step.SENT) + " " + step(Step.REPORT) + " " + step(Step.INBOUND));
        fire(call.sent().get(0), Activity.RESULT_OK, null);
        assertEquals("OK RUNNING", step(Step.SENT) + " " + step(Step.REPORT));
        fire(call.delivered().get(0), Activity.RESULT_OK, REPORT + "00");
        assertEquals("OK RUNNING", step(Step.REPORT) + " " + step(Step.INBOUND));
        inbound(call.texts().get(0));
        assertEquals("OK", step(Step.INBOUND));
    }

    @Test public void nothingOfItReachesTheJournalAndOtherTextsDo() throws Exception {
        Air.Call call = begin();
        fire(call.sent().get(0), Activity.RESULT_OK, null);
        fire(call.delivered().get(0), Activity.RESULT_OK, REPORT + "00");
        inbound(call.texts().get(0));
        assertEquals(0, phone.companion.journal.waiting());
        assertEquals(List.of(), phone.companion.journal.recent(10));
        inbound("Hello");
        assertEquals(1, phone.companion.journal.waiting());
    }

    @Test public void theSweepOfTheInboxLeavesItsTextOutAndNoOther() {
        String text = begin().texts().get(0);
        SweepTest.Inbox inbox = Robolectric.setupContentProvider(SweepTest.Inbox.class, "sms");
        inbox.add("+447700900123", text, 120_000, 111);
        assertEquals(0, phone.companion.sweep.run());
        assertEquals(0, phone.companion.journal.waiting());
        assertEquals(1, phone.companion.journal.cursor());
        inbox.add("+447700900123", "Hello", 110_000, 222);
        phone.companion.sweep.run();
        assertEquals(1, phone.companion.journal.waiting());
        assertTrue(SelfTest.own(phone.application, text));
        assertFalse(SelfTest.own(phone.application, "Hello"));
        assertFalse(SelfTest.own(phone.application, null));
    }

    @Test public void aRefusedTextEndsTheWaitingAndSaysWhy() throws Exception {
        int[] codes = {SmsManager.RESULT_ERROR_RADIO_OFF, SmsManager.RESULT_ERROR_NO_SERVICE, SmsManager.RESULT_ERROR_LIMIT_EXCEEDED,
            SmsManager.RESULT_ERROR_GENERIC_FAILURE};
        String[] whys = {"radio_off", "no_service", "limit", "refused"};
        for (int i = 0; i < codes.length; i++) {
            Air.clear();
            fire(begin().sent().get(0), codes[i], null);
            assertEquals("FAILED " + whys[i], step(Step.SENT));
            assertEquals("FAILED not_sent", step(Step.INBOUND));
        }
    }

    @Test public void aReportSaysDeliveredOrStillTryingOrFailed() throws Exception {
        Air.Call call = begin();
        fire(call.delivered().get(0), 0, REPORT + "30");
        assertEquals("RUNNING", step(Step.REPORT));
        fire(call.delivered().get(0), 0, REPORT + "45");
        assertEquals("FAILED report_failed", step(Step.REPORT));
        fire(call.delivered().get(0), 0, null);
        assertEquals("FAILED report_unreadable", step(Step.REPORT));
    }

    @Test public void theIntentsOfAnOlderRunChangeNothing() throws Exception {
        Air.Call old = begin();
        new SelfTest(phone.application).begin(5, "+447700900123");
        fire(old.sent().get(0), SmsManager.RESULT_ERROR_NO_SERVICE, null);
        assertEquals("RUNNING", step(Step.SENT));
    }

    @Test public void silenceEndsWithAReasonForEachStep() throws Exception {
        Air.Call call = begin();
        fire(call.sent().get(0), Activity.RESULT_OK, null);
        new SelfTest(phone.application).settle();
        assertEquals("RUNNING", step(Step.REPORT));
        result.begin(result.run(), System.currentTimeMillis() - SelfTest.PATIENCE_MS);
        result.set(Step.SENT, State.OK, null, 1);
        result.set(Step.REPORT, State.RUNNING, null, 1);
        result.set(Step.INBOUND, State.RUNNING, null, 1);
        phone.application.sendBroadcast(new Intent(phone.application, SelfTestReceiver.class).setAction(SelfTestReceiver.DEADLINE));
        settled();
        assertEquals("OK, FAILED silence_report, FAILED silence_inbound", step(Step.SENT) + ", " + step(Step.REPORT) + ", " + step(Step.INBOUND));
    }

    @Test public void withoutThePermissionNothingIsSent() {
        Shadows.shadowOf(phone.application).denyPermissions(Manifest.permission.SEND_SMS);
        new SelfTest(phone.application).begin(5, "+447700900123");
        assertEquals("FAILED no_permission", step(Step.HANDED));
        assertEquals(List.of(), Air.CALLS);
    }

    @Test public void aPlatformThatThrowsFailsTheFirstStep() {
        Air.before = call -> {
            throw new IllegalArgumentException("number");
        };
        new SelfTest(phone.application).begin(5, "1");
        assertEquals("FAILED call_failed, FAILED not_sent", step(Step.HANDED) + ", " + step(Step.SENT));
    }

    private AwakeTest awake() {
        return new AwakeTest(phone.application, () -> processStartMs);
    }

    private void screen(boolean on) {
        Shadows.shadowOf(phone.application.getSystemService(PowerManager.class)).turnScreenOn(on);
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private void sleep(long ms) {
        Shadows.shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(ms));
    }

    private String tenMinutes(LinkState before, LinkState after, Runnable meanwhile) {
        awake().begin(before);
        screen(false);
        sleep(AwakeTest.LENGTH_MS / 2);
        meanwhile.run();
        sleep(AwakeTest.LENGTH_MS / 2);
        awake().end(after);
        return step(Step.AWAKE);
    }

    @Test public void tenMinutesInTheDarkPassWhenAppAndLinkLived() {
        assertEquals("OK", tenMinutes(LINKED, LINKED, () -> { }));
    }

    @Test public void withoutAGatewayOnlyTheAppHasToLive() {
        LinkState none = new LinkState(false, null, null, "unpaired", null, 1);
        assertEquals("OK", tenMinutes(none, none, () -> { }));
    }

    @Test public void aNewProcessALostLinkAndABrokenOneAreToldApart() {
        assertEquals("FAILED killed", tenMinutes(LINKED, LINKED, () -> processStartMs = SystemClock.elapsedRealtime()));
        processStartMs = 0;
        assertEquals("FAILED link_lost", tenMinutes(LINKED, CUT, () -> { }));
        LinkState again = new LinkState(true, "lan", "Office", null, null, Long.MAX_VALUE);
        assertEquals("FAILED link_broke", tenMinutes(LINKED, again, () -> { }));
    }

    @Test public void aScreenThatCameOnProvesNothing() {
        assertEquals("FAILED screen_on", tenMinutes(LINKED, LINKED, () -> {
            screen(true);
            screen(false);
        }));
        assertEquals("OK", tenMinutes(LINKED, LINKED, () -> { }));
    }

    @Test public void anAlarmThatComesMuchTooLateAndARestartAreSeen() {
        awake().begin(LINKED);
        screen(false);
        sleep(AwakeTest.LENGTH_MS + AwakeTest.LATE_MS + 1);
        awake().settle(LINKED);
        assertEquals("FAILED late", step(Step.AWAKE));
        result.awakeBegan(SystemClock.elapsedRealtime() + 1_000_000, 1, true);
        result.set(Step.AWAKE, State.RUNNING, null, 1);
        awake().settle(LINKED);
        assertEquals("FAILED restarted", step(Step.AWAKE));
    }

    @Test public void theAlarmWakesThePhoneAndNeedsNoExactTime() {
        awake().begin(LINKED);
        ShadowAlarmManager.ScheduledAlarm alarm = Shadows.shadowOf(phone.application.getSystemService(AlarmManager.class)).peekNextScheduledAlarm();
        assertEquals(AlarmManager.ELAPSED_REALTIME_WAKEUP, alarm.type);
        assertTrue(alarm.allowWhileIdle);
        assertEquals(SystemClock.elapsedRealtime() + AwakeTest.LENGTH_MS, alarm.triggerAtTime);
    }

    @Test public void everyReasonHasItsWords() {
        for (String why : List.of("no_permission", "call_failed", "not_sent", "radio_off", "no_service", "limit", "refused", "silence_sent", "silence_report",
            "silence_inbound", "report_failed", "report_unreadable", "restarted", "killed", "screen_on", "late", "link_lost", "link_broke")) {
            result.set(Step.SENT, State.FAILED, why, 1);
            String words = SelfTestActivity.rows(phone.application, result).get(Step.SENT.ordinal()).detail();
            assertFalse(words, words.contains("selftest_why"));
        }
    }

    @Test public void theResultIsKeptForTheNextProcess() throws Exception {
        fire(begin().sent().get(0), Activity.RESULT_OK, null);
        assertEquals(State.OK, new SelfTestResult(phone.application).outcome(Step.SENT).state());
        assertNull(new SelfTestResult(phone.application).outcome(Step.SENT).why());
    }
}
