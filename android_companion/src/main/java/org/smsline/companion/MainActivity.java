package org.smsline.companion;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.Intent;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The app's first screen: what is, why, and what a person can do about it. It looks again every few seconds while it is seen. */
public final class MainActivity extends Activity {
    private static final long LOOK_MS = 3_000;
    private static final int LATEST = 20;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Runnable look = this::look;
    private final Consumer<LinkState> changed = state -> main.post(this::render);
    private Companion companion;
    private Needs needs;
    private Rows sims;
    private Rows permissions;
    private Rows messages;

    @Override protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.main);
        companion = App.of(this);
        needs = new Needs(this, companion.health);
        sims = new Rows(findViewById(R.id.sims));
        permissions = new Rows(findViewById(R.id.permissions));
        messages = new Rows(findViewById(R.id.messages));
        findViewById(R.id.take_over).setOnClickListener(pressed ->
            startActivity(new Intent(this, PairActivity.class).setAction(PairActivity.TAKE_OVER)));
        findViewById(R.id.self_test).setOnClickListener(pressed -> startActivity(new Intent(this, SelfTestActivity.class)));
        findViewById(R.id.share_log).setOnClickListener(pressed -> LogExport.share(this));
    }

    @Override protected void onStart() {
        super.onStart();
        if (companion.settings.paired()) {
            // A person who opens the app wants it at work: whoever ended the service, it runs again now.
            startForegroundService(new Intent(this, CompanionService.class));
        }
        companion.link.listen(changed);
        look();
    }

    @Override protected void onStop() {
        companion.link.forget(changed);
        main.removeCallbacks(look);
        super.onStop();
    }

    @Override public void onRequestPermissionsResult(int request, String[] asked, int[] granted) {
        needs.answered(asked);
        render();
    }

    private void look() {
        render();
        main.postDelayed(look, LOOK_MS);
    }

    private void render() {
        LinkState state = companion.link.state();
        StatusText.Words words = StatusText.of(this, state);
        text(R.id.state, words.title());
        text(R.id.advice, words.advice());
        findViewById(R.id.take_over_box).setVisibility(companion.takeOverAsked() ? View.VISIBLE : View.GONE);
        sims.show(SimRows.of(this, companion.sims.sims(), new Sims(this).trouble()));
        permissions.show(needs.rows());
        messages.show(latest());
        Button pair = findViewById(R.id.pair);
        text(R.id.pair, getString(state.paired() ? R.string.unpair : R.string.pair));
        pair.setOnClickListener(pressed -> {
            if (state.paired()) {
                askUnpair(state.gateway());
            } else {
                startActivity(new Intent(this, PairActivity.class));
            }
        });
    }

    private List<Rows.Row> latest() {
        List<Rows.Row> rows = new ArrayList<>();
        for (Journal.Recent job : companion.journal.recent(LATEST)) {
            int fate = switch (job.fate()) {
                case "sent" -> R.string.fate_sent;
                case "failed" -> R.string.fate_failed;
                default -> R.string.fate_pending;
            };
            rows.add(Rows.Row.plain(getString(R.string.message_to, job.to()), getString(fate, Words.time(this, job.atMs()))));
        }
        return rows.isEmpty() ? List.of(Rows.Row.plain(getString(R.string.no_messages), "")) : rows;
    }

    private void askUnpair(String gateway) {
        int waiting = companion.journal.waiting();
        String lost = waiting == 0 ? getString(R.string.unpair_nothing_lost) : getResources().getQuantityString(R.plurals.unpair_lost, waiting, waiting);
        new AlertDialog.Builder(this).setTitle(getString(R.string.unpair_title, gateway == null ? getString(R.string.the_gateway) : gateway))
            .setMessage(lost + "\n\n" + getString(R.string.unpair_then)).setNegativeButton(R.string.unpair_no, null)
            // Off this thread: closing a TLS connection speaks to the network, which Android forbids here.
            .setPositiveButton(R.string.unpair_yes, (dialog, which) -> companion.later(companion::unpair)).show();
    }

    private void text(int id, String words) {
        TextView view = findViewById(id);
        if (!words.contentEquals(view.getText())) {
            view.setText(words);
        }
        view.setVisibility(words.isEmpty() ? View.GONE : View.VISIBLE);
    }
}
