-- Inbound: parts as they arrive, and the messages that they make.

-- name: inbound_part_known
SELECT id FROM inbound_part WHERE line = :line AND fingerprint = :fingerprint

-- name: inbound_part_insert
INSERT INTO inbound_part (id, tenant, line, sender, concat_reference, total, number, fingerprint, tpdu, at)
VALUES (:id, :tenant, :line, :sender, :concat_reference, :total, :number, :fingerprint, :tpdu, :at)

-- name: inbound_parts_open
SELECT * FROM inbound_part
WHERE inbound_id IS NULL AND line = :line AND sender = :sender AND concat_reference = :concat_reference AND total = :total
ORDER BY id

-- name: inbound_parts_stale
SELECT line, sender, concat_reference, total, min(at) AS at FROM inbound_part
WHERE inbound_id IS NULL GROUP BY line, sender, concat_reference, total HAVING max(at) < :before

-- name: inbound_part_close
UPDATE inbound_part SET inbound_id = :inbound_id WHERE id = :id

-- name: inbound_parts_of
SELECT * FROM inbound_part WHERE inbound_id = :inbound_id ORDER BY id

-- name: inbound_insert
INSERT INTO inbound (id, tenant, sender, line, to_number, text, octets, port, parts, complete, type, keyword, url,
    sandbox, received_at, sent_at, tags, ignored)
VALUES (:id, :tenant, :sender, :line, :to_number, :text, :octets, :port, :parts, :complete, :type, :keyword, :url,
    :sandbox, :received_at, :sent_at, :tags, :ignored)

-- name: inbound_by_id
SELECT * FROM inbound WHERE id = :id

-- name: inbound_for_viewer
SELECT * FROM inbound WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: inbound_page
SELECT * FROM inbound
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit
