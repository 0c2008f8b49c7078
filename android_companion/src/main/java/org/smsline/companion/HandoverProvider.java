package org.smsline.companion;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.util.Log;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * Where {@code adb shell content write} hands over the pairing code and the cable's port, by standard input and so out
 * of every log and process list. The manifest lets only holders of DUMP in: the shell user and the system.
 */
public final class HandoverProvider extends ContentProvider {
    private static final int MOST_BYTES = 4096;
    private static final int HIGHEST_PORT = 65_535;

    @Override public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!"/pairing".equals(uri.getPath()) || !mode.startsWith("w")) {
            throw new FileNotFoundException("write to /pairing");
        }
        try {
            ParcelFileDescriptor[] pipe = ParcelFileDescriptor.createPipe();
            new Thread(() -> read(pipe[0]), "handover").start();
            return pipe[1];
        } catch (IOException noPipe) {
            throw new FileNotFoundException(noPipe.getMessage());
        }
    }

    private void read(ParcelFileDescriptor from) {
        try (InputStream in = new ParcelFileDescriptor.AutoCloseInputStream(from)) {
            take(Streams.text(in, MOST_BYTES));
        } catch (IOException | JSONException unusable) {
            // What was written may hold a code: only the kind of fault is said.
            Log.w("Handover", "refused: " + unusable.getClass().getSimpleName());
        }
    }

    void take(String text) throws JSONException {
        JSONObject handed = new JSONObject(text);
        int port = handed.getInt("port");
        if (port < 1 || port > HIGHEST_PORT) {
            throw new JSONException("port");
        }
        App.of(getContext()).handover(Pairing.Target.usb(port, handed.getString("code")), new Companion.Done() {
            @Override public void paired(String gateway) {
                Log.i("Handover", "paired");
            }

            @Override public void failed(String code, String hint) {
                Log.w("Handover", "not paired: " + code);
            }
        });
    }

    @Override public boolean onCreate() {
        return true;
    }

    @Override public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        return null;
    }

    @Override public String getType(Uri uri) {
        return null;
    }

    @Override public Uri insert(Uri uri, ContentValues values) {
        return null;
    }

    @Override public int delete(Uri uri, String selection, String[] arguments) {
        return 0;
    }

    @Override public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        return 0;
    }
}
