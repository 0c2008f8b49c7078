package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.app.Service;
import android.content.Intent;
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
import org.robolectric.Shadows;
import org.robolectric.android.controller.ServiceController;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(shadows = Air.class)
public class ReceiversTest {
    private static final String DELIVER = "07911326040000f0040b911346610089f60000208062917314080cc8f71d14969741f977fd07";
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

    private JSONObject event(int number) throws Exception {
        Wait.until("event " + number, () -> phone.companion.journal.waiting() >= number);
        return new JSONObject(phone.companion.journal.uncommitted(0, 100).get(number - 1).body());
    }

    private void called(String job, int parts) {
        phone.companion.journal.take(job, 3, "+447700900123", parts);
        phone.companion.journal.called(job);
    }

    /** Everything that was broadcast so far has been dealt with. */
    private void settled() {
        boolean[] done = new boolean[1];
        Shadows.shadowOf(android.os.Looper.getMainLooper()).idle();
        phone.companion.later(() -> done[0] = true);
        Wait.until("the work before", () -> done[0]);
    }

    @Test public void aSentIntentBringsItsResultAndItsExtras() throws Exception {
        called("a", 2);
        phone.sent("a", 1, -1, null);
        phone.sent("a", 2, 1, 38);
        JSONObject ok = event(1);
        assertEquals("sent a 1 -1 false", ok.getString("kind") + " " + ok.getString("job") + " " + ok.getInt("part") + " " + ok.getInt("result") + " "
            + ok.getBoolean("no_default"));
        assertTrue(ok.isNull("error"));
        JSONObject failed = event(2);
        assertEquals("1 38 true", failed.getInt("result") + " " + failed.getInt("error") + " " + failed.getBoolean("no_default"));
    }

    @Test public void aRealPendingIntentFindsItsWayBack() throws Exception {
        phone.companion.sender.send(new Frames.Job("a", 3, "+447700900123", List.of("x"), null, 0, true), new Sender.Reply() {
            @Override public void taken(String job) { }

            @Override public void refused(String job, String code, String detail) { }
        });
        Air.CALLS.get(0).delivered().get(0).send(phone.application, 0, new Intent().putExtra("pdu", Hex.octets("0706")).putExtra("format", "3gpp"));
        JSONObject report = event(1);
        assertEquals("report a 1 3 0706 3gpp", report.getString("kind") + " " + report.getString("job") + " " + report.getInt("part") + " "
            + report.getInt("sub") + " " + report.getString("pdu") + " " + report.getString("format"));
    }

    @Test public void aDoubleSentIntentIsOneEvent() throws Exception {
        called("a", 1);
        phone.sent("a", 1, -1, null);
        phone.sent("a", 1, -1, null);
        event(1);
        settled();
        assertEquals(1, phone.companion.journal.waiting());
    }

    @Test public void theRawReportIsKeptAsItCame() throws Exception {
        called("a", 1);
        phone.delivered("a", 1, "0791448720003023");
        assertEquals("0791448720003023", event(1).getString("pdu"));
    }

    @Test public void allPdusOfABroadcastAreOneEventWithItsSim() throws Exception {
        phone.inbound(5, List.of(DELIVER, DELIVER));
        JSONObject inbound = event(1);
        assertEquals(5, inbound.getInt("sub"));
        assertEquals(2, inbound.getJSONArray("pdus").length());
        assertEquals(DELIVER, inbound.getJSONArray("pdus").getString(0));
    }

    @Test public void aPduThatThePlatformCannotReadIsKeptAllTheSame() throws Exception {
        phone.inbound(3, List.of("00"));
        assertEquals("00", event(1).getJSONArray("pdus").getString(0));
    }

    @Test public void aDataMessageIsAnInboundEvent() throws Exception {
        phone.inbound(new Intent("android.intent.action.DATA_SMS_RECEIVED", Uri.parse("sms://localhost:16000")), 3, List.of(DELIVER));
        assertEquals("inbound", event(1).getString("kind"));
    }

    @Test public void anMmsNotificationIsAnInboundEventOfItsOwnFormat() throws Exception {
        Intent push = new Intent("android.provider.Telephony.WAP_PUSH_RECEIVED").setType("application/vnd.wap.mms-message");
        phone.broadcast(push.putExtra("data", new byte[] {(byte) 0x8c, (byte) 0x82}).putExtra("subscription", 5));
        JSONObject inbound = event(1);
        assertEquals("mms-notification 8c82 5", inbound.getString("format") + " " + inbound.getJSONArray("pdus").getString(0) + " " + inbound.getInt("sub"));
    }

    @Test public void whatComesToAPhoneWithoutAGatewayIsNotKept() {
        phone.companion.unpair();
        phone.inbound(3, List.of(DELIVER));
        settled();
        assertEquals(0, phone.companion.journal.waiting());
    }

    @Test public void theSelfTestHearsItsOwnAndTheGatewayNever() {
        List<String> heard = new ArrayList<>();
        phone.companion.ear((kind, job, part, result, pdu) -> {
            heard.add(kind + " " + job + " " + part);
            return kind.equals("inbound");
        });
        phone.sent("self-1", 1, -1, null);
        phone.delivered("self-1", 1, "00");
        phone.inbound(3, List.of(DELIVER));
        settled();
        assertEquals(List.of("sent self-1 1", "delivered self-1 1", "inbound null 0"), heard);
        assertEquals(0, phone.companion.journal.waiting());
    }

    @Test public void aForeignIntentToTheReceiversChangesNothing() {
        phone.application.sendBroadcast(new Intent(phone.application, SentReceiver.class).setData(Uri.parse("smsline://sent/a/b")));
        phone.application.sendBroadcast(new Intent(phone.application, SentReceiver.class));
        phone.application.sendBroadcast(new Intent(phone.application, DeliveredReceiver.class).setData(SendIntents.uri("delivered", "a", 1)));
        settled();
        assertEquals(0, phone.companion.journal.waiting());
    }

    @Test public void bootAndUpdateStartTheServiceOfAPairedPhone() {
        for (String action : new String[] {Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_MY_PACKAGE_REPLACED}) {
            new BootReceiver().onReceive(phone.application, new Intent(action));
            Intent started = Shadows.shadowOf(phone.application).getNextStartedService();
            assertEquals(CompanionService.class.getName(), started.getComponent().getClassName());
        }
    }

    @Test public void bootLeavesAPhoneWithoutAGatewayAlone() {
        phone.companion.unpair();
        new BootReceiver().onReceive(phone.application, new Intent(Intent.ACTION_BOOT_COMPLETED));
        assertNull(Shadows.shadowOf(phone.application).getNextStartedService());
    }

    @Test public void theServiceGoesToTheForegroundAndRemembersTheCablesPort() {
        Intent start = new Intent(phone.application, CompanionService.class).putExtra(CompanionService.USB_PORT, 40_123);
        ServiceController<CompanionService> service = Robolectric.buildService(CompanionService.class, start).create();
        assertEquals(Service.START_STICKY, service.get().onStartCommand(start, 0, 1));
        assertNotNull(Shadows.shadowOf(service.get()).getLastForegroundNotification());
        assertEquals(40_123, phone.companion.settings.usbPort());
        service.destroy();
    }

    @Test public void aServiceThatTheSystemStartsAgainKeepsTheCablesPort() {
        phone.companion.settings.usbPort(40_123);
        ServiceController<CompanionService> service = Robolectric.buildService(CompanionService.class).create();
        assertEquals(Service.START_STICKY, service.get().onStartCommand(null, 0, 1));
        assertEquals(40_123, phone.companion.settings.usbPort());
        service.destroy();
    }

    @Test public void theManifestLetsNobodyElseIn() throws Exception {
        android.content.pm.PackageManager packages = phone.application.getPackageManager();
        android.content.pm.PackageInfo app = packages.getPackageInfo(phone.application.getPackageName(), android.content.pm.PackageManager.GET_RECEIVERS
            | android.content.pm.PackageManager.GET_SERVICES | android.content.pm.PackageManager.GET_PROVIDERS);
        for (android.content.pm.ActivityInfo receiver : app.receivers) {
            assertTrue(receiver.name, !receiver.exported || receiver.permission.startsWith("android.permission.BROADCAST_"));
        }
        for (android.content.pm.ServiceInfo service : app.services) {
            assertTrue(service.name, !service.exported || service.permission.equals("android.permission.DUMP"));
        }
        for (android.content.pm.ProviderInfo provider : app.providers) {
            assertTrue(provider.name, !provider.exported || provider.readPermission.equals("android.permission.DUMP")
                && provider.writePermission.equals("android.permission.DUMP"));
        }
        assertFalse((app.applicationInfo.flags & android.content.pm.ApplicationInfo.FLAG_ALLOW_BACKUP) != 0);
    }
}
