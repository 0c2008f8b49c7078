package org.smsline.companion;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Locale;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** The code of one pairing and the two proofs that it gives; it never crosses the wire itself. docs/link.md, Pairing. */
final class PairingCode {
    private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private static final int ROUNDS = 100_000;
    private static final int KEY_BITS = 256;
    final String code;

    PairingCode(String typed) {
        StringBuilder kept = new StringBuilder();
        for (char c : typed.toUpperCase(Locale.ROOT).replace('O', '0').replace('I', '1').replace('L', '1').toCharArray()) {
            if (ALPHABET.indexOf(c) >= 0) {
                kept.append(c);
            }
        }
        this.code = kept.toString();
    }

    /** The key of one attempt: {@code nonce} is 16 octets. */
    byte[] key(byte[] nonce) throws GeneralSecurityException {
        PBEKeySpec spec = new PBEKeySpec(code.toCharArray(), nonce, ROUNDS, KEY_BITS);
        return SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
    }

    static String phoneProof(byte[] key, String install, String pin) throws GeneralSecurityException {
        return proof(key, "phone", install, pin);
    }

    static String gatewayProof(byte[] key, String gateway, String deviceKey, String pin) throws GeneralSecurityException {
        return proof(key, "gateway", gateway, deviceKey, pin);
    }

    private static String proof(byte[] key, String... fields) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return Hex.of(mac.doFinal(String.join("\0", fields).getBytes(StandardCharsets.UTF_8)));
    }
}
