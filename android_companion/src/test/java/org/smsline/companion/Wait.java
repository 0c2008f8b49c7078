package org.smsline.companion;

import android.os.Looper;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.robolectric.Shadows;

/** Waiting for what other threads and the main looper do, with an end. */
final class Wait {
    private static final long MOST_NS = 20_000_000_000L;

    private Wait() {
    }

    static void until(String what, BooleanSupplier condition) {
        long endNs = System.nanoTime() + MOST_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > endNs) {
                throw new AssertionError("never: " + what);
            }
            if (Looper.getMainLooper() != null && Looper.getMainLooper().getThread() == Thread.currentThread()) {
                Shadows.shadowOf(Looper.getMainLooper()).idle();
            }
            LockSupport.parkNanos(2_000_000);
        }
    }
}
