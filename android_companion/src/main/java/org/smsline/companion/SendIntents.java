package org.smsline.companion;

import android.app.PendingIntent;
import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;

/**
 * The intents that come back from the radio: one of its own for every (job, part, sent or delivered), told apart by
 * their data URI, because the platform compares everything of an intent but its extras.
 */
final class SendIntents {
    private static final String SCHEME = "smsline";

    /** Which intent came back. {@code job} is an attempt's id, or starts with {@link Companion#SELF}. */
    record Key(String job, int part) {
    }

    private SendIntents() {
    }

    static PendingIntent sent(Context context, String job, int part) {
        return make(context, SentReceiver.class, "sent", job, part);
    }

    static PendingIntent delivered(Context context, String job, int part) {
        return make(context, DeliveredReceiver.class, "delivered", job, part);
    }

    static Uri uri(String kind, String job, int part) {
        return new Uri.Builder().scheme(SCHEME).authority(kind).appendPath(job).appendPath(Integer.toString(part)).build();
    }

    /** The key in an intent that came back, or null when it is none of ours. */
    static Key key(Intent intent) {
        Uri uri = intent.getData();
        if (uri == null || !SCHEME.equals(uri.getScheme()) || uri.getPathSegments().size() != 2) {
            return null;
        }
        try {
            return new Key(uri.getPathSegments().get(0), Integer.parseInt(uri.getPathSegments().get(1)));
        } catch (NumberFormatException notOurs) {
            return null;
        }
    }

    private static PendingIntent make(Context context, Class<? extends BroadcastReceiver> receiver, String kind, String job, int part) {
        Intent intent = new Intent(context, receiver).setData(uri(kind, job, part));
        // Mutable, because telephony fills in the PDU, the error code and noDefault; explicit, so that nobody else can be reached.
        // Not one-shot: a delivered intent comes again for each interim report.
        int mutable = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S ? PendingIntent.FLAG_MUTABLE : 0;
        return PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_UPDATE_CURRENT | mutable);
    }
}
