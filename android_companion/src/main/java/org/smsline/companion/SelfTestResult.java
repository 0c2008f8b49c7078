package org.smsline.companion;

import android.content.Context;
import android.content.SharedPreferences;
import java.util.EnumMap;
import java.util.Map;

/** What the last self-test found, kept over restarts of the app: that the app was ended is one of its findings. */
final class SelfTestResult {
    /** In the order of the screen. */
    enum Step { HANDED, SENT, REPORT, INBOUND, AWAKE }

    enum State { WAITING, RUNNING, OK, FAILED }

    /** {@code why} is a code of the strings {@code selftest_why_}…, null when there is nothing to explain. {@code atMs} is UTC ms. */
    record Outcome(State state, String why, long atMs) {
    }

    private static final String FILE = "selftest";
    private final SharedPreferences kept;

    SelfTestResult(Context context) {
        this.kept = context.getSharedPreferences(FILE, Context.MODE_PRIVATE);
    }

    /** The id of the last run, starting with {@link Companion#SELF}, or null when there was none. */
    String run() {
        return kept.getString("run", null);
    }

    long startedMs() {
        return kept.getLong("at_ms", 0);
    }

    /** Forgets the steps of the run before; the ten minutes stay, they are a test of their own. */
    void begin(String run, long atMs) {
        SharedPreferences.Editor editor = kept.edit().putString("run", run).putLong("at_ms", atMs);
        for (Step step : Step.values()) {
            if (step != Step.AWAKE) {
                editor.remove(step.name());
            }
        }
        editor.commit();
    }

    Outcome outcome(Step step) {
        String[] parts = kept.getString(step.name(), "WAITING||0").split("\\|", -1);
        return new Outcome(State.valueOf(parts[0]), parts[1].isEmpty() ? null : parts[1], Long.parseLong(parts[2]));
    }

    Map<Step, Outcome> outcomes() {
        Map<Step, Outcome> all = new EnumMap<>(Step.class);
        for (Step step : Step.values()) {
            all.put(step, outcome(step));
        }
        return all;
    }

    void set(Step step, State state, String why, long atMs) {
        kept.edit().putString(step.name(), state + "|" + (why == null ? "" : why) + "|" + atMs).commit();
    }

    /** When the ten minutes began: milliseconds since boot, and UTC ms. */
    void awakeBegan(long elapsedMs, long atMs, boolean linked) {
        kept.edit().putLong("awake_elapsed", elapsedMs).putLong("awake_at_ms", atMs).putBoolean("awake_linked", linked)
            .remove("screen_on").commit();
    }

    long awakeElapsedMs() {
        return kept.getLong("awake_elapsed", 0);
    }

    long awakeAtMs() {
        return kept.getLong("awake_at_ms", 0);
    }

    boolean awakeLinked() {
        return kept.getBoolean("awake_linked", false);
    }

    void screenOn() {
        kept.edit().putBoolean("screen_on", true).commit();
    }

    boolean screenWasOn() {
        return kept.getBoolean("screen_on", false);
    }
}
