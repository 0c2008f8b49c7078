package org.smsline.companion;

import android.Manifest;
import android.app.Application;
import android.content.ContentResolver;
import android.content.Intent;
import android.content.pm.ResolveInfo;
import android.os.Looper;
import java.io.File;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

/** A phone with two SIMs (subscriptions 3 and 5) on which the real app runs; only the radio is ours. */
final class Phone implements SimSource {
    static final String GATEWAY = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    static final Link.Timing QUICK = new Link.Timing(20, 200, 400, new WebSocketClient.Patience(10_000, 10_000));
    final Application application = RuntimeEnvironment.getApplication();
    final List<Sim> sims = new CopyOnWriteArrayList<>(List.of(sim(3, 0), sim(5, 1)));
    final Companion companion;
    private Runnable changed = () -> { };

    Phone(File directory) {
        this(directory, QUICK);
    }

    Phone(File directory, Link.Timing timing) {
        Shadows.shadowOf(application).grantPermissions(Manifest.permission.SEND_SMS, Manifest.permission.READ_SMS, Manifest.permission.RECEIVE_SMS,
            Manifest.permission.READ_PHONE_STATE);
        companion = new Companion(application, new Companion.Parts(directory, new File(directory, "journal.db"), timing, this));
        ((App) application).use(companion);
    }

    static Sim sim(int sub, int slot) {
        return new Sim(sub, slot, "894450061234567890" + slot, "+44770090012" + sub, "SIM " + (slot + 1), "Example", "23415", "ready", false, -85, true);
    }

    Phone paired(int usbPort) throws Exception {
        companion.settings.pair(new Settings.Gateway(GATEWAY, "Office", "gwd_key", List.of(), ""), companion.journal.id(), () -> { });
        companion.settings.usbPort(usbPort);
        companion.journal.cursor(0);
        return this;
    }

    /** The platform's own limit as its settings name it: so many parts a minute. */
    static void limit(String parts) {
        ContentResolver resolver = RuntimeEnvironment.getApplication().getContentResolver();
        android.provider.Settings.Global.putString(resolver, "sms_outgoing_check_max_count", parts);
        android.provider.Settings.Global.putString(resolver, "sms_outgoing_check_interval_ms", "60000");
    }

    void simsChanged(Sim... now) {
        sims.clear();
        sims.addAll(List.of(now));
        changed.run();
    }

    /** What telephony does when a part's sent intent comes back. */
    void sent(String job, int part, int result, Integer error) {
        Intent intent = new Intent(application, SentReceiver.class).setData(SendIntents.uri("sent", job, part));
        if (error != null) {
            intent.putExtra("errorCode", error).putExtra("noDefault", true);
        }
        application.sendOrderedBroadcast(intent, null, null, null, result, null, null);
        idle();
    }

    /** What telephony does when a part's delivered intent comes back. */
    void delivered(String job, int part, String pdu) {
        Intent intent = new Intent(application, DeliveredReceiver.class).setData(SendIntents.uri("delivered", job, part));
        application.sendOrderedBroadcast(intent.putExtra("pdu", Hex.octets(pdu)).putExtra("format", "3gpp"), null, null, null, -1, null, null);
        idle();
    }

    /** What telephony does when a text message came. */
    void inbound(int sub, List<String> pdus) {
        inbound(new Intent("android.provider.Telephony.SMS_RECEIVED"), sub, pdus);
    }

    void inbound(Intent intent, int sub, List<String> pdus) {
        Object[] raw = pdus.stream().map(Hex::octets).toArray(Object[]::new);
        broadcast(intent.putExtra("pdus", raw).putExtra("format", "3gpp").putExtra("subscription", sub));
    }

    /** To the one receiver that the manifest names for it; Robolectric's own delivery knows filters by their action only. */
    void broadcast(Intent intent) {
        List<ResolveInfo> receivers = application.getPackageManager().queryBroadcastReceivers(intent, 0);
        if (receivers.size() != 1) {
            throw new AssertionError(intent + " goes to " + receivers);
        }
        application.sendBroadcast(intent.setClassName(application, receivers.get(0).activityInfo.name));
        idle();
    }

    /** The platform makes a receiver for each broadcast; Robolectric has one, which must be done with the last. */
    private static void idle() {
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    @Override public List<Sim> sims() {
        return List.copyOf(sims);
    }

    @Override public void listen(Runnable listener) {
        changed = listener;
    }
}
