package org.smsline.companion;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** A gateway behind TLS with a certificate made for this test by the JDK's own keytool, of today unless it says otherwise. */
final class TlsGateway implements Closeable {
    private final SSLContext context;
    private final String pin;
    private final Gateway gateway;

    TlsGateway(File folder) throws Exception {
        this(folder, "-1d");
    }

    /** {@code from}: the first of the 90 days of its certificate, like "-5y" or "+1y". */
    TlsGateway(File folder, String from) throws Exception {
        char[] password = "changeit".toCharArray();
        File store = new File(folder, "tls-" + System.nanoTime() + ".p12");
        Process keytool = new ProcessBuilder(System.getProperty("java.home") + "/bin/keytool", "-genkeypair", "-keystore", store.getPath(), "-storetype",
            "PKCS12", "-storepass", "changeit", "-alias", "link", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=nobody", "-startdate", from, "-validity", "90")
            .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        if (!keytool.waitFor(30, TimeUnit.SECONDS) || keytool.exitValue() != 0) {
            throw new IOException("keytool");
        }
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store.toPath())) {
            keys.load(in, password);
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, password);
        context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        pin = Hex.of(MessageDigest.getInstance("SHA-256").digest(keys.getCertificate("link").getPublicKey().getEncoded()));
        gateway = new Gateway(context.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getByName("127.0.0.1")));
    }

    Gateway gateway() {
        return gateway;
    }

    int port() {
        return gateway.port();
    }

    String pin() {
        return pin;
    }

    @Override public void close() throws IOException {
        gateway.close();
    }
}
