package org.smsline.companion;

import android.util.Log;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.json.JSONObject;

/**
 * Keeps one connection to the gateway: over the cable when there is one, else over the LAN, and from one to the other
 * without a gap. It decides when to dial and where; what is said then is {@link Session}'s. docs/link.md, Where.
 */
final class Link {
    /** When to dial again, ms: rounds from {@code firstMs}, doubling to {@code mostMs}; {@code slowMs} after a no that stays. */
    record Timing(long firstMs, long mostMs, long slowMs, WebSocketClient.Patience patience) {
        static final Timing STANDARD = new Timing(500, 15_000, 60_000, WebSocketClient.Patience.STANDARD);
    }

    private static final List<String> LASTING = List.of("revoked", "version", "device_unknown", "foreign");
    /** Rounds beside a live LAN connection after adb said that a cable is there. */
    private static final int CABLE_ROUNDS = 6;
    /** A connection shorter than this many first waits counts as none. */
    private static final int BRIEF_ROUNDS = 4;

    private final Settings settings;
    private final Session.Desk desk;
    private final Function<String, JSONObject> hello;
    private final Timing timing;
    private final List<Consumer<LinkState>> listeners = new CopyOnWriteArrayList<>();
    private final Map<Endpoint, Long> quietUntilNs = new HashMap<>();
    private Thread loop;
    private Session current;
    private boolean signalled;
    private boolean cable;
    private boolean brief;
    private long welcomedNs;
    private LinkState state = new LinkState(false, null, null, null, null, System.currentTimeMillis());
    private volatile Runnable onWelcome = () -> { };
    private volatile BiConsumer<Endpoint, String> onRefused = (endpoint, code) -> { };

    /** {@code hello} makes the first message for a way. */
    Link(Settings settings, Session.Desk desk, Function<String, JSONObject> hello, Timing timing) {
        this.settings = settings;
        this.desk = desk;
        this.hello = hello;
        this.timing = timing;
        publish(null, null);
    }

    synchronized void start() {
        if (loop == null) {
            loop = new Thread(this::keep, "link");
            loop.start();
        }
    }

    synchronized void stop() {
        if (loop != null) {
            loop.interrupt();
            loop = null;
        }
        drop();
    }

    /** Dials at once: the service was started, somebody paired, or the network changed. */
    synchronized void dialNow() {
        quietUntilNs.clear();
        signalled = true;
        notifyAll();
    }

    /** adb says that a cable is there. */
    synchronized void cable() {
        cable = true;
        dialNow();
    }

    /** The network under a LAN connection is gone; without this the silence would be noticed 35 s later. */
    synchronized void networkLost() {
        if (current != null && current.endpoint().tls()) {
            current.cut();
        }
        dialNow();
    }

    /** Something new is in the journal. */
    synchronized void poke() {
        if (current != null) {
            current.poke();
        }
    }

    /** Says something that needs no journal, when anybody is there to hear it. */
    synchronized void tell(JSONObject frame) {
        if (current != null) {
            current.tell(frame);
        }
    }

    /** Ends the connection as a broken one does; the loop dials again. */
    synchronized void drop() {
        if (current != null) {
            current.cut();
        }
    }

    synchronized LinkState state() {
        return state;
    }

    /** Calls at once and at each change. Any thread. */
    void listen(Consumer<LinkState> listener) {
        listeners.add(listener);
        listener.accept(state());
    }

    void forget(Consumer<LinkState> listener) {
        listeners.remove(listener);
    }

    /** Called in the link's thread after each welcome. */
    void onWelcome(Runnable action) {
        onWelcome = action;
    }

    /** Called in the link's thread with the address and the code of each refusal. */
    void onRefused(BiConsumer<Endpoint, String> action) {
        onRefused = action;
    }

    private void keep() {
        long waitMs = timing.firstMs();
        int cableRounds = 0;
        try {
            while (!Thread.currentThread().isInterrupted()) {
                boolean beside = beside(cableRounds);
                boolean idle = connected() && !beside || !settings.paired();
                boolean done = !idle && attempt(beside);
                cableRounds = beside && !done ? cableRounds + 1 : 0;
                boolean woken = await(idle || done && !beside ? Long.MAX_VALUE : waitMs);
                if (brief()) {
                    // A peer that welcomes and hangs up would be dialled without end.
                    await(waitMs);
                    waitMs = Math.min(timing.mostMs(), waitMs * 2);
                } else {
                    waitMs = woken || idle || done ? timing.firstMs() : Math.min(timing.mostMs(), waitMs * 2);
                }
            }
        } catch (InterruptedException stopped) {
            Log.i("Link", "stopped");
        }
    }

    private boolean attempt(boolean cableOnly) {
        try {
            return round(cableOnly);
        } catch (RuntimeException failed) {
            Log.e("Link", "a round failed", failed);
            return false;
        }
    }

    /** Whether the connection that just ended had hardly begun. */
    private synchronized boolean brief() {
        boolean was = brief;
        brief = false;
        return was;
    }

    /** Whether to look for the cable although the LAN works. */
    private synchronized boolean beside(int rounds) {
        if (current == null || !current.endpoint().tls() || settings.usbPort() == 0 || rounds >= CABLE_ROUNDS) {
            cable = false;
        }
        return cable;
    }

    private synchronized boolean connected() {
        return current != null;
    }

    /** Tries each address once, in order. */
    private boolean round(boolean cableOnly) {
        List<Endpoint> endpoints = Endpoint.of(settings);
        Refused refused = endpoints.isEmpty() ? new Refused("no_address", "") : null;
        for (Endpoint endpoint : endpoints) {
            if (Thread.currentThread().isInterrupted() || cableOnly && endpoint.tls() || resting(endpoint)) {
                continue;
            }
            Settings.Gateway gateway = settings.gateway();
            if (gateway == null) {
                return false;
            }
            try {
                WebSocketClient socket = Handshake.open(endpoint, gateway.pin(), gateway.key(), timing.patience());
                return welcomed(Session.open(socket, desk, endpoint, hello.apply(endpoint.way()), settings), gateway);
            } catch (Refused no) {
                if (!ours(gateway)) {
                    return false;
                }
                refused = no;
                rest(endpoint, no);
                onRefused.accept(endpoint, no.code);
            } catch (IOException unreachable) {
                Log.i("Link", endpoint.way() + " unreachable: " + unreachable.getMessage());
            }
        }
        if (!cableOnly) {
            publish(null, refused);
        }
        return false;
    }

    /** Whether the phone still belongs to the gateway that was dialled: a person may have changed that meanwhile. */
    private boolean ours(Settings.Gateway dialled) {
        Settings.Gateway now = settings.gateway();
        return now != null && now.key().equals(dialled.key());
    }

    private boolean welcomed(Session session, Settings.Gateway gateway) {
        Session before;
        synchronized (this) {
            // Whoever changes the gateway drops the connection afterwards, and waits for this lock to do so.
            if (Thread.currentThread() != loop || !ours(gateway)) {
                session.close();
                return false;
            }
            before = current;
            current = session;
            welcomedNs = System.nanoTime();
            cable &= session.endpoint().tls();
        }
        publish(session.endpoint().way(), null);
        new Thread(() -> ended(session, session.run()), "link-in").start();
        onWelcome.run();
        if (before != null) {
            before.close();
        }
        return true;
    }

    private void ended(Session session, Refused reason) {
        synchronized (this) {
            if (current != session) {
                return;
            }
            current = null;
            brief = System.nanoTime() - welcomedNs < TimeUnit.MILLISECONDS.toNanos(BRIEF_ROUNDS * timing.firstMs());
            signalled = true;
            notifyAll();
            if (reason != null) {
                rest(session.endpoint(), reason);
            }
        }
        publish(null, reason);
    }

    private synchronized boolean resting(Endpoint endpoint) {
        return quietUntilNs.getOrDefault(endpoint, Long.MIN_VALUE) > System.nanoTime();
    }

    private synchronized void rest(Endpoint endpoint, Refused reason) {
        if (LASTING.contains(reason.code)) {
            quietUntilNs.put(endpoint, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timing.slowMs()));
        }
    }

    private synchronized boolean await(long ms) throws InterruptedException {
        long endNs = ms == Long.MAX_VALUE ? Long.MAX_VALUE : System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
        while (!signalled) {
            long leftMs = endNs == Long.MAX_VALUE ? 0 : TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime()) + 1;
            if (leftMs <= 0 && endNs != Long.MAX_VALUE) {
                break;
            }
            wait(leftMs);
        }
        boolean woken = signalled;
        signalled = false;
        return woken;
    }

    private void publish(String way, Refused reason) {
        LinkState now;
        synchronized (this) {
            Settings.Gateway gateway = settings.gateway();
            boolean standing = way == null && reason == null && state.code() != null && quietUntilNs.size() > 0;
            String code = way != null ? null : gateway == null ? "unpaired" : reason != null ? reason.code : standing ? state.code() : "unreachable";
            String hint = reason != null ? reason.hint : standing ? state.hint() : null;
            now = new LinkState(gateway != null, way, gateway == null ? null : gateway.name(), code, way != null ? null : hint, System.currentTimeMillis());
            state = now;
        }
        for (Consumer<LinkState> listener : listeners) {
            listener.accept(now);
        }
    }

    /** Tells the listeners anew after a pairing or unpairing. */
    void refresh() {
        LinkState now = state();
        publish(now.way(), null);
    }
}
