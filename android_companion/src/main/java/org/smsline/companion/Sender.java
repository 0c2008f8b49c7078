package org.smsline.companion;

import android.Manifest;
import android.app.PendingIntent;
import android.content.Context;
import android.content.pm.PackageManager;
import android.database.sqlite.SQLiteException;
import android.telephony.SmsManager;
import android.util.Log;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;

/**
 * A job to the radio, once. The journal knows it as taken before the gateway does, and as called before the platform
 * does; what was called may be on air and is never called again. Used from one thread.
 */
final class Sender {
    private static final String ONLY = Manifest.permission.SEND_SMS;
    private static final int MOST_PARTS = 255;
    private static final int HIGHEST_PORT = 65_535;
    /** Octets that the journal keeps free for the events of what is already under way. */
    private static final long RESERVE = 4L << 20;

    /** What the gateway is told at once. */
    interface Reply {
        void taken(String job);

        void refused(String job, String code, String detail);
    }

    private record Call(String job, int sub, String to, int parts, Runnable radio) {
    }

    private final Context context;
    private final Journal journal;
    private final SimSource sims;
    private final MmsSender mms;
    private final BooleanSupplier paired;

    Sender(Context context, Journal journal, SimSource sims, MmsSender mms, BooleanSupplier paired) {
        this.context = context;
        this.journal = journal;
        this.sims = sims;
        this.mms = mms;
        this.paired = paired;
    }

    /** On air: yes, once per id. */
    void send(Frames.Job job, Reply reply) {
        int parts = job.octets() != null ? 1 : job.parts().size();
        String fault = job.to().trim().isEmpty() ? "to is empty" : parts == 0 || parts > MOST_PARTS ? "1 to 255 parts"
            : job.port() < 0 || job.port() > HIGHEST_PORT ? "port is 0 to 65535" : null;
        once(new Call(job.job(), job.sub(), job.to(), parts, () -> radio(job, parts)), fault, reply);
    }

    /** On air: yes, once per id. */
    void send(Frames.MmsJob job, Reply reply) {
        String fault = job.pdu().length == 0 ? "pdu is empty" : null;
        once(new Call(job.job(), job.sub(), "MMS", 1, () -> mms.send(job.job(), job.sub(), job.pdu())), fault, reply);
    }

    private void once(Call call, String fault, Reply reply) {
        try {
            if (journal.knows(call.job())) {
                reply.taken(call.job());
                return;
            }
            String code = !paired.getAsBoolean() ? "unpaired" : fault != null ? "bad_job" : obstacle(call.sub());
            if (code != null) {
                journal.burn(call.job());
                reply.refused(call.job(), code, fault != null ? fault : code.equals("no_permission") ? ONLY : "");
                return;
            }
            switch (journal.take(call.job(), call.sub(), call.to(), call.parts())) {
                case SEEN -> reply.taken(call.job());
                case BURNED -> reply.refused(call.job(), "burned", "the gateway asked for this id before the job came, or it was refused");
                default -> {
                    reply.taken(call.job());
                    call(call);
                }
            }
        } catch (SQLiteException full) {
            // Before the call nothing is on air. The id may not be burned on the flash, but a gateway never repeats a refused one.
            reply.refused(call.job(), "full", full.getClass().getSimpleName());
        }
    }

    private String obstacle(int sub) {
        if (context.checkSelfPermission(ONLY) != PackageManager.PERMISSION_GRANTED) {
            return "no_permission";
        }
        if (sims.sims().stream().noneMatch(sim -> sim.sub() == sub)) {
            return "no_sim";
        }
        return journal.freeBytes() < RESERVE ? "full" : null;
    }

    private void call(Call call) {
        try {
            journal.called(call.job());
        } catch (SQLiteException full) {
            // Still "taken", and so never called: told now if the flash has room for that, else when the app starts again.
            journal.failed(call.job(), "not_called", "the journal could not be written");
            return;
        }
        try {
            call.radio().run();
        } catch (SecurityException | IllegalArgumentException | IllegalStateException | NullPointerException | UnsupportedOperationException before) {
            // What the platform throws while it looks at the arguments. Anything else may come after it took the message.
            journal.failed(call.job(), "call_failed", before.getClass().getSimpleName() + ": " + before.getMessage());
        } catch (RuntimeException during) {
            Log.e("Sender", "in doubt: " + during.getClass().getName());
        }
    }

    private void radio(Frames.Job job, int parts) {
        SmsManager radio = SmsManager.getSmsManagerForSubscriptionId(job.sub());
        ArrayList<PendingIntent> sent = each(parts, part -> SendIntents.sent(context, job.job(), part));
        ArrayList<PendingIntent> delivered = each(parts, part -> job.report() ? SendIntents.delivered(context, job.job(), part) : null);
        if (job.octets() != null) {
            radio.sendDataMessage(job.to(), null, (short) job.port(), job.octets(), sent.get(0), delivered.get(0));
        } else if (parts == 1) {
            radio.sendTextMessage(job.to(), null, job.parts().get(0), sent.get(0), delivered.get(0));
        } else {
            radio.sendMultipartTextMessage(job.to(), null, new ArrayList<>(job.parts()), sent, job.report() ? delivered : null);
        }
    }

    private static ArrayList<PendingIntent> each(int parts, IntFunction<PendingIntent> make) {
        List<PendingIntent> all = new ArrayList<>();
        for (int part = 1; part <= parts; part++) {
            all.add(make.apply(part));
        }
        return new ArrayList<>(all);
    }
}
