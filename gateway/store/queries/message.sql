-- Messages: admission, the door of every change, lists and counts.

-- name: message_insert
INSERT INTO message (id, tenant, key_id, state, ready, to_number, text, octets, port, encoding, coding, parts, route,
    home_route, pinned_until, line_asked, pool, sandbox, priority, purpose, reference, batch_id, tags, delivery_report,
    flash, on_doubt, warnings, held_reason, created_at, send_at, due_at, expires_at, lane, country, template_id,
    template_version, passes, notify, late_at)
VALUES (:id, :tenant, :key_id, :state, :ready, :to_number, :text, :octets, :port, :encoding, :coding, :parts, :route,
    :home_route, :pinned_until, :line_asked, :pool, :sandbox, :priority, :purpose, :reference, :batch_id, :tags,
    :delivery_report, :flash, :on_doubt, :warnings, :held_reason, :created_at, :send_at, :due_at, :expires_at, :lane,
    :country, :template_id, :template_version, :passes, :notify, :late_at)

-- name: message_by_id
SELECT * FROM message WHERE id = :id

-- name: message_for_viewer
SELECT * FROM message WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: message_move
-- The one statement that changes a state: compare-and-set on the state that was read.
UPDATE message SET state = :new_state, ready = :ready, due_at = :due_at, route = :route, pinned_until = :pinned_until,
    avoid_line = :avoid_line, attempts = :attempts, resend_after_doubt = :resend_after_doubt, error = :error,
    parts_sent = :parts_sent, parts_delivered = :parts_delivered, parts_in_doubt = :parts_in_doubt,
    sent_at = :sent_at, delivered_at = :delivered_at, held_reason = :held_reason, ready_at = :ready_at
WHERE id = :id AND state = :old_state
RETURNING *

-- name: message_count_parts
UPDATE message SET parts_sent = :parts_sent, parts_delivered = :parts_delivered, parts_in_doubt = :parts_in_doubt
WHERE id = :id

-- name: state_count_add
INSERT INTO state_count (tenant, state, n) VALUES (:tenant, :state, :n)
ON CONFLICT (tenant, state) DO UPDATE SET n = state_count.n + excluded.n

-- name: batch_count_add
INSERT INTO batch_count (batch_id, tenant, state, n) VALUES (:batch_id, :tenant, :state, :n)
ON CONFLICT (batch_id, state) DO UPDATE SET n = batch_count.n + excluded.n

-- name: state_counts
SELECT state, n FROM state_count WHERE tenant = :tenant

-- name: waiting_count
SELECT coalesce(sum(n), 0) AS n FROM state_count WHERE tenant = :tenant AND state IN ('held', 'queued')

-- name: idempotency_get
SELECT * FROM idempotency WHERE scope = :scope AND key = :key

-- name: idempotency_put
INSERT INTO idempotency (scope, key, fingerprint, message_id, status, body, created_at)
VALUES (:scope, :key, :fingerprint, :message_id, :status, :body, :created_at)

-- name: idempotency_prune
DELETE FROM idempotency WHERE created_at < :before

-- name: fact_get
SELECT value FROM fact WHERE name = :name

-- name: fact_put
INSERT INTO fact (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: newest_row_at
SELECT max(at) AS at FROM (SELECT at FROM event ORDER BY seq DESC LIMIT 1)

-- name: parts_of_message
SELECT * FROM part WHERE message_id = :message_id ORDER BY attempt, number

-- name: messages_queued
SELECT * FROM message WHERE tenant IN (SELECT tenant FROM state_count) AND state = 'queued' LIMIT :limit

-- name: messages_restored
SELECT * FROM message WHERE tenant = :tenant AND state = 'held' AND held_reason = 'restored' LIMIT :limit

-- name: messages_hold_doubt
UPDATE message SET on_doubt = 'hold', due_at = NULL WHERE state = 'in_doubt'

-- name: shift_message_times
-- Only what was computed from "now" moves with the clock; send_at is wall time that a person chose, and so are the hours
-- in which people may be texted.
UPDATE message SET expires_at = expires_at + :step,
    due_at = CASE WHEN due_at = send_at OR held_reason = 'quiet_hours' THEN due_at ELSE due_at + :step END,
    pinned_until = pinned_until + :step
WHERE tenant IN (SELECT tenant FROM state_count) AND state IN ('held', 'queued', 'submitting', 'in_doubt')
    AND created_at >= :created_since AND created_at <= :created_until

-- name: shift_part_times
-- How long ago a part went out decides whether a copy can go on, and whether a report is near it.
UPDATE part SET submitted_at = submitted_at + :step, sent_at = sent_at + :step
WHERE submitted_at >= :created_since AND submitted_at <= :created_until AND message_id IN (SELECT id FROM message
    WHERE tenant IN (SELECT tenant FROM state_count) AND state IN ('held', 'queued', 'submitting', 'in_doubt'))

-- name: shift_approval_times
UPDATE approval SET expires_at = expires_at + :step
WHERE state = 'pending' AND created_at >= :created_since AND created_at <= :created_until

-- name: shift_delivery_times
UPDATE delivery SET next_at = next_at + :step WHERE state = 'pending'

-- name: shift_line_times
UPDATE line SET held_until = held_until + :step WHERE held_until IS NOT NULL

-- name: messages_select
SELECT * FROM message WHERE tenant = :tenant

-- name: where_sandbox
sandbox = 1

-- name: where_after
id < :after

-- name: where_one_state
state = :state

-- name: where_scheduled
(state <> 'queued' OR CASE WHEN held_reason = 'quiet_hours' THEN due_at ELSE send_at END > :now)

-- name: where_not_scheduled
(state <> 'queued' OR coalesce(CASE WHEN held_reason = 'quiet_hours' THEN due_at ELSE send_at END, 0) <= :now)

-- name: where_to
to_number = :to

-- name: where_line
line = :line

-- name: where_reference
reference = :reference

-- name: where_batch
batch_id = :batch_id

-- name: where_since
-- The id bounds what is read; it is made at the same time, give or take a clock that stepped.
created_at >= :since AND id >= :since_id

-- name: where_until
created_at < :until AND id < :until_id

-- name: messages_order
ORDER BY id DESC LIMIT :limit
