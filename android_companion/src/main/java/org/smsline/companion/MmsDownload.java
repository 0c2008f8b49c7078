package org.smsline.companion;

import android.app.Activity;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.telephony.SmsManager;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * Fetches an announced MMS through the platform, which knows the operator's MMS network. One try: when it fails the
 * gateway has the announcement, and the phone's own messaging app has the message. It acknowledges nothing to the
 * operator, because that would take the message from the messaging app.
 */
final class MmsDownload {
    /** As base64 in a frame of 1 MiB at most (docs/link.md): a larger one would end the link again and again. */
    static final int MOST_OCTETS = 760_000;
    /** An operator announces again what nobody fetched; while one download is under way a second is not begun. */
    private static final long UNDER_WAY_MS = 10 * 60_000L;
    private static final String SCHEME = "smsline";

    private MmsDownload() {
    }

    /** On air: yes (mobile data). {@code notification} is an M-Notification.ind; anything else is left alone. False when nothing was begun. */
    static boolean begin(Context context, int sub, byte[] notification) {
        String location = MmsNotification.location(notification);
        if (location == null) {
            return false;
        }
        long nowMs = System.currentTimeMillis();
        String name = "in-" + Hex.of(digest(location)) + ".pdu";
        File file = FilesProvider.file(context, FilesProvider.MMS, name, nowMs);
        if (file.exists() && file.lastModified() > nowMs - UNDER_WAY_MS) {
            return false;
        }
        try {
            Files.write(file.toPath(), new byte[0]);
            SmsManager.getSmsManagerForSubscriptionId(sub)
                .downloadMultimediaMessage(context, location, FilesProvider.uri(FilesProvider.MMS, name), null, ended(context, sub, name));
            return true;
        } catch (IOException | SecurityException | IllegalArgumentException | UnsupportedOperationException refused) {
            file.delete();
            return false;
        }
    }

    /** The download's intent came back: what it brought goes to the journal, and then the file goes. */
    static void ended(Context context, Journal journal, Intent intent, int result) {
        Uri uri = intent.getData();
        if (uri == null || uri.getPathSegments().size() != 2) {
            return;
        }
        int sub = Integer.parseInt(uri.getPathSegments().get(0));
        File file = FilesProvider.file(context, FilesProvider.MMS, uri.getPathSegments().get(1), System.currentTimeMillis());
        try {
            if (result == Activity.RESULT_OK && file.length() > 0 && file.length() <= MOST_OCTETS) {
                journal.mms(sub, Files.readAllBytes(file.toPath()));
            }
        } catch (IOException gone) {
            // The cache was emptied meanwhile; the announcement is with the gateway.
            return;
        }
        file.delete();
    }

    static byte[] digest(String text) {
        try {
            return Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)), 16);
        } catch (NoSuchAlgorithmException everyAndroidHasIt) {
            throw new IllegalStateException(everyAndroidHasIt);
        }
    }

    private static PendingIntent ended(Context context, int sub, String name) {
        Uri uri = new Uri.Builder().scheme(SCHEME).authority("mms").appendPath(Integer.toString(sub)).appendPath(name).build();
        Intent intent = new Intent(context, MmsReceiver.class).setData(uri);
        int mutable = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S ? PendingIntent.FLAG_MUTABLE : 0;
        return PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_UPDATE_CURRENT | mutable);
    }
}
