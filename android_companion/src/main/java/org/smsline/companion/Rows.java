package org.smsline.companion;

import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;

/** A list of rows in a screen. A row is touched only when its words changed, so that focus, scroll and a reader stay. */
final class Rows {
    /** {@code button} is null for a row without one; {@code action} is what it does. */
    record Row(String title, String detail, String button, Runnable action) {
        static Row plain(String title, String detail) {
            return new Row(title, detail, null, null);
        }

        private List<String> words() {
            return List.of(title, detail, String.valueOf(button));
        }
    }

    private final ViewGroup into;
    private final List<List<String>> shown = new ArrayList<>();

    Rows(ViewGroup into) {
        this.into = into;
    }

    void show(List<Row> rows) {
        while (into.getChildCount() > rows.size()) {
            into.removeViewAt(into.getChildCount() - 1);
            shown.remove(shown.size() - 1);
        }
        for (int i = 0; i < rows.size(); i++) {
            if (i == into.getChildCount()) {
                into.addView(LayoutInflater.from(into.getContext()).inflate(R.layout.row, into, false));
                shown.add(List.of());
            }
            fill(into.getChildAt(i), rows.get(i), i);
        }
    }

    private void fill(View view, Row row, int at) {
        Button button = view.findViewById(R.id.row_button);
        button.setOnClickListener(row.action() == null ? null : pressed -> row.action().run());
        if (shown.get(at).equals(row.words())) {
            return;
        }
        shown.set(at, row.words());
        text(view.findViewById(R.id.row_title), row.title());
        text(view.findViewById(R.id.row_detail), row.detail());
        button.setVisibility(row.button() == null ? View.GONE : View.VISIBLE);
        button.setText(row.button());
        // Read alone, "Allow" says nothing: the reader hears what it is for.
        button.setContentDescription(row.button() == null ? null : row.button() + ": " + row.title());
    }

    private static void text(TextView view, String words) {
        view.setText(words);
        view.setVisibility(words.isEmpty() ? View.GONE : View.VISIBLE);
    }
}
