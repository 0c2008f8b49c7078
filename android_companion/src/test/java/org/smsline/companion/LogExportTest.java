package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.view.View;
import android.widget.EditText;
import android.widget.RadioGroup;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
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
import org.smsline.companion.SelfTestResult.State;
import org.smsline.companion.SelfTestResult.Step;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class LogExportTest {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;

    @Before public void start() throws Exception {
        Air.clear();
        phone = new Phone(folder.getRoot()).paired(1);
    }

    @After public void end() {
        phone.companion.stop();
        phone.companion.journal.close();
    }

    @Test public void theLogHoldsStateSimsHealthMessagesAndTheSelfTest() {
        phone.companion.journal.take("job-1", 3, "+447700900123", 2);
        new SelfTestResult(phone.application).set(Step.AWAKE, State.FAILED, "killed", 1_700_000_000_000L);
        new Diary(phone.application).link(new LinkState(true, null, "Office", "unreachable", null, 1));
        String log = LogExport.text(phone.application);
        for (String part : List.of("not connected", "sub=3", "operator=Example", "\"airplane\":false", "job=job-1", "fate=pending", "parts=2",
            "step=AWAKE state=FAILED why=killed at=2023-11-14T22:13:20Z", "not connected unreachable", "install=" + phone.companion.settings.install())) {
            assertTrue(part + " is not in\n" + log, log.contains(part));
        }
    }

    @Test public void noTextNoWholeNumberAndNoKeyIsInTheLog() {
        phone.companion.journal.take("job-1", 3, "+447700900123", 1);
        phone.companion.journal.text(3, "+447700900999", "the secret text", 1_000, 7);
        new SelfTest(phone.application).begin(3, "+447700900123");
        String log = LogExport.text(phone.application);
        for (String secret : List.of("+447700900123", "+447700900999", "secret text", "gwd_key")) {
            assertFalse(secret, log.contains(secret));
        }
    }

    @Test public void itIsSharedAsOneTextFileThatOnlyTheChosenAppMayRead() throws Exception {
        Activity screen = Robolectric.buildActivity(MainActivity.class).setup().get();
        screen.findViewById(R.id.share_log).performClick();
        Intent send = Shadows.shadowOf(screen).getNextStartedActivity().getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals("text/plain", send.getType());
        assertTrue((send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
        Uri uri = send.getParcelableExtra(Intent.EXTRA_STREAM);
        assertEquals(uri, send.getClipData().getItemAt(0).getUri());
        try (InputStream in = phone.application.getContentResolver().openInputStream(uri)) {
            assertTrue(new String(in.readAllBytes(), StandardCharsets.UTF_8).startsWith("app="));
        }
    }

    @Test public void theDiaryTellsAnUnchangedStateOnce() {
        Diary diary = new Diary(phone.application);
        int before = diary.lines().size();
        for (int round = 0; round < 100; round++) {
            diary.link(new LinkState(true, null, "Office", "unreachable", null, round));
        }
        diary.link(new LinkState(true, "usb", "Office", null, null, 1));
        assertEquals(before + 2, diary.lines().size());
    }

    @Test public void theDiaryKeepsItsSizeAndItsNewestLines() {
        Diary diary = new Diary(phone.application);
        for (int i = 0; i < 3_000; i++) {
            diary.note("line " + i);
        }
        List<String> lines = diary.lines();
        assertTrue(lines.get(lines.size() - 1).endsWith("line 2999"));
        assertTrue(lines.size() > 500 && lines.size() < 2_500);
    }

    @Test public void theSelfTestScreenSendsOneTextFromTheChosenSimToTheNumberTyped() {
        SelfTestActivity screen = Robolectric.buildActivity(SelfTestActivity.class).setup().get();
        EditText number = screen.findViewById(R.id.test_number);
        RadioGroup choice = screen.findViewById(R.id.test_sims);
        assertEquals("+447700900123", number.getText().toString());
        choice.check(choice.getChildAt(1).getId());
        number.setText("");
        screen.findViewById(R.id.test_send).performClick();
        assertTrue(number.getError() != null && Air.CALLS.isEmpty());
        number.setText("+44 7700 900-125");
        screen.findViewById(R.id.test_send).performClick();
        assertEquals("5 +447700900125", Air.CALLS.get(0).sub() + " " + Air.CALLS.get(0).to());
    }

    @Test public void theSelfTestScreenShowsEachStepAndSaysThatATextCostsMoney() {
        new SelfTestResult(phone.application).set(Step.SENT, State.FAILED, "no_service", 1);
        SelfTestActivity screen = Robolectric.buildActivity(SelfTestActivity.class).setup().get();
        java.util.ArrayList<View> found = new java.util.ArrayList<>();
        screen.findViewById(android.R.id.content).findViewsWithText(found, "The SIM has no network.", View.FIND_VIEWS_WITH_TEXT);
        assertEquals(1, found.size());
        screen.findViewById(android.R.id.content).findViewsWithText(found, "may charge", View.FIND_VIEWS_WITH_TEXT);
        assertEquals(2, found.size());
    }
}
