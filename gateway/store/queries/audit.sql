-- The audit trail. It is only ever appended to and read.

-- name: audit_append
INSERT INTO audit (seq, at, tenant, sandbox, actor, action, target, outcome, detail, key_id, prev, hash)
VALUES (:seq, :at, :tenant, :sandbox, :actor, :action, :target, :outcome, :detail, :key_id, :prev, :hash)

-- name: audit_after
SELECT * FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit

-- name: audit_select
SELECT * FROM audit WHERE tenant = :tenant

-- name: where_audit_before
seq < :after

-- name: where_audit_actor
actor = :actor

-- name: where_audit_action
action = :action

-- name: where_audit_kind
action >= :kind || '.' AND action < :kind || '/'

-- name: where_audit_target
target = :target

-- name: where_audit_since
at >= :since

-- name: where_audit_until
at < :until

-- name: where_audit_refused
outcome = 'refused'

-- name: audit_order
ORDER BY seq DESC LIMIT :limit
