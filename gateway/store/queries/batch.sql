-- Batches, what of them was rejected, and approvals.

-- name: batch_insert
INSERT INTO batch (id, tenant, key_id, sandbox, state, name, reference, purpose, tags, text, template_id,
    template_version, fallback, resend_of, created_at, send_at, expires_at)
VALUES (:id, :tenant, :key_id, :sandbox, 'receiving', :name, :reference, :purpose, :tags, :text, :template_id,
    :template_version, :fallback, :resend_of, :created_at, :send_at, :expires_at)

-- name: batch_added
UPDATE batch SET total = total + :total, accepted = accepted + :accepted, rejected = rejected + :rejected,
    parts = parts + :parts, digest = :digest, held_reason = coalesce(held_reason, :held_reason)
WHERE id = :id AND state = 'receiving'

-- name: batch_move
UPDATE batch SET state = :new_state, held_reason = :held_reason, started_at = coalesce(started_at, :started_at),
    completed_at = coalesce(:completed_at, completed_at)
WHERE id = :id AND state = :old_state
RETURNING *

-- name: batch_by_id
SELECT * FROM batch WHERE id = :id

-- name: batch_for_viewer
SELECT * FROM batch WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND state <> 'receiving'

-- name: batches_page
SELECT * FROM batch
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND state <> 'receiving' AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit

-- name: batches_receiving
SELECT id, tenant FROM batch WHERE state = 'receiving'

-- name: batches_done
SELECT * FROM batch WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM batch_count
    WHERE batch_count.batch_id = batch.id AND batch_count.state IN ('held', 'queued', 'submitting') AND batch_count.n > 0)

-- name: batches_ended
-- Of one that never began the letters are left too: their texts may have expired while it was held.
SELECT id, tenant, state, fallback, started_at FROM batch WHERE state IN ('cancelled', 'expired', 'rejected')
    AND (EXISTS (SELECT 1 FROM message WHERE message.batch_id = batch.id AND message.state IN ('held', 'queued'))
        OR (fallback IS NOT NULL AND started_at IS NULL AND EXISTS (SELECT 1 FROM notification
            WHERE notification.tenant = batch.tenant AND notification.bulk_id = batch.id
                AND notification.state = 'queued')))

-- name: batch_waiting
SELECT * FROM message WHERE batch_id = :batch_id AND state IN ('held', 'queued') ORDER BY id LIMIT :limit

-- name: batch_counts
SELECT state, n FROM batch_count WHERE batch_id = :batch_id AND n <> 0

-- name: batch_cost
SELECT currency, sum(cost) AS cost FROM message
WHERE tenant = :tenant AND batch_id = :batch_id AND currency IS NOT NULL GROUP BY currency

-- name: batch_rejected_add
INSERT INTO batch_rejected (batch_id, tenant, number, row, code, detail)
VALUES (:batch_id, :tenant, :number, :row, :code, :detail)

-- name: batch_rejected_page
SELECT * FROM batch_rejected WHERE batch_id = :batch_id AND number > :after ORDER BY number LIMIT :limit

-- name: batch_sample
SELECT * FROM message WHERE tenant = :tenant AND batch_id = :batch_id ORDER BY parts DESC, id LIMIT :limit

-- name: batch_failed
SELECT * FROM message WHERE tenant = :tenant AND batch_id = :batch_id AND id > :after
    AND state IN ('failed', 'undelivered', 'expired')
ORDER BY id LIMIT :limit

-- name: batch_sent_again
SELECT id FROM batch WHERE tenant = :tenant AND resend_of = :batch_id
    AND (state IN ('receiving', 'held', 'running', 'paused') OR EXISTS (SELECT 1 FROM batch_count
        WHERE batch_count.batch_id = batch.id AND batch_count.n > 0
            AND batch_count.state NOT IN ('held', 'queued', 'cancelled')))
ORDER BY id DESC LIMIT 1

-- name: batch_failures
SELECT error, count(*) AS n FROM message
WHERE tenant = :tenant AND batch_id = :batch_id AND state IN ('failed', 'undelivered', 'expired', 'cancelled')
GROUP BY error ORDER BY n DESC LIMIT 20

-- name: batch_messages_discard
DELETE FROM message WHERE id IN (SELECT id FROM message WHERE batch_id = :batch_id AND tenant = :tenant LIMIT :limit)
RETURNING id, tenant, state, batch_id, to_number, country, sandbox

-- name: batch_events_discard
-- What programs were told of stays: a delivery may still have to read it.
DELETE FROM event WHERE subject = :id AND public = 0

-- name: batch_attempts_discard
DELETE FROM notification_attempt WHERE notification_id = :notification_id

-- name: batch_notification_discard
DELETE FROM notification WHERE id = :notification_id

-- name: batch_lanes_discard
DELETE FROM lane WHERE batch_id = :batch_id

-- name: batch_rejected_discard
DELETE FROM batch_rejected WHERE batch_id = :batch_id

-- name: batch_discard
DELETE FROM batch WHERE id = :batch_id AND state = 'receiving'

-- name: idempotency_put_batch
INSERT INTO idempotency (scope, key, fingerprint, batch_id, status, body, created_at)
VALUES (:scope, :key, :fingerprint, :batch_id, :status, :body, :created_at)

-- name: approval_insert
INSERT INTO approval (id, tenant, subject_kind, subject, sandbox, reason, author_key, digest, alike, state, created_at,
    expires_at)
VALUES (:id, :tenant, :subject_kind, :subject, :sandbox, :reason, :author_key, :digest, :alike, 'pending', :created_at,
    :expires_at)

-- name: approval_for_viewer
SELECT * FROM approval WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: approvals_page
SELECT * FROM approval
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND (:state = '' OR state = :state)
    AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit

-- name: approvals_alike
SELECT * FROM approval WHERE tenant = :tenant AND sandbox = :sandbox AND alike = :alike AND state = 'pending' AND id > :after
ORDER BY id LIMIT :limit

-- name: approvals_late
SELECT * FROM approval WHERE state = 'pending' AND expires_at <= :now ORDER BY expires_at LIMIT :limit

-- name: approval_of_subject
SELECT * FROM approval WHERE subject = :subject AND state = 'pending'

-- name: approval_not_given
SELECT 1 FROM approval
WHERE tenant = :tenant AND subject = :subject AND state IN ('rejected', 'expired', 'void') LIMIT 1

-- name: approval_decide
UPDATE approval SET state = :state, decided_by = :by, decided_at = :at, note = :note
WHERE id = :id AND state = 'pending'
RETURNING *

-- name: batch_next_due
SELECT min(due_at) AS at, max(held_reason) AS reason FROM message
WHERE batch_id = :batch_id AND state IN ('held', 'queued') AND due_at IS NOT NULL

-- name: price_of_message
SELECT home_route AS route, to_number AS stem, parts FROM message WHERE tenant = :tenant AND id = :subject

-- name: price_of_batch
-- Prices differ by prefix: numbers are taken together by their first seven characters.
SELECT home_route AS route, substr(to_number, 1, 7) AS stem, sum(parts) AS parts FROM message
WHERE tenant = :tenant AND batch_id = :subject AND state IN ('held', 'queued') GROUP BY 1, 2
