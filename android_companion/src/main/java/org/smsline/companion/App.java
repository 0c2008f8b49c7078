package org.smsline.companion;

import android.app.Application;
import android.content.Context;

/** The process. It owns the one {@link Companion}, made when first asked for: by a screen, the service or a broadcast. */
public final class App extends Application {
    private Companion companion;

    static Companion of(Context context) {
        return ((App) context.getApplicationContext()).companion();
    }

    /** Sets the graph up front, with files kept elsewhere; for tests of a process that is killed and comes back. */
    synchronized void use(Companion made) {
        companion = made;
    }

    private synchronized Companion companion() {
        if (companion == null) {
            companion = new Companion(this);
        }
        return companion;
    }
}
