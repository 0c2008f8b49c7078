package org.smsline.companion;

import android.content.Context;
import java.util.ArrayList;
import java.util.List;

/** The SIM cards as rows of a screen: name and number, operator, signal, and whether it can send. */
final class SimRows {
    private SimRows() {
    }

    /** {@code trouble} explains an empty list. */
    static List<Rows.Row> of(Context context, List<Sim> sims, Sims.Trouble trouble) {
        List<Rows.Row> rows = new ArrayList<>();
        for (Sim sim : sims) {
            rows.add(Rows.Row.plain(title(context, sim), detail(context, sim)));
        }
        if (rows.isEmpty()) {
            rows.add(Rows.Row.plain(context.getString(trouble == Sims.Trouble.NO_PERMISSION ? R.string.sims_no_permission
                : trouble == Sims.Trouble.NO_TELEPHONY ? R.string.sims_no_telephony : R.string.sims_none), ""));
        }
        return rows;
    }

    static String title(Context context, Sim sim) {
        String slot = context.getString(R.string.sim_slot, sim.slot() + 1);
        String name = sim.name() == null ? context.getString(R.string.sim_unnamed) : sim.name();
        String named = bare(name).equalsIgnoreCase(bare(slot)) ? slot : context.getString(R.string.sim_slot_name, slot, name);
        return sim.number() == null ? named : context.getString(R.string.joined, named, sim.number());
    }

    /** Makers name a SIM that nobody named "SIM 1", "SIM1" or "Sim-1". */
    private static String bare(String name) {
        return name.replaceAll("[^\\p{L}\\p{N}]", "");
    }

    private static String detail(Context context, Sim sim) {
        String words = context.getString(ready(sim));
        if (sim.operator() != null) {
            words = context.getString(R.string.joined, words, sim.operator());
        }
        if (Boolean.TRUE.equals(sim.roaming())) {
            words = context.getString(R.string.joined, words, context.getString(R.string.sim_roaming));
        }
        return sim.signalDbm() == null ? words
            : context.getString(R.string.joined, words, context.getString(R.string.sim_signal, context.getString(signal(sim.signalDbm())), sim.signalDbm()));
    }

    private static int ready(Sim sim) {
        return switch (sim.state()) {
            case "ready" -> Boolean.FALSE.equals(sim.registered()) ? R.string.sim_no_network : R.string.sim_ready;
            case "pin" -> R.string.sim_pin;
            case "puk" -> R.string.sim_puk;
            case "absent" -> R.string.sim_absent;
            default -> R.string.sim_not_ready;
        };
    }

    /** Rough words for any radio: what is good on GSM is good enough for texts on the others. */
    private static int signal(int dbm) {
        return dbm >= -85 ? R.string.signal_good : dbm >= -105 ? R.string.signal_fair : R.string.signal_weak;
    }
}
