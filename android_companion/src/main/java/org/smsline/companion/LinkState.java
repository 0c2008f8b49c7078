package org.smsline.companion;

/**
 * What the link is doing, for people: {@code way} is "usb" or "lan" while connected, else null; {@code code} and
 * {@code hint} say why it is not (a bye or HTTP code of docs/link.md, or unpaired, unreachable, pin, no_address), null
 * when all is well. {@code sinceMs} is UTC ms.
 */
record LinkState(boolean paired, String way, String gateway, String code, String hint, long sinceMs) {

    boolean connected() {
        return way != null;
    }
}
