package org.smsline.companion;

import android.app.Activity;
import android.content.Context;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.View;
import android.widget.EditText;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.smsline.companion.SelfTestResult.Outcome;
import org.smsline.companion.SelfTestResult.State;
import org.smsline.companion.SelfTestResult.Step;

/** The self-test's screen: a text to oneself, ten minutes with the screen off, and what each step found. */
public final class SelfTestActivity extends Activity {
    private static final long LOOK_MS = 1_000;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Runnable look = this::look;
    private List<Sim> sims = List.of();
    private Companion companion;
    private Rows steps;

    @Override protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.self_test);
        companion = App.of(this);
        steps = new Rows(findViewById(R.id.steps));
        sims = companion.sims.sims();
        RadioGroup choice = findViewById(R.id.test_sims);
        for (Sim sim : sims) {
            RadioButton button = new RadioButton(this);
            button.setId(View.generateViewId());
            button.setText(SimRows.title(this, sim));
            button.setMinHeight(getResources().getDimensionPixelSize(R.dimen.touch));
            choice.addView(button);
        }
        choice.setOnCheckedChangeListener((group, id) -> fillNumber());
        if (choice.getChildCount() > 0) {
            choice.check(choice.getChildAt(0).getId());
        }
        findViewById(R.id.test_send).setOnClickListener(pressed -> send());
        findViewById(R.id.test_awake).setOnClickListener(pressed -> {
            new AwakeTest(this).begin(companion.link.state());
            render();
        });
    }

    @Override protected void onStart() {
        super.onStart();
        look();
    }

    @Override protected void onStop() {
        main.removeCallbacks(look);
        super.onStop();
    }

    private void look() {
        new SelfTest(this).settle();
        AwakeTest awake = new AwakeTest(this);
        awake.settle(companion.link.state());
        render();
        main.postDelayed(look, LOOK_MS);
    }

    private void render() {
        steps.show(rows(this, new SelfTestResult(this)));
    }

    /** The steps as rows; also what the log says of them. */
    static List<Rows.Row> rows(Context context, SelfTestResult result) {
        List<Rows.Row> rows = new ArrayList<>();
        for (Step step : Step.values()) {
            Outcome outcome = result.outcome(step);
            rows.add(Rows.Row.plain(context.getString(title(step)), detail(context, outcome)));
        }
        return rows;
    }

    private static int title(Step step) {
        return switch (step) {
            case HANDED -> R.string.step_handed;
            case SENT -> R.string.step_sent;
            case REPORT -> R.string.step_report;
            case INBOUND -> R.string.step_inbound;
            case AWAKE -> R.string.step_awake;
        };
    }

    private static String detail(Context context, Outcome outcome) {
        String at = Words.time(context, outcome.atMs());
        return switch (outcome.state()) {
            case WAITING -> context.getString(R.string.step_waiting);
            case RUNNING -> context.getString(R.string.step_running, at);
            case OK -> context.getString(R.string.step_ok, at);
            case FAILED -> context.getString(R.string.step_failed, at, why(context, outcome));
        };
    }

    private static String why(Context context, Outcome outcome) {
        String name = "selftest_why_" + String.valueOf(outcome.why()).toLowerCase(Locale.ROOT);
        int id = context.getResources().getIdentifier(name, "string", context.getPackageName());
        return id == 0 ? name : context.getString(id);
    }

    private void send() {
        EditText number = findViewById(R.id.test_number);
        String to = number.getText().toString().trim();
        int chosen = chosen();
        if (chosen < 0) {
            return;
        }
        if (!to.matches("\\+?[0-9][0-9 ()-]{4,20}")) {
            number.setError(getString(R.string.test_number_wanted));
            number.requestFocus();
            return;
        }
        new SelfTest(this).begin(sims.get(chosen).sub(), to.replaceAll("[ ()-]", ""));
        render();
    }

    private int chosen() {
        RadioGroup choice = findViewById(R.id.test_sims);
        return choice.indexOfChild(choice.findViewById(choice.getCheckedRadioButtonId()));
    }

    private void fillNumber() {
        int chosen = chosen();
        String number = chosen < 0 ? null : sims.get(chosen).number();
        ((EditText) findViewById(R.id.test_number)).setText(number == null ? "" : number);
    }
}
