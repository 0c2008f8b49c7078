package org.smsline.companion;

/** The gateway answered, and said no: a code of docs/link.md and what to do about it, in the gateway's words. */
final class Refused extends Exception {
    final String code;
    final String hint;

    Refused(String code, String hint) {
        super(code);
        this.code = code;
        this.hint = hint;
    }
}
