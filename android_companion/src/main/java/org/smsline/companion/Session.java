package org.smsline.companion;

import android.database.sqlite.SQLiteException;
import android.util.Log;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * One welcomed connection: what the gateway asks is handed on, what the journal holds goes out in order, at most 200
 * events ahead of the gateway's word. It knows nothing of addresses or of the connection before; docs/link.md.
 */
final class Session {
    static final int IN_FLIGHT = 200;
    private final WebSocketClient socket;
    private final Desk desk;
    private final Endpoint endpoint;
    /** One thread does all writing: the order of events is the order of their ids, and a slow peer holds up nobody else. */
    private final ExecutorService out = Executors.newSingleThreadExecutor(work -> new Thread(work, "link-out"));
    private final Set<Long> inFlight = new HashSet<>();
    private final List<Long> committed = new ArrayList<>();
    private long lastSent;

    /** The rest of the app, as far as a connection needs it. */
    record Desk(Journal journal, Sender sender, Ussd ussd, ExecutorService radio) {
    }

    private Session(WebSocketClient socket, Desk desk, Endpoint endpoint) {
        this.socket = socket;
        this.desk = desk;
        this.endpoint = endpoint;
    }

    /** Says hello and waits for the welcome. {@link Refused} with the code of a bye, or {@code foreign} for another gateway. */
    static Session open(WebSocketClient socket, Desk desk, Endpoint endpoint, JSONObject hello, Settings settings) throws IOException, Refused {
        try {
            socket.send(hello.toString());
            String answer = socket.receive();
            Object first = answer == null ? null : Frames.parse(answer);
            if (first instanceof Frames.Bye bye) {
                throw new Refused(bye.code(), bye.hint());
            }
            if (!(first instanceof Frames.Welcome welcome)) {
                throw new IOException("no welcome");
            }
            Settings.Gateway gateway = settings.gateway();
            if (gateway == null || !gateway.id().equals(welcome.gateway())) {
                throw new Refused("foreign", welcome.name());
            }
            // Only the cable may name a key to a phone that has none yet: there nobody can stand in between.
            boolean named = gateway.pin().isEmpty() && !endpoint.tls() && welcome.pin().matches("[0-9a-f]{64}");
            settings.learn(welcome.name(), welcome.urls(), named ? welcome.pin() : gateway.pin());
            return new Session(socket, desk, endpoint);
        } catch (Frames.Malformed malformed) {
            socket.close(WebSocketClient.POLICY);
            throw new IOException(malformed);
        } catch (IOException | Refused failed) {
            socket.close(WebSocketClient.NORMAL);
            throw failed;
        }
    }

    Endpoint endpoint() {
        return endpoint;
    }

    /** Reads until the connection ends; the reason when the gateway gave one, else null. */
    Refused run() {
        try {
            poke();
            for (String text = socket.receive(); text != null; text = socket.receive()) {
                Object frame = Frames.parse(text);
                if (frame instanceof Frames.Bye bye) {
                    return new Refused(bye.code(), bye.hint());
                }
                take(frame);
            }
        } catch (Frames.Malformed malformed) {
            Log.w("Link", "malformed: " + malformed.getMessage());
            socket.close(WebSocketClient.POLICY);
        } catch (IOException ended) {
            Log.i("Link", endpoint.way() + " ended: " + ended.getMessage());
        } finally {
            close();
        }
        return null;
    }

    /** There may be something new in the journal. */
    void poke() {
        later(this::pump);
    }

    void tell(JSONObject frame) {
        later(() -> write(frame));
    }

    void close() {
        socket.close(WebSocketClient.NORMAL);
        out.shutdown();
    }

    /** Ends at once and without a word, as a pulled cable does. */
    void cut() {
        socket.close();
    }

    private void take(Object frame) throws Frames.Malformed {
        if (frame instanceof Frames.Job job) {
            desk.radio().execute(() -> desk.sender().send(job, reply()));
        } else if (frame instanceof Frames.MmsJob job) {
            desk.radio().execute(() -> desk.sender().send(job, reply()));
        } else if (frame instanceof Frames.Committed done) {
            synchronized (committed) {
                committed.addAll(done.events());
            }
            poke();
        } else if (frame instanceof Frames.Ask ask) {
            later(() -> write(Frames.jobs(ask.re(), desk.journal().ask(ask.jobs()))));
        } else if (frame instanceof Frames.UssdCall call) {
            desk.ussd().ask(call.sub(), call.code(), answer(call.re()));
        } else {
            throw new Frames.Malformed("a second welcome");
        }
    }

    /** Many commits that came while one was written are written as one. */
    private void pump() {
        List<Long> done;
        synchronized (committed) {
            done = List.copyOf(committed);
            committed.clear();
        }
        if (!done.isEmpty()) {
            desk.journal().committed(done);
            done.forEach(inFlight::remove);
        }
        try {
            for (Journal.Event event : desk.journal().uncommitted(lastSent, IN_FLIGHT - inFlight.size())) {
                socket.send(Frames.event(event).toString());
                inFlight.add(event.id());
                lastSent = event.id();
            }
        } catch (IOException gone) {
            cut();
        } catch (JSONException damaged) {
            throw new IllegalStateException(damaged);
        }
    }

    private void write(JSONObject frame) {
        try {
            socket.send(frame.toString());
        } catch (IOException gone) {
            cut();
        }
    }

    private void later(Runnable work) {
        try {
            out.execute(() -> {
                try {
                    work.run();
                } catch (SQLiteException | IllegalStateException trouble) {
                    // The next connection begins again from the journal.
                    Log.e("Link", "the journal failed: " + trouble.getClass().getSimpleName());
                    cut();
                }
            });
        } catch (RejectedExecutionException closed) {
            Log.i("Link", "said too late");
        }
    }

    private Sender.Reply reply() {
        return new Sender.Reply() {
            @Override public void taken(String job) {
                tell(Frames.taken(job));
            }

            @Override public void refused(String job, String code, String detail) {
                tell(Frames.refused(job, code, detail));
            }
        };
    }

    private Ussd.Callback answer(long re) {
        return new Ussd.Callback() {
            @Override public void answered(String text) {
                tell(Frames.answer(re, text));
            }

            @Override public void failed(String code, String detail) {
                tell(Frames.answer(re, code, detail));
            }
        };
    }
}
