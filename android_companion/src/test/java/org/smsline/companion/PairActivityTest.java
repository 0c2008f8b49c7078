package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Looper;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.TextView;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.android.controller.ActivityController;

@RunWith(RobolectricTestRunner.class)
public class PairActivityTest {
    private static final String PIN = "ab".repeat(32);
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;
    private ActivityController<PairActivity> controller;
    private int closedPort;

    @Before public void start() throws Exception {
        phone = new Phone(folder.getRoot());
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            closedPort = free.getLocalPort();
        }
    }

    @After public void end() {
        controller.pause().stop().destroy();
        phone.companion.stop();
        phone.companion.journal.close();
    }

    private PairActivity open(Intent intent) {
        controller = Robolectric.buildActivity(PairActivity.class, intent).setup();
        return controller.get();
    }

    private Intent link(String pin) {
        return new Intent(Intent.ACTION_VIEW, Uri.parse("smsgateway://pair?h=127.0.0.1:" + closedPort + "&p=" + pin + "&c=ABCDEFGH"));
    }

    private static String text(PairActivity screen, int id) {
        TextView view = screen.findViewById(id);
        return view.getVisibility() == View.VISIBLE ? view.getText().toString() : "";
    }

    private static String answer(PairActivity screen, int unless) {
        Wait.until("an answer", () -> {
            Shadows.shadowOf(Looper.getMainLooper()).idle();
            return !text(screen, R.id.pair_answer).isEmpty() && !text(screen, R.id.pair_answer).equals(screen.getString(unless));
        });
        return text(screen, R.id.pair_answer);
    }

    @Test public void theLinkOfTheQrCodeOpensThisScreen() {
        PackageManager packages = phone.application.getPackageManager();
        Intent link = link(PIN).addCategory(Intent.CATEGORY_BROWSABLE);
        assertEquals(PairActivity.class.getName(), packages.resolveActivity(link, 0).activityInfo.name);
        open(new Intent());
    }

    @Test public void aLinkAsksAPersonAndNamesTheAddressBeforeAnythingHappens() {
        PairActivity screen = open(link(PIN));
        assertTrue(text(screen, R.id.pair_question).contains("127.0.0.1:" + closedPort));
        assertEquals(View.GONE, screen.findViewById(R.id.pair_typed).getVisibility());
        assertEquals("", text(screen, R.id.pair_answer));
        screen.findViewById(R.id.pair_cancel).performClick();
        assertTrue(screen.isFinishing());
        assertFalse(phone.companion.settings.paired());
    }

    @Test public void aLinkWithoutItsPinIsNotTaken() {
        PairActivity screen = open(link(""));
        assertEquals(screen.getString(R.string.pair_bad_link), text(screen, R.id.pair_answer));
    }

    @Test public void whatIsTypedWrongIsNamedAtItsField() {
        PairActivity screen = open(new Intent());
        EditText host = screen.findViewById(R.id.pair_host);
        EditText code = screen.findViewById(R.id.pair_code);
        screen.findViewById(R.id.pair_now).performClick();
        assertNotNull(host.getError());
        host.setText("192.168.1.5:8443");
        code.setText("ABC");
        screen.findViewById(R.id.pair_now).performClick();
        assertNotNull(code.getError());
        assertEquals("", text(screen, R.id.pair_answer));
    }

    @Test public void aGatewayThatDoesNotAnswerIsSaidAndTheButtonComesBack() {
        PairActivity screen = open(new Intent());
        ((EditText) screen.findViewById(R.id.pair_host)).setText("127.0.0.1:" + closedPort);
        ((EditText) screen.findViewById(R.id.pair_code)).setText("abcd-efgh");
        Button now = screen.findViewById(R.id.pair_now);
        now.performClick();
        assertFalse(now.isEnabled());
        assertEquals(screen.getString(R.string.pair_failed_unreachable), answer(screen, R.string.pair_busy));
        assertTrue(now.isEnabled());
    }

    @Test public void aPhoneThatBelongsToSomebodyAsksWhetherToLeaveAndNamesWhatIsLost() throws Exception {
        phone.paired(1);
        phone.companion.journal.inbound(3, java.util.List.of("00"), "3gpp", null, 0);
        PairActivity screen = open(link(PIN));
        String question = text(screen, R.id.pair_question);
        assertTrue(question, question.contains("belongs to Office") && question.contains("1 event "));
        assertEquals("Stay with Office", text(screen, R.id.pair_cancel));
        screen.findViewById(R.id.pair_cancel).performClick();
        assertTrue(phone.companion.settings.paired());
    }

    @Test public void theGatewayAtTheCableIsAnsweredHereAndStayingKeepsThePairing() throws Exception {
        phone.paired(1);
        phone.companion.handover(Pairing.Target.usb(closedPort, "ABCDEFGH"), null);
        assertTrue(phone.companion.takeOverAsked());
        PairActivity screen = open(new Intent(PairActivity.TAKE_OVER));
        assertTrue(text(screen, R.id.pair_question).contains("USB cable"));
        screen.findViewById(R.id.pair_cancel).performClick();
        assertFalse(phone.companion.takeOverAsked());
        assertTrue(phone.companion.settings.paired());
    }

    @Test public void yesToTheCableKeepsTheOldGatewayWhileTheNewOneDoesNotAnswer() throws Exception {
        phone.paired(1);
        phone.companion.handover(Pairing.Target.usb(closedPort, "ABCDEFGH"), null);
        PairActivity screen = open(new Intent(PairActivity.TAKE_OVER));
        assertEquals("Leave Office and join", text(screen, R.id.pair_now));
        screen.findViewById(R.id.pair_now).performClick();
        assertEquals(screen.getString(R.string.pair_failed_unreachable), answer(screen, R.string.pair_busy));
        assertEquals("gwd_key", phone.companion.settings.gateway().key());
    }

    @Test public void yesToALinkLeavesTheOldGatewayForTheNewOne() throws Exception {
        phone.paired(1);
        try (TlsGateway lan = new TlsGateway(folder.getRoot())) {
            PairActivity screen = open(new Intent(Intent.ACTION_VIEW, Uri.parse("smsgateway://pair?h=127.0.0.1:" + lan.port() + "&p=" + lan.pin() + "&c=4K7T9XWZ")));
            assertEquals("Leave Office and join", text(screen, R.id.pair_now));
            screen.findViewById(R.id.pair_now).performClick();
            PairingTest.serve(lan.gateway(), "4K7T9XWZ", lan.pin());
            Wait.until("the screen has done its work", () -> {
                Shadows.shadowOf(Looper.getMainLooper()).idle();
                return screen.isFinishing();
            });
            assertEquals("gwd_new", phone.companion.settings.gateway().key());
        }
    }

    @Test public void aPhoneThatWasPairedBehindTheQuestionIsNotTakenFromItsGateway() throws Exception {
        PairActivity screen = open(link(PIN));
        phone.paired(1);
        screen.findViewById(R.id.pair_now).performClick();
        assertEquals(screen.getString(R.string.pair_failed_paired), answer(screen, R.string.pair_busy));
        assertEquals("Leave Office and join", text(screen, R.id.pair_now));
        assertEquals("gwd_key", phone.companion.settings.gateway().key());
    }

    @Test public void aQuestionThatNobodyAsksAnyMoreSaysSo() throws Exception {
        phone.paired(1);
        PairActivity screen = open(new Intent(PairActivity.TAKE_OVER));
        assertEquals(screen.getString(R.string.pair_failed_expired), text(screen, R.id.pair_answer));
    }

    @Test public void everyWayToFailHasItsWords() {
        PairActivity screen = open(new Intent());
        for (String code : new String[] {"pairing_refused", "proof", "pin", "unreachable", "expired", "version", "paired"}) {
            assertFalse(code, StatusText.pairing(screen, code, "").contains(code + "."));
        }
        assertEquals("Ask Ann.", StatusText.pairing(screen, "http_500", "Ask Ann."));
    }
}
