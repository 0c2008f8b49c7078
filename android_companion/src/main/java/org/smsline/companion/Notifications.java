package org.smsline.companion;

import android.app.Notification;
import android.app.NotificationChannel;
import android.app.NotificationManager;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;

/** What the app shows outside its own screens: the service's standing notification, and questions that need a person. */
final class Notifications {
    static final int SERVICE = 1;
    static final int TAKE_OVER = 2;
    private static final String CHANNEL = "link";
    private static final String QUESTIONS = "questions";

    private Notifications() {
    }

    static Notification standing(Context context, LinkState state) {
        channel(context, CHANNEL, R.string.channel_link, NotificationManager.IMPORTANCE_LOW);
        StatusText.Words words = StatusText.of(context, state);
        return new Notification.Builder(context, CHANNEL).setSmallIcon(R.drawable.mark).setOngoing(true).setOnlyAlertOnce(true)
            .setShowWhen(false).setCategory(Notification.CATEGORY_SERVICE).setContentTitle(words.title())
            .setContentText(words.advice().isEmpty() ? null : words.advice())
            .setStyle(words.advice().isEmpty() ? null : new Notification.BigTextStyle().bigText(words.advice()))
            .setContentIntent(open(context, new Intent(context, MainActivity.class))).build();
    }

    /** Asks whether another gateway may take this phone over; the answer goes to {@link Companion}. */
    static void askTakeOver(Context context) {
        NotificationManager shown = channel(context, QUESTIONS, R.string.channel_questions, NotificationManager.IMPORTANCE_HIGH);
        shown.notify(TAKE_OVER, new Notification.Builder(context, QUESTIONS).setSmallIcon(R.drawable.mark)
            .setOnlyAlertOnce(true).setAutoCancel(true).setContentTitle(context.getString(R.string.take_over_title))
            .setContentText(context.getString(R.string.take_over_open))
            .setContentIntent(open(context, new Intent(context, PairActivity.class).setAction(PairActivity.TAKE_OVER))).build());
    }

    static void takeOverAnswered(Context context) {
        context.getSystemService(NotificationManager.class).cancel(TAKE_OVER);
    }

    private static NotificationManager channel(Context context, String id, int name, int importance) {
        NotificationManager shown = context.getSystemService(NotificationManager.class);
        shown.createNotificationChannel(new NotificationChannel(id, context.getString(name), importance));
        return shown;
    }

    private static PendingIntent open(Context context, Intent screen) {
        return PendingIntent.getActivity(context, 0, screen, PendingIntent.FLAG_UPDATE_CURRENT | PendingIntent.FLAG_IMMUTABLE);
    }
}
