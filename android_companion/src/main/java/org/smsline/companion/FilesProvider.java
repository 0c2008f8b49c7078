package org.smsline.companion;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Lends single files of the cache to the telephone service (an MMS to send, a place to put one) and to the app that a
 * person shares the log with. Closed to everybody else: not exported, each file granted by its own URI.
 */
public final class FilesProvider extends ContentProvider {
    static final String AUTHORITY = "org.smsline.companion.files";
    static final String MMS = "mms";
    static final String SHARE = "share";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,120}");
    private static final long KEEP_MS = 24 * 3_600_000L;

    static Uri uri(String folder, String name) {
        return new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(folder).appendPath(name).build();
    }

    /** The file of that name; its folder is made. What is older than a day was left by something that died, and goes. */
    static File file(Context context, String folder, String name, long nowMs) {
        File directory = new File(context.getCacheDir(), folder);
        directory.mkdirs();
        File[] old = directory.listFiles(file -> file.lastModified() < nowMs - KEEP_MS && !file.getName().equals(name));
        for (File file : old == null ? new File[0] : old) {
            file.delete();
        }
        return new File(directory, name);
    }

    @Override public boolean onCreate() {
        return true;
    }

    @Override public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        return ParcelFileDescriptor.open(lent(uri), ParcelFileDescriptor.parseMode(mode));
    }

    @Override public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        try {
            File file = lent(uri);
            MatrixCursor row = new MatrixCursor(new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE});
            row.addRow(new Object[] {file.getName(), file.length()});
            return row;
        } catch (FileNotFoundException none) {
            return null;
        }
    }

    @Override public String getType(Uri uri) {
        return uri.getPathSegments().contains(SHARE) ? "text/plain" : "application/vnd.wap.mms-message";
    }

    @Override public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("files are only lent");
    }

    @Override public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException("files are only lent");
    }

    @Override public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("files are only lent");
    }

    private File lent(Uri uri) throws FileNotFoundException {
        List<String> path = uri.getPathSegments();
        if (path.size() != 2 || !path.get(0).equals(MMS) && !path.get(0).equals(SHARE) || !NAME.matcher(path.get(1)).matches()) {
            throw new FileNotFoundException("no such file");
        }
        return new File(new File(getContext().getCacheDir(), path.get(0)), path.get(1));
    }
}
