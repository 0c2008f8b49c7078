package org.smsline.companion;

import android.app.PendingIntent;
import android.telephony.SmsManager;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowSmsManager;

/** The radio of the tests, in the place of the platform's: it remembers every call and which SIM it was made on. */
@Implements(SmsManager.class)
public class Air extends ShadowSmsManager {
    record Call(int sub, String to, List<String> texts, byte[] octets, int port, List<PendingIntent> sent, List<PendingIntent> delivered) {
    }

    static final List<Call> CALLS = new CopyOnWriteArrayList<>();
    static volatile Consumer<Call> before = call -> { };
    @RealObject private SmsManager real;

    static void clear() {
        CALLS.clear();
        before = call -> { };
    }

    @Override @Implementation
    protected void sendTextMessage(String to, String centre, String text, PendingIntent sent, PendingIntent delivered) {
        note(new Call(real.getSubscriptionId(), to, List.of(text), null, 0, one(sent), one(delivered)));
    }

    @Override @Implementation
    protected void sendMultipartTextMessage(String to, String centre, ArrayList<String> parts, ArrayList<PendingIntent> sent, ArrayList<PendingIntent> delivered) {
        note(new Call(real.getSubscriptionId(), to, List.copyOf(parts), null, 0, List.copyOf(sent), delivered == null ? List.of() : List.copyOf(delivered)));
    }

    @Override @Implementation
    protected void sendDataMessage(String to, String centre, short port, byte[] octets, PendingIntent sent, PendingIntent delivered) {
        note(new Call(real.getSubscriptionId(), to, List.of(), octets, port & 0xffff, one(sent), one(delivered)));
    }

    private static void note(Call call) {
        before.accept(call);
        CALLS.add(call);
    }

    private static List<PendingIntent> one(PendingIntent intent) {
        return intent == null ? List.of() : List.of(intent);
    }
}
