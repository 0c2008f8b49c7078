package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;

import android.Manifest;
import android.app.Application;
import android.os.Looper;
import android.telephony.TelephonyManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = UssdNetwork.class)
public class UssdTest {
    private final Application application = RuntimeEnvironment.getApplication();
    private final TelephonyManager first = new TelephonyManager(application);
    private final TelephonyManager second = new TelephonyManager(application);
    private final Ussd ussd = new Ussd(application);
    private final List<String> answers = new ArrayList<>();

    @Before public void lines() {
        UssdNetwork.ASKED.clear();
        UssdNetwork.refuses = null;
        TelephonyManager telephony = application.getSystemService(TelephonyManager.class);
        Shadows.shadowOf(telephony).setTelephonyManagerForSubscriptionId(3, first);
        Shadows.shadowOf(telephony).setTelephonyManagerForSubscriptionId(5, second);
        Shadows.shadowOf(application).grantPermissions(Manifest.permission.CALL_PHONE);
    }

    private void ask(int sub, String code) {
        ussd.ask(sub, code, new Ussd.Callback() {
            @Override public void answered(String text) {
                answers.add("ok " + text);
            }

            @Override public void failed(String failure, String detail) {
                answers.add(failure);
            }
        });
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private void answer(int number, String text) {
        UssdNetwork.Asked asked = UssdNetwork.ASKED.get(number);
        asked.callback().onReceiveUssdResponse(asked.line(), asked.code(), text);
    }

    @Test public void theNetworksTextComesBackFromTheSimThatWasAsked() {
        ask(5, "*100#");
        assertSame(second, UssdNetwork.ASKED.get(0).line());
        assertEquals("*100#", UssdNetwork.ASKED.get(0).code());
        answer(0, "Credit 4.20");
        assertEquals(List.of("ok Credit 4.20"), answers);
    }

    @Test public void aRefusalOfTheNetworkAndAMissingNetworkAreToldApart() {
        ask(3, "*1#");
        UssdNetwork.ASKED.get(0).callback().onReceiveUssdResponseFailed(first, "*1#", TelephonyManager.USSD_RETURN_FAILURE);
        ask(3, "*1#");
        UssdNetwork.ASKED.get(1).callback().onReceiveUssdResponseFailed(first, "*1#", TelephonyManager.USSD_ERROR_SERVICE_UNAVAIL);
        assertEquals(List.of("refused", "no_service"), answers);
    }

    @Test public void oneQuestionAtATimeForEachSim() {
        ask(3, "*1#");
        ask(3, "*2#");
        ask(5, "*3#");
        assertEquals(List.of("busy"), answers);
        assertEquals(2, UssdNetwork.ASKED.size());
        answer(0, "one");
        ask(3, "*2#");
        assertEquals(3, UssdNetwork.ASKED.size());
    }

    @Test public void silenceEndsAfterAMinuteAndALateAnswerIsDropped() {
        ask(3, "*1#");
        Shadows.shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(Ussd.DEADLINE_MS + 1));
        assertEquals(List.of("timeout"), answers);
        answer(0, "late");
        assertEquals(List.of("timeout"), answers);
        ask(3, "*2#");
        assertEquals(2, UssdNetwork.ASKED.size());
    }

    @Test public void withoutThePermissionNothingIsDialled() {
        Shadows.shadowOf(application).denyPermissions(Manifest.permission.CALL_PHONE);
        ask(3, "*1#");
        assertEquals(List.of("no_permission"), answers);
        assertEquals(0, UssdNetwork.ASKED.size());
    }

    @Test public void whatIsNoUssdCodeIsNotDialled() {
        for (String code : List.of("", "hello", "*1#;", "+447700900123", "*100# ")) {
            ask(3, code);
        }
        assertEquals(List.of("bad_code", "bad_code", "bad_code", "bad_code", "bad_code"), answers);
        assertEquals(0, UssdNetwork.ASKED.size());
    }

    @Test public void aPhoneThatThrowsIsAnAnswerAndNoCrash() {
        UssdNetwork.refuses = new IllegalStateException("no ITelephony");
        ask(3, "*1#");
        UssdNetwork.refuses = new SecurityException("CALL_PHONE");
        ask(3, "*1#");
        assertEquals(List.of("no_service", "no_permission"), answers);
    }
}
