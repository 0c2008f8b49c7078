-- Keys.

-- name: credential_insert
INSERT INTO credential (id, tenant, public_id, name, digest, scopes, sandbox, networks, created_at, expires_at)
VALUES (:id, :tenant, :public_id, :name, :digest, :scopes, :sandbox, :networks, :created_at, :expires_at)

-- name: credential_by_public_id
SELECT * FROM credential WHERE public_id = :public_id

-- name: credential_by_id
SELECT * FROM credential WHERE id = :id AND tenant = :tenant

-- name: credentials_of
SELECT * FROM credential WHERE tenant = :tenant ORDER BY id DESC

-- name: credential_update
UPDATE credential SET expires_at = :expires_at, revoked_at = :revoked_at, last_used = :last_used,
    last_address = :last_address, successor = :successor
WHERE id = :id
