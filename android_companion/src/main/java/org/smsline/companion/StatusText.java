package org.smsline.companion;

import android.content.Context;

/** The link's state for people: one sentence that says what is, and one that says what to do. */
final class StatusText {
    /** {@code advice} is empty when there is nothing to do. */
    record Words(String title, String advice) {
    }

    private StatusText() {
    }

    static Words of(Context context, LinkState state) {
        if (!state.paired()) {
            return words(context, R.string.state_unpaired, R.string.advice_unpaired);
        }
        String gateway = state.gateway() == null || state.gateway().trim().isEmpty() ? context.getString(R.string.the_gateway) : state.gateway();
        if (state.connected()) {
            return new Words(context.getString(Endpoint.USB.equals(state.way()) ? R.string.state_usb : R.string.state_lan, gateway), "");
        }
        if (state.code() == null) {
            return new Words(context.getString(R.string.state_connecting, gateway), context.getString(R.string.advice_connecting));
        }
        return switch (state.code()) {
            case "unreachable" -> words(context, R.string.state_unreachable, R.string.advice_unreachable, gateway);
            case "no_address" -> words(context, R.string.state_no_address, R.string.advice_no_address, gateway);
            case "pin" -> words(context, R.string.state_pin, R.string.advice_pin);
            case "device_unknown", "revoked" -> words(context, R.string.state_revoked, R.string.advice_revoked, gateway);
            case "foreign" -> words(context, R.string.state_foreign, R.string.advice_revoked, gateway);
            case "conflict" -> words(context, R.string.state_conflict, R.string.advice_conflict);
            case "version" -> words(context, R.string.state_version, R.string.advice_version);
            case "malformed" -> words(context, R.string.state_malformed, R.string.advice_version);
            case "stopping", "replaced" -> words(context, R.string.state_stopping, R.string.advice_connecting, gateway);
            default -> new Words(context.getString(R.string.state_unreachable, gateway),
                state.hint() == null || state.hint().trim().isEmpty() ? context.getString(R.string.advice_other, state.code()) : state.hint());
        };
    }

    /** Why a pairing did not come about, and what to do; codes of {@link Companion.Done}. */
    static String pairing(Context context, String code, String hint) {
        return switch (code) {
            case "pairing_refused", "proof" -> context.getString(R.string.pair_failed_code);
            case "pin" -> context.getString(R.string.pair_failed_pin);
            case "unreachable" -> context.getString(R.string.pair_failed_unreachable);
            case "expired" -> context.getString(R.string.pair_failed_expired);
            case "version" -> context.getString(R.string.pair_failed_version);
            case "paired" -> context.getString(R.string.pair_failed_paired);
            default -> hint == null || hint.trim().isEmpty() ? context.getString(R.string.advice_other, code) : hint;
        };
    }

    private static Words words(Context context, int title, int advice, Object... arguments) {
        return new Words(context.getString(title, arguments), context.getString(advice));
    }
}
