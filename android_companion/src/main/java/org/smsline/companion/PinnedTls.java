package org.smsline.companion;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * TLS that trusts exactly one public key, by the SHA-256 of its SubjectPublicKeyInfo, and nothing that the phone trusts
 * otherwise. Names and dates in the certificate say nothing here: addresses on a LAN change and phones' clocks are wrong.
 */
final class PinnedTls implements X509TrustManager {
    private final String wanted;
    private volatile String seen = "";

    /** {@code wanted} is lower-case hex, or empty to take any key and tell it by {@link #seen}: the proof of a pairing binds it. */
    PinnedTls(String wanted) {
        this.wanted = wanted;
    }

    SSLContext context() throws GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {this}, null);
        return context;
    }

    String seen() {
        return seen;
    }

    /** Whether a peer was turned away for its key. */
    boolean refused() {
        return !wanted.isEmpty() && !seen.isEmpty() && !wanted.equals(seen);
    }

    static String pin(X509Certificate certificate) throws CertificateException {
        try {
            return Hex.of(MessageDigest.getInstance("SHA-256").digest(certificate.getPublicKey().getEncoded()));
        } catch (GeneralSecurityException impossible) {
            throw new CertificateException(impossible);
        }
    }

    @Override public void checkServerTrusted(X509Certificate[] chain, String authentication) throws CertificateException {
        seen = pin(chain[0]);
        if (!wanted.isEmpty() && !wanted.equals(seen)) {
            throw new CertificateException("the certificate is not the one this phone was paired with");
        }
    }

    @Override public void checkClientTrusted(X509Certificate[] chain, String authentication) throws CertificateException {
        throw new CertificateException("the app is never a server");
    }

    @Override public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0];
    }
}
