import com.android.apksig.ApkSigner;
import com.android.tools.r8.CompilationMode;
import com.android.tools.r8.D8;
import com.android.tools.r8.D8Command;
import com.android.tools.r8.JdkClassFileProvider;
import com.android.tools.r8.OutputMode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.LocalDateTime;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Class files and linked resources to an APK: dex, pack, and one copy signed with a debug key. Runs with r8 and apksig
 * on the class path; arguments are key=value. Nothing here reads a clock or the order of a directory, so the unsigned
 * APK is the same bit for bit wherever it is built.
 */
public final class ApkBuilder {
    private static final String TABLE = "resources.arsc";
    private final Map<String, String> options = new HashMap<>();

    private ApkBuilder(String[] arguments) {
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            options.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
    }

    public static void main(String[] arguments) throws Exception {
        ApkBuilder builder = new ApkBuilder(arguments);
        Path unsigned = builder.pack(builder.dex());
        Path debug = builder.sign(unsigned);
        System.out.println(unsigned + " " + Files.size(unsigned) + " bytes; " + debug + " " + Files.size(debug));
    }

    /** D8 without shrinking: every class that was tested is the class that ships. */
    private Path dex() throws Exception {
        Path dex = Files.createDirectories(path("out").resolve("dex"));
        List<Path> classes;
        try (var walk = Files.walk(path("classes"))) {
            classes = walk.filter(file -> file.toString().endsWith(".class")).sorted().toList();
        }
        D8.run(D8Command.builder().setMode(CompilationMode.RELEASE).setMinApiLevel(minSdk())
            .addLibraryFiles(path("lib")).addLibraryResourceProvider(JdkClassFileProvider.fromJdkHome(path("jdk")))
            .addProgramFiles(classes).setOutput(dex, OutputMode.DexIndexed).build());
        return dex;
    }

    /**
     * The table of resources goes first and stored: its octets then start at 30 + 14 = 44, a multiple of four, as
     * Android 11 and later demand, without padding.
     */
    private Path pack(Path dex) throws IOException {
        Comparator<String> tableFirst = Comparator.comparing((String name) -> !name.equals(TABLE));
        Map<String, byte[]> entries = new TreeMap<>(tableFirst.thenComparing(Comparator.naturalOrder()));
        try (ZipFile linked = new ZipFile(options.get("resources"))) {
            for (var all = linked.entries(); all.hasMoreElements();) {
                ZipEntry entry = all.nextElement();
                try (InputStream in = linked.getInputStream(entry)) {
                    entries.put(entry.getName(), in.readAllBytes());
                }
            }
        }
        try (var files = Files.list(dex)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".dex")).toList()) {
                entries.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        Path unsigned = path("out").resolve("companion-unsigned.apk");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(unsigned))) {
            zip.setLevel(9);
            for (var entry : entries.entrySet()) {
                add(zip, entry.getKey(), entry.getValue());
            }
        }
        return unsigned;
    }

    private static void add(ZipOutputStream zip, String name, byte[] octets) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTimeLocal(LocalDateTime.of(1981, 1, 1, 1, 1, 2));
        if (name.equals(TABLE)) {
            CRC32 crc = new CRC32();
            crc.update(octets);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(octets.length);
            entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(octets);
        zip.closeEntry();
    }

    private Path sign(Path unsigned) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        char[] password = options.get("storepass").toCharArray();
        try (InputStream in = Files.newInputStream(path("keystore"))) {
            store.load(in, password);
        }
        String alias = store.aliases().nextElement();
        var key = new ApkSigner.SignerConfig.Builder("debug", (PrivateKey) store.getKey(alias, password),
            List.of((X509Certificate) store.getCertificate(alias))).build();
        Path debug = path("out").resolve("companion-debug.apk");
        new ApkSigner.Builder(List.of(key)).setInputApk(unsigned.toFile()).setOutputApk(debug.toFile())
            .setMinSdkVersion(minSdk()).setV1SigningEnabled(false).setV2SigningEnabled(true).setV3SigningEnabled(true)
            .setV4SigningEnabled(false).build().sign();
        return debug;
    }

    private Path path(String option) {
        return Path.of(options.get(option));
    }

    private int minSdk() {
        return Integer.parseInt(options.get("minSdk"));
    }
}
