package org.smsline.companion;

import android.app.Notification;
import android.app.NotificationManager;
import android.app.Service;
import android.content.Intent;
import android.content.pm.ServiceInfo;
import android.os.Build;
import android.os.IBinder;
import android.os.PowerManager;
import android.util.Log;
import java.util.function.Consumer;

/**
 * Keeps the process and the link alive in the foreground. Started at boot, by the screen, by a broadcast that has
 * something to tell, and by adb, which names the cable's port in the extra {@code usb_port}.
 */
public final class CompanionService extends Service {
    static final String USB_PORT = "usb_port";
    private final Consumer<LinkState> shown = this::show;
    private PowerManager.WakeLock awake;

    @Override public void onCreate() {
        // A sleeping processor answers no ping, and a gateway that hears nothing sends nothing.
        awake = getSystemService(PowerManager.class).newWakeLock(PowerManager.PARTIAL_WAKE_LOCK, "companion:link");
        awake.setReferenceCounted(false);
    }

    @Override public int onStartCommand(Intent intent, int flags, int startId) {
        Companion companion = App.of(this);
        Notification standing = Notifications.standing(this, companion.link.state());
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            foregroundTyped(standing);
        } else {
            startForeground(Notifications.SERVICE, standing);
        }
        if (!awake.isHeld()) {
            companion.link.listen(shown);
        }
        awake.acquire();
        companion.start();
        int port = intent == null ? 0 : intent.getIntExtra(USB_PORT, 0);
        if (port > 0 && port <= 65_535) {
            companion.settings.usbPort(port);
            companion.link.cable();
        }
        return START_STICKY;
    }

    @Override public void onDestroy() {
        Companion companion = App.of(this);
        companion.link.forget(shown);
        companion.stop();
        awake.release();
    }

    @Override public IBinder onBind(Intent intent) {
        return null;
    }

    /** Remote messaging is what this is; should a platform see that otherwise, special use is declared for the same purpose. */
    @NewApi(34)
    private void foregroundTyped(Notification standing) {
        try {
            startForeground(Notifications.SERVICE, standing, ServiceInfo.FOREGROUND_SERVICE_TYPE_REMOTE_MESSAGING);
        } catch (RuntimeException refused) {
            Log.w("Service", "remoteMessaging refused: " + refused.getClass().getSimpleName());
            startForeground(Notifications.SERVICE, standing, ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE);
        }
    }

    private void show(LinkState state) {
        getSystemService(NotificationManager.class).notify(Notifications.SERVICE, Notifications.standing(this, state));
    }
}
