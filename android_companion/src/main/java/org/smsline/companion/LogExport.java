package org.smsline.companion;

import android.app.Activity;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.List;

/** The log that a person can share: what the app knows of itself, without a text, with numbers masked, and no key. */
final class LogExport {
    private static final int LATEST = 200;
    private static final String NAME = "sms-line-log.txt";

    private LogExport() {
    }

    static void share(Activity screen) {
        try {
            File file = FilesProvider.file(screen, FilesProvider.SHARE, NAME, System.currentTimeMillis());
            Files.write(file.toPath(), text(screen).getBytes(StandardCharsets.UTF_8));
        } catch (IOException full) {
            new android.app.AlertDialog.Builder(screen).setMessage(R.string.share_failed).setPositiveButton(android.R.string.ok, null).show();
            return;
        }
        Uri uri = FilesProvider.uri(FilesProvider.SHARE, NAME);
        Intent send = new Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_STREAM, uri)
            .putExtra(Intent.EXTRA_SUBJECT, screen.getString(R.string.share_subject)).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
        // The chooser hands the grant on only for what stands in the clip.
        send.setClipData(ClipData.newRawUri("", uri));
        screen.startActivity(Intent.createChooser(send, screen.getString(R.string.share_log)));
    }

    /** Times in UTC, because the gateway's log that it is read beside has them. */
    static String text(Context context) {
        Companion companion = App.of(context);
        LinkState state = companion.link.state();
        StringBuilder log = new StringBuilder();
        line(log, "app", About.app(context));
        line(log, "phone", About.phone());
        line(log, "now", Instant.ofEpochMilli(System.currentTimeMillis()));
        line(log, "install", companion.settings.install());
        line(log, "link", state.paired() ? state.connected() ? state.way() : "not connected" : "not paired", "code", state.code(),
            "since", Instant.ofEpochMilli(state.sinceMs()));
        line(log, "health", companion.health.json());
        line(log, "waiting_events", companion.journal.waiting());
        for (Sim sim : companion.sims.sims()) {
            line(log, "sim", sim.slot() + 1, "sub", sim.sub(), "state", sim.state(), "operator", sim.operator(), "mccmnc", sim.mccmnc(),
                "registered", sim.registered(), "roaming", sim.roaming(), "signal_dbm", sim.signalDbm(),
                "number", sim.number() == null ? null : Journal.masked(sim.number()));
        }
        selfTest(log, new SelfTestResult(context));
        List<String> diary = new Diary(context).lines();
        log.append("\n# history of the link\n");
        diary.forEach(entry -> log.append(entry).append('\n'));
        log.append("\n# latest messages\n");
        for (Journal.Recent job : companion.journal.recent(LATEST)) {
            line(log, "at", Instant.ofEpochMilli(job.atMs()), "job", job.job(), "sub", job.sub(), "to", job.to(), "parts", job.parts(), "fate", job.fate());
        }
        return log.toString();
    }

    private static void selfTest(StringBuilder log, SelfTestResult result) {
        log.append("\n# self-test\n");
        result.outcomes().forEach((step, outcome) -> line(log, "step", step, "state", outcome.state(), "why", outcome.why(),
            "at", outcome.atMs() == 0 ? null : Instant.ofEpochMilli(outcome.atMs())));
    }

    private static void line(StringBuilder log, Object... namesAndValues) {
        for (int i = 0; i < namesAndValues.length; i += 2) {
            if (namesAndValues[i + 1] != null) {
                log.append(namesAndValues[i]).append('=').append(namesAndValues[i + 1]).append(' ');
            }
        }
        log.setCharAt(log.length() - 1, '\n');
    }
}
