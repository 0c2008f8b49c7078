package org.smsline.companion;

import android.security.keystore.KeyGenParameterSpec;
import android.security.keystore.KeyProperties;
import android.util.Log;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Seals the device key with AES-GCM. The AES key lives in the AndroidKeyStore; where that does not work (some phones'
 * is broken, a test has none) in a file that only this app can read, and the sealed bytes say which of the two.
 */
final class Keystore {
    private static final String PROVIDER = "AndroidKeyStore";
    private static final String ALIAS = "device";
    private static final byte IN_HARDWARE = 1;
    private static final byte IN_FILE = 2;
    private static final int IV_BYTES = 12;
    private static final int TAG_BITS = 128;
    private final File fallback;

    Keystore(File fallback) {
        this.fallback = fallback;
    }

    byte[] seal(byte[] open) throws GeneralSecurityException, IOException {
        try {
            return seal(IN_HARDWARE, hardware(), open);
        } catch (GeneralSecurityException | IOException | RuntimeException broken) {
            Log.i("Keystore", "using a key file: " + broken.getClass().getSimpleName());
            return seal(IN_FILE, inFile(), open);
        }
    }

    byte[] open(byte[] sealed) throws GeneralSecurityException, IOException {
        ByteBuffer in = ByteBuffer.wrap(sealed);
        byte kind = in.get();
        byte[] iv = new byte[IV_BYTES];
        in.get(iv);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, kind == IN_HARDWARE ? hardware() : inFile(), new GCMParameterSpec(TAG_BITS, iv));
        return cipher.doFinal(Arrays.copyOfRange(sealed, in.position(), sealed.length));
    }

    private static byte[] seal(byte kind, SecretKey key, byte[] open) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        // The keystore insists on choosing the IV itself.
        cipher.init(Cipher.ENCRYPT_MODE, key);
        byte[] sealed = cipher.doFinal(open);
        return ByteBuffer.allocate(1 + IV_BYTES + sealed.length).put(kind).put(cipher.getIV()).put(sealed).array();
    }

    private static SecretKey hardware() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(PROVIDER);
        store.load(null);
        if (store.getKey(ALIAS, null) instanceof SecretKey key) {
            return key;
        }
        KeyGenerator generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER);
        generator.init(new KeyGenParameterSpec.Builder(ALIAS, KeyProperties.PURPOSE_ENCRYPT | KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM).setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE).build());
        return generator.generateKey();
    }

    private SecretKey inFile() throws IOException {
        if (!fallback.exists()) {
            byte[] fresh = new byte[32];
            new SecureRandom().nextBytes(fresh);
            Files.write(fallback.toPath(), fresh);
        }
        return new SecretKeySpec(Files.readAllBytes(fallback.toPath()), "AES");
    }
}
