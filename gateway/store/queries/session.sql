-- Sign-in links and sessions.

-- name: sign_in_link_insert
INSERT INTO sign_in_link (digest, tenant, key_id, key_digest, expires_at)
VALUES (:digest, :tenant, :key_id, :key_digest, :expires_at)

-- name: sign_in_link_by_digest
SELECT * FROM sign_in_link WHERE digest = :digest

-- name: sign_in_link_use
UPDATE sign_in_link SET used_at = :now WHERE digest = :digest AND used_at IS NULL AND expires_at > :now

-- name: sign_in_links_prune
DELETE FROM sign_in_link WHERE expires_at < :before

-- name: session_insert
INSERT INTO session (digest, tenant, key_id, key_digest, created_at, used_at, address)
VALUES (:digest, :tenant, :key_id, :key_digest, :now, :now, :address)

-- name: session_by_digest
SELECT * FROM session WHERE digest = :digest

-- name: session_used
UPDATE session SET used_at = :now WHERE digest = :digest AND used_at < :now

-- name: session_delete
DELETE FROM session WHERE digest = :digest

-- name: sessions_prune
DELETE FROM session WHERE used_at < :used_before OR created_at < :created_before
