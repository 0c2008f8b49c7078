package org.smsline.companion;

import android.content.Context;
import android.content.Intent;
import android.net.ConnectivityManager;
import android.net.Network;
import android.os.SystemClock;
import android.util.Log;
import java.io.File;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/** The app's one object graph. It is made when anything of the app first runs; the link lives only while the service does. */
final class Companion {
    /** Ids of jobs that the self-test sends; they never reach the journal or the gateway. */
    static final String SELF = "self-";
    private static final long SWEEP_MINUTES = 15;
    /** docs/link.md: a pairing on the gateway lives for 5 minutes, and so does a question about it. */
    private static final long OFFER_MS = 300_000;

    final Context context;
    final Settings settings;
    final Journal journal;
    final SimSource sims;
    final Health health;
    final Ussd ussd;
    final Sender sender;
    final Link link;
    final Sweep sweep;
    private final Pairing pairing;
    private final ExecutorService radio = Executors.newSingleThreadExecutor(work -> new Thread(work, "radio"));
    /** Pairing waits for the network, and what comes from the radio must never wait behind it; two at once would cross. */
    private final ExecutorService pairings = Executors.newSingleThreadExecutor(task -> new Thread(task, "pairing"));
    private final ScheduledExecutorService work = Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "work"));
    private volatile Ear ear;
    private Offer offer;
    private boolean running;
    private boolean wired;

    /** The self-test's ear on what comes from the radio. True when it was the self-test's own and is nobody else's business. */
    interface Ear {
        /** {@code kind} is sent, delivered or inbound; job is null and part 0 for inbound; pdu is hex or null. */
        boolean heard(String kind, String job, int part, int result, String pdu);
    }

    /** How a pairing ended; code as of {@link Pairing#run}, or {@code unreachable}. Any thread. */
    interface Done {
        void paired(String gateway);

        void failed(String code, String hint);
    }

    /** A pairing that came over the cable while the phone belonged to somebody. */
    private record Offer(Pairing.Target target, long atElapsedMs) {
    }

    /** What differs between the app and a test of it: where the files lie, how patient the link is, where SIMs come from. */
    record Parts(File directory, File journal, Link.Timing timing, SimSource sims) {
    }

    Companion(Context context) {
        this(context, new Parts(context.getNoBackupFilesDir(), context.getDatabasePath("journal.db"), Link.Timing.STANDARD, new Sims(context)));
    }

    Companion(Context context, Parts parts) {
        this.context = context;
        parts.journal().getAbsoluteFile().getParentFile().mkdirs();
        this.journal = new Journal(parts.journal(), System::currentTimeMillis);
        this.settings = new Settings(parts.directory());
        settings.check(journal.id());
        journal.restart();
        this.sims = parts.sims();
        this.health = new Health(context);
        this.ussd = new Ussd(context);
        this.sender = new Sender(context, journal, sims, new MmsSender(context), settings::paired);
        JSONObject app = About.app(context);
        this.link = new Link(settings, new Session.Desk(journal, sender, ussd, radio), way -> Frames.hello(
            new Frames.Hello(settings.install(), settings.run, app, About.phone(), sims.sims(), health.json()), way, System.currentTimeMillis()), parts.timing());
        this.pairing = new Pairing(settings, app, About.phone());
        this.sweep = new Sweep(context, journal);
        link.onWelcome(this::welcomed);
        link.listen(new Diary(context)::link);
        link.onRefused(this::askAboutOffer);
    }

    /** The service runs: from now on there is a link. Repeating it dials at once. */
    synchronized void start() {
        running = true;
        link.start();
        if (!wired) {
            wired = true;
            sims.listen(() -> link.tell(Frames.simsChanged(sims.sims())));
            health.listen(() -> link.tell(Frames.health(health.json())));
            watchNetwork();
            work.scheduleWithFixedDelay(guarded(this::tick), 0, SWEEP_MINUTES, TimeUnit.MINUTES);
        }
        link.dialNow();
    }

    /** The service ended: a link that nothing keeps alive would only look like one. */
    synchronized void stop() {
        running = false;
        link.stop();
    }

    /** Something new is in the journal: sends it now, and makes sure that the service runs to do so. */
    void poke() {
        link.poke();
        if (settings.paired() && !running()) {
            startService();
        }
    }

    private synchronized boolean running() {
        return running;
    }

    /** Does work that waits for nobody off the main thread, in order. What it throws is logged and ends nothing. */
    void later(Runnable task) {
        work.execute(guarded(task));
    }

    /** Pairs; the answer comes to {@code done}. A phone that belongs to somebody is refused, with code {@code paired}. */
    void pair(Pairing.Target target, Done done) {
        pairings.execute(() -> join(target, false, done));
    }

    /** A person said yes to leaving: pairs with another gateway, and leaves the one of now when that has succeeded. */
    void pairInstead(Pairing.Target target, Done done) {
        pairings.execute(() -> join(target, true, done));
    }

    private void join(Pairing.Target target, boolean instead, Done done) {
        try {
            Settings.Gateway owner = settings.gateway();
            if (owner != null && !instead) {
                throw new Refused("paired", "This phone belongs to " + owner.name() + ". Unpair it first.");
            }
            Settings.Gateway gateway = pairing.run(target);
            // Emptied before the new gateway is known: killed in between, the old one's messages are gone, never told to a stranger.
            settings.pair(gateway, journal.id(), () -> {
                journal.unpaired();
                sweep.begin();
            });
            link.drop();
            link.refresh();
            poke();
            link.dialNow();
            done.paired(gateway.name());
        } catch (Refused no) {
            done.failed(no.code, no.hint);
        } catch (IOException | GeneralSecurityException | RuntimeException unreachable) {
            Log.i("Pairing", "failed: " + unreachable);
            done.failed("unreachable", "");
        }
    }

    /** Leaves the gateway. What it has not yet been told is lost; {@link Journal#waiting} says how much that is. */
    void unpair() {
        settings.unpair();
        journal.unpaired();
        link.drop();
        link.refresh();
    }

    /** What adb handed over: a code and the cable's port, kept whatever comes of it. Pairs, or dials when the phone belongs to somebody. */
    void handover(Pairing.Target target, Done done) {
        settings.usbPort(target.endpoint().port());
        if (settings.paired()) {
            synchronized (this) {
                offer = new Offer(target, SystemClock.elapsedRealtime());
            }
            link.cable();
        } else {
            pair(target, done);
        }
    }

    /** Whether another gateway at the cable wants this phone, and a person has not answered yet. */
    synchronized boolean takeOverAsked() {
        return offer != null && SystemClock.elapsedRealtime() - offer.atElapsedMs() < OFFER_MS;
    }

    /** A person's answer. Yes pairs with the gateway at the cable and then leaves the one of now. */
    void takeOver(boolean yes, Done done) {
        Offer asked;
        synchronized (this) {
            asked = takeOverAsked() ? offer : null;
            offer = null;
        }
        if (yes && asked != null) {
            pairInstead(asked.target(), done);
        } else if (yes) {
            done.failed("expired", "");
        }
    }

    /** Listens to the radio for the self-test; null ends it. */
    void ear(Ear listener) {
        ear = listener;
    }

    boolean heard(String kind, String job, int part, int result, String pdu) {
        Ear listener = ear;
        boolean own = listener != null && listener.heard(kind, job, part, result, pdu);
        return own || job != null && job.startsWith(SELF);
    }

    void sweepSoon() {
        later(this::sweepNow);
    }

    private void sweepNow() {
        if (!settings.paired()) {
            return;
        }
        long againMs = sweep.run();
        link.poke();
        if (againMs > 0) {
            work.schedule(guarded(this::sweepNow), againMs, TimeUnit.MILLISECONDS);
        }
    }

    private void tick() {
        journal.forget();
        sweepNow();
    }

    private void welcomed() {
        if (Endpoint.USB.equals(link.state().way())) {
            synchronized (this) {
                offer = null;
            }
        }
        sweepSoon();
    }

    /** Our own gateway at the cable needs no question; one that does not know this phone's key is another's. */
    private void askAboutOffer(Endpoint endpoint, String code) {
        if (endpoint.way().equals(Endpoint.USB) && takeOverAsked() && ("device_unknown".equals(code) || "foreign".equals(code))) {
            Notifications.askTakeOver(context);
        }
    }

    private void startService() {
        try {
            context.startForegroundService(new Intent(context, CompanionService.class));
        } catch (IllegalStateException | SecurityException notFromHere) {
            // From Android 12 a background app may not, unless it is exempt from battery saving; the journal waits.
            Log.i("Companion", "the service cannot be started from here: " + notFromHere.getClass().getSimpleName());
        }
    }

    private void watchNetwork() {
        context.getSystemService(ConnectivityManager.class).registerDefaultNetworkCallback(new ConnectivityManager.NetworkCallback() {
            @Override public void onAvailable(Network network) {
                link.dialNow();
            }

            @Override public void onLost(Network network) {
                link.networkLost();
            }
        });
    }

    private static Runnable guarded(Runnable task) {
        return () -> {
            try {
                task.run();
            } catch (RuntimeException failed) {
                Log.e("Companion", "failed: " + failed.getClass().getName());
            }
        };
    }
}
