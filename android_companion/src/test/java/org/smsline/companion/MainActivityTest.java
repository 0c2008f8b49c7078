package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.app.AlertDialog;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Color;
import android.os.Build;
import android.os.Looper;
import android.os.PowerManager;
import android.provider.Settings;
import android.util.TypedValue;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.TextView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowAlertDialog;

@RunWith(RobolectricTestRunner.class)
public class MainActivityTest {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;
    private ActivityController<MainActivity> controller;

    @Before public void start() throws Exception {
        phone = new Phone(folder.getRoot());
    }

    @After public void end() {
        if (controller != null) {
            controller.pause().stop().destroy();
        }
        phone.companion.stop();
        phone.companion.journal.close();
    }

    private MainActivity open() {
        controller = Robolectric.buildActivity(MainActivity.class).setup();
        return controller.get();
    }

    private static void idle() {
        Shadows.shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(4));
    }

    /** Every word that a person sees, in order. */
    private static List<String> seen(View view) {
        List<String> words = new ArrayList<>();
        if (view.getVisibility() != View.VISIBLE) {
            return words;
        }
        if (view instanceof TextView text) {
            words.add(text.getText().toString());
        }
        if (view instanceof ViewGroup group) {
            for (int i = 0; i < group.getChildCount(); i++) {
                words.addAll(seen(group.getChildAt(i)));
            }
        }
        return words;
    }

    private static List<String> seen(MainActivity screen) {
        return seen(screen.findViewById(android.R.id.content));
    }

    private static Button button(MainActivity screen, String description) {
        ArrayList<View> found = new ArrayList<>();
        screen.findViewById(android.R.id.content).findViewsWithText(found, description, View.FIND_VIEWS_WITH_CONTENT_DESCRIPTION);
        return found.isEmpty() ? null : (Button) found.get(0);
    }

    private void exempt(boolean exempt) {
        Shadows.shadowOf(phone.application.getSystemService(PowerManager.class)).setIgnoringBatteryOptimizations(phone.application.getPackageName(), exempt);
    }

    @Test public void anUnpairedPhoneSaysSoAndOffersToPair() {
        MainActivity screen = open();
        assertEquals(screen.getString(R.string.state_unpaired), seen(screen).get(0));
        assertTrue(seen(screen).contains("Pair with a gateway"));
        screen.findViewById(R.id.pair).performClick();
        assertEquals(PairActivity.class.getName(), Shadows.shadowOf(screen).getNextStartedActivity().getComponent().getClassName());
        assertNull("no service for nobody", Shadows.shadowOf(phone.application).getNextStartedService());
    }

    @Test public void openingTheScreenOfAPairedPhoneStartsTheService() throws Exception {
        phone.paired(1);
        open();
        assertEquals(CompanionService.class.getName(), Shadows.shadowOf(phone.application).getNextStartedService().getComponent().getClassName());
    }

    private static Sim named(String name) {
        return new Sim(3, 0, null, null, name, null, null, "ready", false, null, true);
    }

    @Test public void bothSimsAreShownWithOperatorSignalAndWhetherTheyAreReady() {
        List<String> words = seen(open());
        assertTrue(words.toString(), words.contains("SIM 1 · +447700900123"));
        assertTrue(words.toString(), words.contains("Ready · Example · Good signal (-85 dBm)"));
        phone.simsChanged(new Sim(3, 0, null, null, null, null, null, "pin", true, null, false));
        idle();
        words = seen(controller.get());
        assertTrue(words.toString(), words.contains("SIM 1: no name"));
        assertTrue(words.toString(), words.contains("Locked: enter the SIM's PIN on this phone · Abroad (roaming)"));
    }

    @Test public void aSimThatNobodyNamedIsNotNamedTwice() {
        phone.simsChanged(named("sim-1"), named("SIM 2"), named("Büro"));
        List<String> words = seen(open());
        assertTrue(words.toString(), words.containsAll(List.of("SIM 1", "SIM 1: SIM 2", "SIM 1: Büro")));
    }

    @Test public void aButtonAsksForExactlyThePermissionsThatAreMissing() {
        MainActivity screen = open();
        button(screen, "Allow: Send and receive texts").performClick();
        var request = Shadows.shadowOf(screen).getLastRequestedPermission();
        assertEquals(List.of("android.permission.RECEIVE_MMS", "android.permission.RECEIVE_WAP_PUSH"), List.of(request.requestedPermissions));
        Shadows.shadowOf(phone.application).grantPermissions(Permissions.SMS.toArray(new String[0]));
        idle();
        assertFalse(button(screen, "Allow: Send and receive texts") != null);
    }

    @Test public void aPermissionThatAndroidDoesNotAskForLeadsToTheSettings() {
        MainActivity screen = open();
        screen.onRequestPermissionsResult(1, Permissions.SMS.toArray(new String[0]), new int[] {-1, -1, -1, -1, -1});
        button(screen, "Open settings: Send and receive texts").performClick();
        Intent opened = Shadows.shadowOf(screen).getNextStartedActivity();
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, opened.getAction());
        assertEquals("package:org.smsline.companion", opened.getDataString());
        assertEquals(Build.VERSION.SDK_INT >= 33, seen(screen).toString().contains("restricted settings"));
    }

    @Test public void batterySavingIsAskedAwayAndThenShownAsAllowed() {
        MainActivity screen = open();
        button(screen, "Allow: Run while the screen is off").performClick();
        Intent asked = Shadows.shadowOf(screen).getNextStartedActivity();
        assertEquals(Settings.ACTION_REQUEST_IGNORE_BATTERY_OPTIMIZATIONS, asked.getAction());
        assertEquals("package:org.smsline.companion", asked.getDataString());
        exempt(true);
        idle();
        assertNull(button(screen, "Allow: Run while the screen is off"));
    }

    @Test public void notificationsAreAskedForFromAndroid13Only() {
        assertEquals(Build.VERSION.SDK_INT >= 33, button(open(), "Allow: Show that it is running") != null);
    }

    @Test public void airplaneModeIsNamedWithAWayOut() {
        assertNull(button(open(), "Open settings: Airplane mode"));
        Settings.Global.putInt(phone.application.getContentResolver(), Settings.Global.AIRPLANE_MODE_ON, 1);
        idle();
        button(controller.get(), "Open settings: Airplane mode").performClick();
        assertEquals(Settings.ACTION_AIRPLANE_MODE_SETTINGS, Shadows.shadowOf(controller.get()).getNextStartedActivity().getAction());
    }

    @Test public void theLatestMessagesShowTheirFateAndNoWholeNumber() {
        for (String job : List.of("a", "b", "c")) {
            phone.companion.journal.take(job, 3, "+447700900123", 1);
            phone.companion.journal.called(job);
        }
        phone.companion.journal.sent("a", 1, -1, null, false);
        phone.companion.journal.sent("b", 1, 4, null, false);
        ViewGroup messages = open().findViewById(R.id.messages);
        String words = seen(messages).toString();
        assertEquals(3, messages.getChildCount());
        assertTrue(words, words.contains("✓ Sent") && words.contains("✗ Failed") && words.contains("… Pending"));
        assertFalse(words, words.contains("900123"));
    }

    @Test public void onlyTwentyMessagesAreShown() {
        for (int i = 0; i < 25; i++) {
            phone.companion.journal.take("job" + i, 3, "+447700900123", 1);
        }
        assertEquals(20, ((ViewGroup) open().findViewById(R.id.messages)).getChildCount());
    }

    @Test public void unpairingNamesWhatWillBeLostAndHappensOnlyAfterYes() throws Exception {
        phone.paired(1);
        phone.companion.link.refresh();
        phone.companion.journal.inbound(3, List.of("00"), "3gpp", null, 0);
        MainActivity screen = open();
        screen.findViewById(R.id.pair).performClick();
        AlertDialog dialog = (AlertDialog) ShadowAlertDialog.getLatestDialog();
        assertTrue(Shadows.shadowOf(dialog).getMessage().toString().startsWith("1 event "));
        assertEquals("Leave Office?", Shadows.shadowOf(dialog).getTitle().toString());
        dialog.getButton(AlertDialog.BUTTON_NEGATIVE).performClick();
        idle();
        assertTrue(phone.companion.settings.paired());
        screen.findViewById(R.id.pair).performClick();
        ((AlertDialog) ShadowAlertDialog.getLatestDialog()).getButton(AlertDialog.BUTTON_POSITIVE).performClick();
        Wait.until("unpaired", () -> !phone.companion.link.state().paired());
        assertFalse(phone.companion.settings.paired());
        idle();
        assertTrue(seen(screen).contains("Pair with a gateway"));
    }

    @Test public void aLookThatFindsNothingNewLeavesTheViewsAlone() {
        MainActivity screen = open();
        View row = ((ViewGroup) screen.findViewById(R.id.sims)).getChildAt(0);
        idle();
        assertTrue(row == ((ViewGroup) screen.findViewById(R.id.sims)).getChildAt(0));
    }

    @Test public void theScreenIsWholeInDarkLargeTextAndBothDirections() {
        for (String qualifiers : List.of("notnight", "night", "ldrtl", "w320dp-h480dp")) {
            RuntimeEnvironment.setQualifiers("+" + qualifiers);
            RuntimeEnvironment.setFontScale(2f);
            MainActivity screen = open();
            assertTrue(qualifiers, seen(screen).contains("SIM cards"));
            controller.pause().stop().destroy();
            controller = null;
        }
    }

    @Test public void theDarkScreenIsDarkAndTheLightOneLight() {
        for (boolean night : new boolean[] {false, true}) {
            RuntimeEnvironment.setQualifiers(night ? "+night" : "+notnight");
            MainActivity screen = open();
            TypedValue background = new TypedValue();
            screen.getTheme().resolveAttribute(android.R.attr.colorBackground, background, true);
            assertEquals(night, Color.luminance(background.data) < 0.5f);
            int text = ((TextView) screen.findViewById(R.id.state)).getCurrentTextColor();
            assertEquals(night, Color.luminance(text) > 0.5f);
            controller.pause().stop().destroy();
            controller = null;
        }
    }

    @Test public void everythingToTouchIsLargeEnoughAndHasWords() {
        MainActivity screen = open();
        int least = screen.getResources().getDimensionPixelSize(R.dimen.touch);
        ArrayList<View> touchable = screen.findViewById(android.R.id.content).getTouchables();
        assertFalse(touchable.isEmpty());
        for (View view : touchable) {
            if (view instanceof Button button) {
                assertTrue(button.getText().toString(), button.getMinimumHeight() >= least || button.getMinHeight() >= least);
                assertFalse(button.getText().toString().isEmpty());
            }
        }
    }

    @Test public void theLauncherFindsTheAppWithAnIconAndAName() throws Exception {
        PackageManager packages = phone.application.getPackageManager();
        assertNotNull(packages.getLaunchIntentForPackage(phone.application.getPackageName()));
        assertEquals("SMS line", packages.getApplicationLabel(phone.application.getApplicationInfo()).toString());
        assertEquals(R.drawable.icon, phone.application.getApplicationInfo().icon);
    }
}
