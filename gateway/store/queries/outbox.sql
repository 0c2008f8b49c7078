-- Events, subscriptions and deliveries.

-- name: event_insert
INSERT INTO event (id, tenant, at, type, public, sandbox, subject, witness, attempt, part, line, detail, tpdu,
    snapshot)
VALUES (:id, :tenant, :at, :type, :public, :sandbox, :subject, :witness, :attempt, :part, :line, :detail, :tpdu,
    :snapshot)

-- name: event_by_id
SELECT * FROM event WHERE id = :id

-- name: events_of_subject
SELECT * FROM event WHERE subject = :subject ORDER BY seq

-- name: events_after
SELECT * FROM event
WHERE seq > :seq AND public = 1 AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)
ORDER BY seq LIMIT :limit

-- name: event_newest
SELECT max(seq) AS seq FROM event

-- name: events_in_order
SELECT seq, at FROM event WHERE seq > :after ORDER BY seq LIMIT :limit

-- name: events_forget
-- Not what is the history of a stored message, and not what somebody still waits for.
DELETE FROM event
WHERE seq > :after AND seq <= :until
    AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = event.subject)
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.event_seq = event.seq AND delivery.state = 'pending')

-- name: webhooks_wanting
SELECT id, events FROM webhook WHERE tenant = :tenant AND enabled = 1 AND (sandbox = 0 OR :sandbox = 1)

-- name: delivery_waits_until
-- An event for which an earlier one of its message still waits is not due before that one.
-- (+ 0: the rows of one message are few; without it the newest of all rows of the endpoint would be searched.)
SELECT max(next_at + 0) AS at FROM delivery WHERE webhook_id = :webhook_id AND subject = :subject AND state = 'pending'

-- name: deliveries_wait_behind
UPDATE delivery SET next_at = :next_at
WHERE webhook_id = :webhook_id AND subject = :subject AND state = 'pending' AND event_seq > :event_seq
    AND next_at + 0 < :next_at

-- name: webhook_insert
INSERT INTO webhook (id, tenant, url, events, secrets, include_text, sandbox, enabled, created_at)
VALUES (:id, :tenant, :url, :events, :secrets, :include_text, :sandbox, :enabled, :created_at)

-- name: webhook_update
UPDATE webhook SET url = :url, events = :events, secrets = :secrets, rotated_at = :rotated_at,
    include_text = :include_text, enabled = :enabled,
    disabled_reason = :disabled_reason, failures_in_row = :failures_in_row, open_until = :open_until,
    last_success = :last_success, failing_since = :failing_since
WHERE id = :id

-- name: webhook_by_id
SELECT * FROM webhook WHERE id = :id

-- name: webhook_for_viewer
SELECT * FROM webhook WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: webhooks_of
SELECT * FROM webhook WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) ORDER BY id

-- name: webhook_delete
DELETE FROM webhook WHERE id = :id

-- name: deliveries_delete
DELETE FROM delivery WHERE webhook_id = :webhook_id

-- name: delivery_insert
INSERT INTO delivery (id, tenant, webhook_id, event_id, event_seq, event_type, subject, state, attempt, next_at,
    created_at)
VALUES (:id, :tenant, :webhook_id, :event_id, :event_seq, :event_type, :subject, 'pending', 0, :next_at, :at)

-- name: webhooks_sending
SELECT id FROM webhook WHERE enabled = 1 AND (open_until IS NULL OR open_until <= :now)

-- name: deliveries_due
-- The oldest pending delivery of each message for one endpoint.
SELECT * FROM delivery
WHERE webhook_id = :webhook_id AND state = 'pending' AND next_at <= :now
    AND NOT EXISTS (SELECT 1 FROM delivery AS earlier WHERE earlier.webhook_id = delivery.webhook_id
        AND earlier.subject = delivery.subject AND earlier.event_seq < delivery.event_seq
        AND earlier.state = 'pending')
ORDER BY next_at, event_seq LIMIT :limit

-- name: deliveries_next_at
SELECT webhook.open_until AS open_until, (SELECT min(delivery.next_at) FROM delivery
    WHERE delivery.webhook_id = webhook.id AND delivery.state = 'pending') AS at
FROM webhook WHERE webhook.enabled = 1

-- name: delivery_by_id
SELECT * FROM delivery WHERE id = :id

-- name: delivery_update
UPDATE delivery SET state = :state, attempt = :attempt, next_at = :next_at, last_status = :last_status,
    last_error = :last_error, last_ms = :last_ms, finished_at = :finished_at, took_ms = :took_ms, said = :said
WHERE id = :id

-- name: deliveries_page
SELECT * FROM delivery
WHERE webhook_id = :webhook_id AND (:state = '' OR state = :state) AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit

-- name: deliveries_waiting
SELECT count(*) AS n FROM (SELECT 1 FROM delivery WHERE webhook_id = :webhook_id AND state = 'pending' LIMIT :limit)
    AS some

-- name: deliveries_dead
SELECT id FROM delivery WHERE webhook_id = :webhook_id AND state = 'dead' AND id >= :since ORDER BY id LIMIT :limit
