-- Phones that were paired.

-- name: phone_put
INSERT INTO phone (install_id, tenant, serialno, label, key_id, key_digest, paired_at)
VALUES (:install_id, :tenant, :serialno, :label, :key_id, :key_digest, :paired_at)
ON CONFLICT (install_id) DO UPDATE SET serialno = coalesce(excluded.serialno, phone.serialno),
    label = coalesce(excluded.label, phone.label), key_id = excluded.key_id, key_digest = excluded.key_digest,
    paired_at = excluded.paired_at, revoked_at = NULL
WHERE phone.tenant = excluded.tenant

-- name: phone_by_key
SELECT * FROM phone WHERE key_id = :key_id

-- name: phone_by_install
SELECT * FROM phone WHERE install_id = :install_id AND tenant = :tenant

-- name: phones_of
SELECT * FROM phone WHERE tenant = :tenant ORDER BY paired_at, install_id

-- name: phone_update
UPDATE phone SET serialno = :serialno, label = :label, revoked_at = :revoked_at, cap_parts = :cap_parts,
    cap_window_s = :cap_window_s, last_seen = :last_seen
WHERE install_id = :install_id
