-- Notifications: what is accepted, what is due on a channel, what became of each try.

-- name: notification_insert
INSERT INTO notification (id, tenant, key_id, key_name, scopes, key_sandbox, sandbox, bulk_id, state, channels, step,
    channel, due_at, deadline_at, fallback_after_s, recipient, subject, body, html, sms, created_at)
VALUES (:id, :tenant, :key_id, :key_name, :scopes, :key_sandbox, :sandbox, :bulk_id, 'queued', :channels, 0,
    :channel, :due_at, :deadline_at, :fallback_after_s, :recipient, :subject, :body, :html, :sms, :created_at)

-- name: notification_by_id
SELECT * FROM notification WHERE id = :id

-- name: notification_for_viewer
SELECT * FROM notification
WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)
    AND NOT EXISTS (SELECT 1 FROM notification_bulk AS bulk WHERE bulk.id = notification.bulk_id AND bulk.ready = 0)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.id = notification.bulk_id AND batch.state = 'receiving')

-- name: notifications_select
SELECT * FROM notification
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)
    AND NOT EXISTS (SELECT 1 FROM notification_bulk AS bulk WHERE bulk.id = notification.bulk_id AND bulk.ready = 0)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.id = notification.bulk_id AND batch.state = 'receiving')

-- name: notifications_where_after
id < :after

-- name: notifications_where_bulk
bulk_id = :bulk_id

-- name: notifications_where_state
state = :state

-- name: notifications_order
ORDER BY id DESC LIMIT :limit

-- name: notifications_due_alone
SELECT * FROM notification
WHERE channel = :channel AND due_at <= :now AND held_reason IS NULL AND bulk_id IS NULL
ORDER BY due_at LIMIT :limit

-- name: notifications_due_bulk
-- A batch that never began comes in, waits for a person, or ended so: nobody said yes to its words.
SELECT * FROM notification
WHERE channel = :channel AND due_at <= :now AND held_reason IS NULL AND bulk_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM notification_bulk AS bulk WHERE bulk.id = notification.bulk_id AND bulk.ready = 0)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.id = notification.bulk_id AND batch.started_at IS NULL)
ORDER BY due_at LIMIT :limit

-- name: notifications_of_bulk_queued
SELECT * FROM notification WHERE tenant = :tenant AND bulk_id = :bulk_id AND state = 'queued' ORDER BY id LIMIT :limit

-- name: notification_of_bulk
SELECT id, subject FROM notification WHERE tenant = :tenant AND bulk_id = :bulk_id LIMIT 1

-- name: notifications_next_due
SELECT min(at) AS at FROM (
    SELECT min(due_at) AS at FROM notification
    WHERE channel = :channel AND due_at IS NOT NULL AND held_reason IS NULL AND bulk_id IS NULL
    UNION ALL
    SELECT min(due_at) AS at FROM notification
    WHERE channel = :channel AND due_at IS NOT NULL AND held_reason IS NULL AND bulk_id IS NOT NULL
) AS earliest

-- name: notification_update
UPDATE notification SET state = :state, step = :step, channel = :channel, due_at = :due_at,
    deadline_at = :deadline_at
WHERE id = :id AND step = :from_step

-- name: notification_wait
UPDATE notification SET due_at = :due_at WHERE id = :id AND step = :step

-- name: notification_take
UPDATE notification SET due_at = NULL
WHERE id = :id AND step = :step AND due_at IS NOT NULL AND held_reason IS NULL AND state = 'queued'

-- name: notifications_hold
UPDATE notification SET held_reason = 'restored'
WHERE held_reason IS NULL AND (due_at IS NOT NULL OR state = 'queued')

-- name: notifications_release
UPDATE notification SET held_reason = NULL WHERE tenant = :tenant AND held_reason = 'restored'

-- name: shift_notification_times
UPDATE notification SET due_at = due_at + :step, deadline_at = deadline_at + :step
WHERE due_at IS NOT NULL OR deadline_at IS NOT NULL

-- name: attempts_of_notification
SELECT * FROM notification_attempt WHERE notification_id = :id AND tenant = :tenant ORDER BY step

-- name: notification_attempt
SELECT * FROM notification_attempt WHERE notification_id = :id AND step = :step

-- name: notification_attempts_of_message
SELECT * FROM notification_attempt WHERE message_id = :message_id

-- name: notification_attempts_sending
SELECT * FROM notification_attempt WHERE status = 'sending'

-- name: notification_attempt_put
INSERT INTO notification_attempt (id, tenant, notification_id, step, channel, status, tries, message_id, error,
    detail, changed_at)
VALUES (:id, :tenant, :notification_id, :step, :channel, :status, :tries, :message_id, :error, :detail, :at)
ON CONFLICT (notification_id, step) DO UPDATE SET status = excluded.status, tries = excluded.tries,
    message_id = excluded.message_id, error = excluded.error, detail = excluded.detail,
    changed_at = excluded.changed_at

-- name: notification_bulk_insert
INSERT INTO notification_bulk (id, tenant, key_id, sandbox, run, ready, total, accepted, remarks, created_at)
VALUES (:id, :tenant, :key_id, :sandbox, :run, 0, :total, :accepted, :remarks, :created_at)

-- name: notification_bulk_ready
UPDATE notification_bulk SET ready = 1 WHERE id = :id AND ready = 0

-- name: notification_bulk_for_viewer
SELECT * FROM notification_bulk
WHERE id = :id AND tenant = :tenant AND ready = 1 AND (sandbox = 1 OR :sandbox_only = 0)

-- name: notification_bulk_counts
SELECT state, count(*) AS n FROM notification WHERE tenant = :tenant AND bulk_id = :id GROUP BY state

-- name: notification_bulks_left
SELECT id, tenant FROM notification_bulk WHERE ready = 0 AND run <> :run

-- name: notification_bulk_delete
DELETE FROM notification_bulk WHERE id = :id AND ready = 0

-- name: notifications_of_bulk_delete
DELETE FROM notification WHERE tenant = :tenant AND bulk_id = :bulk_id

-- name: notification_messages_moved
-- Texts of notifications that something public happened to, in order; the newest event there is bounds the look.
SELECT event.seq AS seq, event.subject AS message_id FROM event
JOIN notification_attempt ON notification_attempt.message_id = event.subject
WHERE event.seq > :after AND event.seq <= :newest AND event.public = 1
ORDER BY event.seq LIMIT :limit

-- name: notification_any_carried
SELECT id FROM notification_attempt WHERE message_id IS NOT NULL LIMIT 1

-- name: newest_event_seq
SELECT max(seq) AS seq FROM event
