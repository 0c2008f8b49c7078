package org.smsline.companion;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import android.app.PendingIntent;
import android.content.Intent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class SenderTest implements Sender.Reply {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private final List<String> replies = new ArrayList<>();
    private Phone phone;

    @Before public void start() throws Exception {
        Air.clear();
        phone = new Phone(folder.getRoot()).paired(1);
    }

    @After public void end() {
        phone.companion.journal.close();
    }

    @Override public void taken(String job) {
        replies.add("taken " + job + " with " + Air.CALLS.size() + " calls");
    }

    @Override public void refused(String job, String code, String detail) {
        replies.add(code + " " + job);
    }

    private void send(String job, int sub, boolean report, String... parts) {
        phone.companion.sender.send(new Frames.Job(job, sub, "+447700900123", List.of(parts), null, 0, report), this);
    }

    private String state(String job) {
        return phone.companion.journal.ask(List.of(job)).get(job).state();
    }

    @Test public void aJobIsTakenBeforeItIsCalledAndCalledOnItsOwnSim() {
        Air.before = call -> replies.add(state("a") + " at the call");
        send("a", 5, true, "Hello");
        assertEquals(List.of("taken a with 0 calls", "called at the call"), replies);
        Air.Call call = Air.CALLS.get(0);
        assertEquals("5 +447700900123 [Hello]", call.sub() + " " + call.to() + " " + call.texts());
        send("b", 3, true, "Hello");
        assertEquals(3, Air.CALLS.get(1).sub());
    }

    @Test public void aRepeatedJobIsTakenAgainAndNeverCalledAgain() {
        send("a", 3, true, "Hello");
        send("a", 3, true, "Hello");
        phone.companion.journal.restart();
        send("a", 3, true, "Hello");
        assertEquals(1, Air.CALLS.size());
        assertEquals(3, replies.size());
    }

    @Test public void theGatewaysOwnDivisionIsSentAsItIs() {
        send("a", 3, true, "one ", "two ", "");
        assertEquals(List.of("one ", "two ", ""), Air.CALLS.get(0).texts());
    }

    @Test public void everyPartHasASentAndADeliveredIntentOfItsOwn() {
        send("a", 3, true, "one", "two");
        send("b", 3, true, "one", "two");
        Set<PendingIntent> distinct = new HashSet<>();
        Set<String> uris = new HashSet<>();
        for (Air.Call call : Air.CALLS) {
            List<PendingIntent> all = new ArrayList<>(call.sent());
            all.addAll(call.delivered());
            for (PendingIntent intent : all) {
                distinct.add(intent);
                Intent saved = Shadows.shadowOf(intent).getSavedIntent();
                uris.add(saved.getData().toString());
                assertEquals("explicit", phone.application.getPackageName(), saved.getComponent().getPackageName());
                assertEquals("mutable", 0, Shadows.shadowOf(intent).getFlags() & PendingIntent.FLAG_IMMUTABLE);
            }
        }
        assertEquals(8, distinct.size());
        assertEquals(8, uris.size());
    }

    @Test public void withoutAReportThereIsNoDeliveredIntent() {
        send("a", 3, false, "one");
        send("b", 3, false, "one", "two");
        assertTrue(Air.CALLS.get(0).delivered().isEmpty() && Air.CALLS.get(1).delivered().isEmpty());
    }

    @Test public void octetsGoToTheirPort() {
        phone.companion.sender.send(new Frames.Job("a", 3, "+447700900123", List.of(), new byte[] {0, 1, -1}, 40_000, true), this);
        assertEquals(40_000, Air.CALLS.get(0).port());
        assertArrayEquals(new byte[] {0, 1, -1}, Air.CALLS.get(0).octets());
    }

    @Test public void aJobThatTheGatewayAskedForFirstIsBurned() {
        assertEquals("unknown", state("a"));
        send("a", 3, true, "Hello");
        assertEquals(List.of("burned a"), replies);
        assertTrue(Air.CALLS.isEmpty());
    }

    @Test public void withoutPermissionTheJobIsRefusedAndItsIdBurned() {
        Shadows.shadowOf(phone.application).denyPermissions(Manifest.permission.SEND_SMS);
        send("a", 3, true, "Hello");
        Shadows.shadowOf(phone.application).grantPermissions(Manifest.permission.SEND_SMS);
        send("a", 3, true, "Hello");
        assertEquals(List.of("no_permission a", "burned a"), replies);
        assertTrue(Air.CALLS.isEmpty());
    }

    @Test public void aSimThatIsNotThereIsRefusedAndNoOtherTakesItsPlace() {
        phone.simsChanged(Phone.sim(3, 0));
        send("a", 5, true, "Hello");
        assertEquals(List.of("no_sim a"), replies);
        assertTrue(Air.CALLS.isEmpty());
    }

    @Test public void aJobThatMakesNoSenseIsRefused() {
        send("a", 3, true);
        phone.companion.sender.send(new Frames.Job("b", 3, " ", List.of("x"), null, 0, true), this);
        phone.companion.sender.send(new Frames.Job("c", 3, "+447700900123", List.of(), new byte[1], 65_536, true), this);
        assertEquals(List.of("bad_job a", "bad_job b", "bad_job c"), replies);
    }

    @Test public void anUnpairedPhoneSendsNothing() {
        phone.companion.unpair();
        send("a", 3, true, "Hello");
        assertEquals(List.of("unpaired a"), replies);
    }

    @Test public void whatThePlatformRefusesBeforeItTookItIsFailed() {
        Air.before = call -> {
            throw new SecurityException("no");
        };
        send("a", 3, true, "Hello");
        assertEquals("settled", state("a"));
        String event = phone.companion.journal.uncommitted(0, 9).get(0).body();
        assertTrue(event, event.contains("call_failed") && event.contains("SecurityException"));
    }

    @Test public void whatBreaksDuringTheCallStaysInDoubt() {
        Air.before = call -> {
            throw new RuntimeException("the telephony process died");
        };
        send("a", 3, true, "Hello");
        assertEquals("called", state("a"));
        assertTrue(phone.companion.journal.uncommitted(0, 9).isEmpty());
    }

    @Test public void noTextOfAJobIsWrittenAnywhere() throws Exception {
        send("a", 3, true, "a very secret text");
        for (java.io.File file : folder.getRoot().listFiles()) {
            String content = new String(java.nio.file.Files.readAllBytes(file.toPath()), java.nio.charset.StandardCharsets.ISO_8859_1);
            assertTrue(file.getName(), !content.contains("very secret") && !content.contains("+447700900123"));
        }
        assertNotEquals(0, folder.getRoot().listFiles().length);
    }
}
