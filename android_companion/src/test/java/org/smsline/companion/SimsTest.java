package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import android.app.Application;
import android.os.Build;
import android.os.Looper;
import android.telephony.CellSignalStrengthLte;
import android.telephony.ServiceState;
import android.telephony.SignalStrength;
import android.telephony.SubscriptionInfo;
import android.telephony.SubscriptionManager;
import android.telephony.TelephonyCallback;
import android.telephony.TelephonyManager;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.shadows.ShadowSubscriptionManager.SubscriptionInfoBuilder;
import org.robolectric.shadows.ShadowTelephonyManager;
import org.robolectric.shadows.SignalStrengthBuilder;
import org.robolectric.util.ReflectionHelpers;

@RunWith(RobolectricTestRunner.class)
public class SimsTest {
    private final Application application = RuntimeEnvironment.getApplication();
    private final SubscriptionManager subscriptions = application.getSystemService(SubscriptionManager.class);
    private final TelephonyManager telephony = application.getSystemService(TelephonyManager.class);
    private final TelephonyManager first = new TelephonyManager(application);
    private final TelephonyManager second = new TelephonyManager(application);
    private final AtomicInteger changes = new AtomicInteger();
    private Sims sims;

    @Before public void twoSims() {
        Shadows.shadowOf(application).grantPermissions(Manifest.permission.READ_PHONE_STATE, Manifest.permission.READ_PHONE_NUMBERS);
        line(3, 0, first, "Example", "23415", "+447700900123");
        line(5, 1, second, "Other", "23410", "");
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos(info(5, 1, ""), info(3, 0, "+447700900123"));
        sims = new Sims(application);
    }

    private void line(int sub, int slot, TelephonyManager line, String operator, String mccmnc, String number) {
        ShadowTelephonyManager shadow = Shadows.shadowOf(line);
        shadow.setNetworkOperatorName(operator);
        shadow.setNetworkOperator(mccmnc);
        shadow.setServiceState(service(ServiceState.STATE_IN_SERVICE));
        Shadows.shadowOf(telephony).setTelephonyManagerForSubscriptionId(sub, line);
        Shadows.shadowOf(telephony).setSimState(slot, TelephonyManager.SIM_STATE_READY);
        if (Build.VERSION.SDK_INT >= 33) {
            Shadows.shadowOf(subscriptions).setPhoneNumber(sub, number);
        }
    }

    private static SubscriptionInfo info(int sub, int slot, String number) {
        return SubscriptionInfoBuilder.newBuilder().setId(sub).setSimSlotIndex(slot).setDisplayName("SIM of " + sub).setNumber(number)
            .setIccId(sub == 3 ? "8944500612345678901F" : "").buildSubscriptionInfo();
    }

    private static ServiceState service(int state) {
        ServiceState service = new ServiceState();
        service.setState(state);
        return service;
    }

    /** What the platform tells when the signal of the first line is so strong. */
    private void signal(int dbm) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            CellSignalStrengthLte lte = new CellSignalStrengthLte(-60, dbm, -10, 10, 1, 5, 1);
            SignalStrength signal = SignalStrengthBuilder.newBuilder().setCellSignalStrengths(List.of(lte)).build();
            ((TelephonyCallback.SignalStrengthsListener) Shadows.shadowOf(first).getLastTelephonyCallback()).onSignalStrengthsChanged(signal);
        } else {
            SignalStrength signal = new SignalStrength();
            ReflectionHelpers.setField(signal, "mGsmSignalStrength", (dbm + 113) / 2);
            Shadows.shadowOf(first).getListener().onSignalStrengthsChanged(signal);
        }
        idle();
    }

    private void listen() {
        sims.listen(changes::incrementAndGet);
        idle();
        changes.set(0);
    }

    private static void idle() {
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    @Test public void bothSimsAreListedBySlotWithWhatThePlatformTells() {
        List<Sim> found = sims.sims();
        assertEquals(List.of(3, 5), List.of(found.get(0).sub(), found.get(1).sub()));
        Sim sim = found.get(0);
        assertEquals("SIM of 3 +447700900123 Example 23415 ready", sim.name() + " " + sim.number() + " " + sim.operator() + " " + sim.mccmnc() + " " + sim.state());
        assertTrue(sim.registered());
        assertFalse(sim.roaming());
        assertNull(sims.trouble());
    }

    @Test public void whatAndroidHidesIsNullAndThePaddingOfAnIccidGoes() {
        assertEquals("8944500612345678901", sims.sims().get(0).iccid());
        assertNull(sims.sims().get(1).iccid());
        assertNull(sims.sims().get(1).number());
    }

    @Test public void withoutThePermissionThereIsAnEmptyListAndAReason() {
        Shadows.shadowOf(application).denyPermissions(Manifest.permission.READ_PHONE_STATE);
        assertEquals(List.of(), sims.sims());
        assertEquals(Sims.Trouble.NO_PERMISSION, sims.trouble());
    }

    @Test public void anEmptyPhoneAndATabletSayWhatTheyAre() {
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos();
        assertEquals(Sims.Trouble.NO_SIM, sims.trouble());
        Shadows.shadowOf(telephony).setPhoneType(TelephonyManager.PHONE_TYPE_NONE);
        assertEquals(Sims.Trouble.NO_TELEPHONY, sims.trouble());
    }

    @Test public void aLockedSimSaysWhatItWaitsFor() {
        int[] platform = {TelephonyManager.SIM_STATE_PIN_REQUIRED, TelephonyManager.SIM_STATE_PUK_REQUIRED, TelephonyManager.SIM_STATE_ABSENT,
            TelephonyManager.SIM_STATE_NETWORK_LOCKED};
        String[] wire = {"pin", "puk", "absent", "not_ready"};
        for (int i = 0; i < wire.length; i++) {
            Shadows.shadowOf(telephony).setSimState(0, platform[i]);
            assertEquals(wire[i], sims.sims().get(0).state());
        }
    }

    @Test public void aSimThatIsTakenOutAndPutInIsToldEachTime() {
        listen();
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos(info(3, 0, "+447700900123"));
        idle();
        assertEquals(1, changes.get());
        assertEquals(1, sims.sims().size());
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos(info(3, 0, "+447700900123"), info(5, 1, ""));
        idle();
        assertEquals(2, changes.get());
    }

    @Test public void aSubscriptionChangeThatChangesNothingIsNotTold() {
        listen();
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos(info(3, 0, "+447700900123"), info(5, 1, ""));
        idle();
        assertEquals(0, changes.get());
    }

    @Test public void theSignalIsToldWhenItMovedByMoreThanSixDecibels() {
        listen();
        signal(-85);
        assertEquals(1, changes.get());
        signal(-91);
        assertEquals(1, changes.get());
        assertEquals(Integer.valueOf(-91), sims.sims().get(0).signalDbm());
        signal(-93);
        assertEquals(2, changes.get());
    }

    @Test public void losingTheNetworkIsTold() {
        listen();
        Shadows.shadowOf(first).setServiceState(service(ServiceState.STATE_OUT_OF_SERVICE));
        idle();
        assertEquals(1, changes.get());
        assertFalse(sims.sims().get(0).registered());
    }

    @Test public void listeningBeginsOnceThePermissionIsThere() {
        Shadows.shadowOf(application).denyPermissions(Manifest.permission.READ_PHONE_STATE);
        listen();
        Shadows.shadowOf(application).grantPermissions(Manifest.permission.READ_PHONE_STATE);
        assertEquals(2, sims.sims().size());
        idle();
        assertEquals(1, changes.get());
        Shadows.shadowOf(subscriptions).setActiveSubscriptionInfos();
        idle();
        assertEquals(2, changes.get());
    }
}
