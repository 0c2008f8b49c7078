package org.smsline.companion;

import android.content.Context;
import android.text.format.DateUtils;

/** Times as this phone writes them. */
final class Words {
    private Words() {
    }

    /** {@code atMs} is UTC ms; today's without the date. */
    static String time(Context context, long atMs) {
        int date = DateUtils.isToday(atMs) ? 0 : DateUtils.FORMAT_SHOW_DATE | DateUtils.FORMAT_ABBREV_ALL;
        return DateUtils.formatDateTime(context, atMs, DateUtils.FORMAT_SHOW_TIME | date);
    }
}
