package org.smsline.companion;

import android.content.Context;
import android.net.Uri;
import android.telephony.SmsManager;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;

/** Hands a finished M-Send.req to the platform; the outcome comes to {@link SentReceiver} as part 1 of the job. */
final class MmsSender {
    private final Context context;

    MmsSender(Context context) {
        this.context = context;
    }

    /** On air: maybe. Throws when the platform refused the call. The caller has journalled the job as called. */
    void send(String job, int sub, byte[] pdu) {
        String name = "out-" + Hex.of(MmsDownload.digest(job)) + ".pdu";
        File file = FilesProvider.file(context, FilesProvider.MMS, name, System.currentTimeMillis());
        try (FileOutputStream out = new FileOutputStream(file)) {
            out.write(pdu);
        } catch (IOException full) {
            throw new IllegalStateException("the message could not be put in a file: " + full.getMessage(), full);
        }
        Uri uri = FilesProvider.uri(FilesProvider.MMS, name);
        SmsManager.getSmsManagerForSubscriptionId(sub).sendMultimediaMessage(context, uri, null, null, SendIntents.sent(context, job, 1));
    }
}
