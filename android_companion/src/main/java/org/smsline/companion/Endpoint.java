package org.smsline.companion;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;

/** One address of the gateway, and the way it takes: the cable, which ends at 127.0.0.1, or the LAN under TLS. */
record Endpoint(String way, String host, int port) {
    static final String USB = "usb";
    static final String LAN = "lan";
    static final String LOOPBACK = "127.0.0.1";
    static final String PATH = "/device/v1/link";
    private static final int HTTPS = 443;

    static Endpoint usb(int port) {
        return new Endpoint(USB, LOOPBACK, port);
    }

    /** The addresses to try now, the cable first. The LAN only with a pin: without one nobody could tell who answers. */
    static List<Endpoint> of(Settings settings) {
        List<Endpoint> found = new ArrayList<>();
        if (settings.usbPort() > 0) {
            found.add(usb(settings.usbPort()));
        }
        Settings.Gateway gateway = settings.gateway();
        if (gateway != null && !gateway.pin().isEmpty()) {
            for (String url : gateway.urls()) {
                Endpoint lan = lan(url);
                if (lan != null) {
                    found.add(lan);
                }
            }
        }
        return found;
    }

    /** The endpoint of a wss URL, or null for anything else: cleartext is for the cable only. */
    static Endpoint lan(String url) {
        try {
            URI uri = new URI(url);
            return "wss".equals(uri.getScheme()) && uri.getHost() != null
                ? new Endpoint(LAN, uri.getHost(), uri.getPort() > 0 ? uri.getPort() : HTTPS) : null;
        } catch (URISyntaxException unusable) {
            return null;
        }
    }

    boolean tls() {
        return way.equals(LAN);
    }

    String authority() {
        return host + ":" + port;
    }

    /** The host as a socket wants it: an IPv6 address without its brackets. */
    String address() {
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }
}
