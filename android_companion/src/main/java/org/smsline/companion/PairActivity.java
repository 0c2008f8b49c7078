package org.smsline.companion;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.TextView;

/**
 * Makes this phone a gateway's: by the link of the QR code, by address and code typed, or by taking over from another
 * gateway. Any page on the web can open it with a link, so that nothing happens before a person has agreed to the address.
 */
public final class PairActivity extends Activity {
    /** The question about the gateway at the cable. */
    static final String TAKE_OVER = "org.smsline.companion.TAKE_OVER";
    private static final int SHORT_CODE = 8;
    private Companion companion;
    private boolean cable;
    private Pairing.Target link;
    private boolean busy;
    /** Whether the question on the screen says that a gateway is left. */
    private boolean leaving;

    @Override protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.pair);
        companion = App.of(this);
        findViewById(R.id.pair_now).setOnClickListener(pressed -> agreed());
        findViewById(R.id.pair_cancel).setOnClickListener(pressed -> declined());
        take(getIntent());
    }

    @Override protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        take(intent);
    }

    private void take(Intent intent) {
        cable = TAKE_OVER.equals(intent.getAction()) && companion.takeOverAsked();
        link = intent.getData() == null ? null : Pairing.Target.link(intent.getDataString());
        say(TAKE_OVER.equals(intent.getAction()) && !cable ? getString(R.string.pair_failed_expired)
            : intent.getData() != null && link == null ? getString(R.string.pair_bad_link) : "");
        render();
    }

    private void render() {
        Settings.Gateway owner = companion.settings.gateway();
        leaving = owner != null;
        boolean typed = !cable && link == null;
        findViewById(R.id.pair_typed).setVisibility(typed ? View.VISIBLE : View.GONE);
        TextView question = findViewById(R.id.pair_question);
        String who = cable ? getString(R.string.pair_cable) : link != null ? getString(R.string.pair_link, link.endpoint().authority())
            : getString(R.string.pair_typed);
        question.setText(owner == null ? who : who + "\n\n" + getString(R.string.take_over, owner.name()) + lost());
        Button now = findViewById(R.id.pair_now);
        now.setText(owner == null ? getString(R.string.pair) : getString(R.string.take_over_yes, owner.name()));
        now.setEnabled(!busy);
        ((Button) findViewById(R.id.pair_cancel)).setText(owner == null ? getString(R.string.pair_cancel) : getString(R.string.take_over_no, owner.name()));
    }

    private String lost() {
        int waiting = companion.journal.waiting();
        return waiting == 0 ? "" : "\n\n" + getResources().getQuantityString(R.plurals.unpair_lost, waiting, waiting);
    }

    private void agreed() {
        Pairing.Target target = cable ? null : link != null ? link : typed();
        if (target == null && !cable) {
            return;
        }
        // What was agreed to is what the screen said, not what has become true since.
        boolean agreedToLeave = leaving;
        busy = true;
        say(getString(R.string.pair_busy));
        render();
        if (cable) {
            Notifications.takeOverAnswered(this);
            companion.takeOver(true, new Answer());
        } else if (agreedToLeave) {
            companion.pairInstead(target, new Answer());
        } else {
            companion.pair(target, new Answer());
        }
    }

    private void declined() {
        if (cable) {
            Notifications.takeOverAnswered(this);
            companion.takeOver(false, new Answer());
        }
        finish();
    }

    private Pairing.Target typed() {
        EditText host = findViewById(R.id.pair_host);
        EditText code = findViewById(R.id.pair_code);
        Pairing.Target target = Pairing.Target.typed(host.getText().toString(), code.getText().toString());
        if (target == null || host.getText().toString().trim().isEmpty()) {
            host.setError(getString(R.string.pair_bad_host));
            host.requestFocus();
            return null;
        }
        if (target.code().code.length() != SHORT_CODE) {
            code.setError(getString(R.string.pair_bad_code));
            code.requestFocus();
            return null;
        }
        return target;
    }

    private void say(String words) {
        TextView answer = findViewById(R.id.pair_answer);
        answer.setText(words);
        answer.setVisibility(words.isEmpty() ? View.GONE : View.VISIBLE);
    }

    private final class Answer implements Companion.Done {
        @Override public void paired(String gateway) {
            runOnUiThread(() -> {
                startActivity(new Intent(PairActivity.this, MainActivity.class).addFlags(Intent.FLAG_ACTIVITY_CLEAR_TOP));
                finish();
            });
        }

        @Override public void failed(String code, String hint) {
            runOnUiThread(() -> {
                busy = false;
                cable = false;
                say(StatusText.pairing(PairActivity.this, code, hint));
                render();
            });
        }
    }
}
