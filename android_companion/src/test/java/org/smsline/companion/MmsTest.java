package org.smsline.companion;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.pm.ProviderInfo;
import android.net.Uri;
import android.telephony.SmsManager;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.Shadows;
import org.robolectric.shadows.ShadowSmsManager;

@RunWith(RobolectricTestRunner.class)
public class MmsTest {
    private static final String LOCATION = "http://mms.example/m?id=1";
    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Phone phone;

    @Before public void start() throws Exception {
        phone = new Phone(folder.getRoot()).paired(1);
    }

    @After public void end() {
        phone.companion.stop();
        phone.companion.journal.close();
    }

    /** An M-Notification.ind: type, transaction, version, sender (a value with a length), class, size, expiry, location. */
    private static byte[] notification(String location) {
        ByteArrayOutputStream pdu = new ByteArrayOutputStream();
        pdu.writeBytes(Hex.octets("8c82" + "98743100" + "8d92" + "890e80" + Hex.of("+4477/TYPE=P".getBytes(StandardCharsets.US_ASCII)) + "00"
            + "8a80" + "8e020400" + "8805810302a300"));
        pdu.write(0x83);
        pdu.writeBytes((location + "\0").getBytes(StandardCharsets.US_ASCII));
        return pdu.toByteArray();
    }

    private static ShadowSmsManager radio(int sub) {
        return Shadows.shadowOf(SmsManager.getSmsManagerForSubscriptionId(sub));
    }

    private byte[] read(Uri uri) throws Exception {
        try (InputStream in = phone.application.getContentResolver().openInputStream(uri)) {
            return in.readAllBytes();
        }
    }

    private void ended(ShadowSmsManager.DownloadMultimediaMessageParams download, byte[] brought, int result) throws Exception {
        if (brought != null) {
            try (OutputStream out = phone.application.getContentResolver().openOutputStream(download.getContentUri())) {
                out.write(brought);
            }
        }
        download.getDownloadedIntent().send(result);
        boolean[] done = new boolean[1];
        Shadows.shadowOf(android.os.Looper.getMainLooper()).idle();
        phone.companion.later(() -> done[0] = true);
        Wait.until("the work before", () -> done[0]);
    }

    @Test public void anMmsGoesToItsSubscriptionAsAFileThatThePlatformCanRead() throws Exception {
        new MmsSender(phone.application).send("a/../b", 5, new byte[] {1, 2, 3});
        ShadowSmsManager.SendMultimediaMessageParams sent = radio(5).getLastSentMultimediaMessageParams();
        assertArrayEquals(new byte[] {1, 2, 3}, read(sent.getContentUri()));
        assertNull(radio(3).getLastSentMultimediaMessageParams());
    }

    @Test public void theSentIntentOfAnMmsIsTheSentEventOfPartOne() throws Exception {
        phone.companion.journal.take("m", 3, "MMS", 1);
        phone.companion.journal.called("m");
        new MmsSender(phone.application).send("m", 3, new byte[] {1});
        radio(3).getLastSentMultimediaMessageParams().getSentIntent().send(Activity.RESULT_OK);
        Wait.until("the event", () -> {
            Shadows.shadowOf(android.os.Looper.getMainLooper()).idle();
            return phone.companion.journal.waiting() == 1;
        });
        JSONObject event = new JSONObject(phone.companion.journal.uncommitted(0, 1).get(0).body());
        assertEquals("sent m 1 -1", event.getString("kind") + " " + event.getString("job") + " " + event.getInt("part") + " " + event.getInt("result"));
    }

    @Test public void theAddressOfTheMessageIsFoundBehindEveryKindOfValue() {
        assertEquals(LOCATION, MmsNotification.location(notification(LOCATION)));
        assertNull(MmsNotification.location(notification("ftp://elsewhere/")));
        assertNull(MmsNotification.location(null));
        byte[] delivery = notification(LOCATION);
        delivery[1] = (byte) 0x86;
        assertNull(MmsNotification.location(delivery));
    }

    @Test public void aNotificationCutAnywhereIsRefusedAndNothingElseHappens() {
        byte[] whole = notification(LOCATION);
        for (int length = 0; length < whole.length; length++) {
            assertNull("cut at " + length, MmsNotification.location(Arrays.copyOf(whole, length)));
        }
    }

    @Test public void aLengthThatPointsOutOfTheNotificationIsRefused() {
        assertNull(MmsNotification.location(Hex.octets("8c82891fffffffffffffffffff7f00")));
        assertNull(MmsNotification.location(Hex.octets("8c828a1e00")));
    }

    @Test public void anAnnouncedMmsIsFetchedOnItsSubscriptionAndBecomesAnEvent() throws Exception {
        assertTrue(MmsDownload.begin(phone.application, 5, notification(LOCATION)));
        ShadowSmsManager.DownloadMultimediaMessageParams download = radio(5).getLastDownloadedMultimediaMessageParams();
        assertEquals(LOCATION, download.getLocationUrl());
        ended(download, new byte[] {9, 8, 7}, Activity.RESULT_OK);
        JSONObject event = new JSONObject(phone.companion.journal.uncommitted(0, 1).get(0).body());
        assertEquals("mms 5", event.getString("kind") + " " + event.getInt("sub"));
        assertArrayEquals(new byte[] {9, 8, 7}, Base64.getDecoder().decode(event.getString("pdu")));
        assertThrows(FileNotFoundException.class, () -> read(download.getContentUri()));
    }

    @Test public void aWapPushIsToldAndFetched() {
        Intent push = new Intent("android.provider.Telephony.WAP_PUSH_RECEIVED").setType("application/vnd.wap.mms-message");
        phone.broadcast(push.putExtra("data", notification(LOCATION)).putExtra("subscription", 5));
        Wait.until("the download", () -> radio(5).getLastDownloadedMultimediaMessageParams() != null);
        assertEquals(1, phone.companion.journal.waiting());
    }

    @Test public void aFailedDownloadLeavesNoEventAndNoFileAndMayBeTriedAgain() throws Exception {
        MmsDownload.begin(phone.application, 5, notification(LOCATION));
        assertFalse("one is under way", MmsDownload.begin(phone.application, 5, notification(LOCATION)));
        ended(radio(5).getLastDownloadedMultimediaMessageParams(), null, SmsManager.MMS_ERROR_NO_DATA_NETWORK);
        assertEquals(0, phone.companion.journal.waiting());
        assertTrue(MmsDownload.begin(phone.application, 5, notification(LOCATION)));
    }

    @Test public void anMmsThatNoFrameCanCarryIsLeftToTheMessagingApp() throws Exception {
        MmsDownload.begin(phone.application, 5, notification(LOCATION));
        ended(radio(5).getLastDownloadedMultimediaMessageParams(), new byte[MmsDownload.MOST_OCTETS + 1], Activity.RESULT_OK);
        assertEquals(0, phone.companion.journal.waiting());
    }

    @Test public void theFilesAreClosedToOthersAndNoPathLeadsOut() throws Exception {
        ProviderInfo provider = phone.application.getPackageManager().resolveContentProvider(FilesProvider.AUTHORITY, PackageManager.GET_META_DATA);
        assertFalse(provider.exported);
        assertTrue(provider.grantUriPermissions);
        for (String path : new String[] {"mms/..%2f..%2fjournal.db", "databases/journal.db", "mms/.hidden", "mms", "mms/a/b"}) {
            assertThrows(path, FileNotFoundException.class, () -> read(Uri.parse("content://" + FilesProvider.AUTHORITY + "/" + path)));
        }
    }
}
