package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.app.Application;
import android.app.Notification;
import android.app.NotificationManager;
import android.content.Intent;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

@RunWith(RobolectricTestRunner.class)
public class StatusTextTest {
    private final Application application = RuntimeEnvironment.getApplication();

    private StatusText.Words words(boolean paired, String way, String code, String hint) {
        return StatusText.of(application, new LinkState(paired, way, paired ? "Office" : null, code, hint, 1));
    }

    @Test public void connectedNeedsNoAdviceAndNamesTheWay() {
        assertEquals("Connected to Office over the USB cable", words(true, "usb", null, null).title());
        assertEquals("Connected to Office over Wi-Fi", words(true, "lan", null, null).title());
        assertEquals("", words(true, "lan", null, null).advice());
    }

    @Test public void everyCodeOfTheLinkHasAStateAndAdvice() {
        Set<String> titles = new HashSet<>();
        for (String code : List.of("unreachable", "no_address", "pin", "device_unknown", "revoked", "foreign", "conflict", "version", "malformed", "stopping",
            "replaced")) {
            StatusText.Words words = words(true, null, code, null);
            assertFalse(code, words.title().isEmpty() || words.advice().isEmpty());
            assertFalse(code, words.advice().contains(code + "."));
            titles.add(words.title() + words.advice());
        }
        assertTrue(titles.size() >= 9);
    }

    @Test public void anUnknownCodeShowsTheGatewaysOwnHint() {
        assertEquals("Ask Ann.", words(true, null, "new_code", "Ask Ann.").advice());
        assertTrue(words(true, null, "new_code", "").advice().contains("new_code"));
    }

    @Test public void anUnpairedPhoneSaysHowToPairIt() {
        assertTrue(words(false, null, "unpaired", null).advice().contains("USB"));
    }

    @Test public void aGatewayWithoutANameIsStillASentence() {
        assertEquals("Connected to the gateway over Wi-Fi", StatusText.of(application, new LinkState(true, "lan", "", null, null, 1)).title());
    }

    @Test public void theStandingNotificationSaysTheStateAndOpensTheScreen() {
        Notification standing = Notifications.standing(application, new LinkState(true, "usb", "Office", null, null, 1));
        assertEquals("Connected to Office over the USB cable", standing.extras.getString(Notification.EXTRA_TITLE));
        Intent opened = Shadows.shadowOf(standing.contentIntent).getSavedIntent();
        assertEquals(MainActivity.class.getName(), opened.getComponent().getClassName());
        assertTrue(Shadows.shadowOf(standing.contentIntent).isImmutable());
    }

    @Test public void theTakeOverNotificationOpensTheQuestionAndGoesWhenAnswered() {
        Notifications.askTakeOver(application);
        NotificationManager shown = application.getSystemService(NotificationManager.class);
        Notification question = Shadows.shadowOf(shown).getNotification(Notifications.TAKE_OVER);
        assertEquals(PairActivity.TAKE_OVER, Shadows.shadowOf(question.contentIntent).getSavedIntent().getAction());
        Notifications.takeOverAnswered(application);
        assertEquals(0, Shadows.shadowOf(shown).size());
    }
}
