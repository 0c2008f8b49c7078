-- Looking for texts: narrow columns of many rows, newest first; what is encrypted or has no index is judged in the reader.
-- Conditions and order stand with the messages.

-- name: messages_narrow
SELECT id, key_id, tags, text FROM message WHERE tenant = :tenant

-- name: inbounds_narrow
SELECT id, sender, line, tags, text FROM inbound WHERE tenant = :tenant

-- name: where_above
id > :above

-- name: where_upto
id <= :upto

-- name: where_received_since
received_at >= :since AND id >= :since_id

-- name: where_received_until
received_at < :until AND id < :until_id

-- name: deliveries_of_subject
SELECT * FROM delivery WHERE subject = :subject ORDER BY event_seq, id LIMIT :limit
