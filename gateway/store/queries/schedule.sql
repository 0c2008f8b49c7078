-- Schedules: what is sent again and again, when it is due, what came of it; and messages moved before they are due.

-- name: schedule_insert
INSERT INTO schedule (id, tenant, sandbox, key_id, state, paused_reason, rrule, start_local, timezone, exdates,
    recipients_group, text, template_id, template_version, language, template_values, purpose, line, pool, priority,
    valid_for_s, reference, tags, revision, next_at, created_at, updated_at)
VALUES (:id, :tenant, :sandbox, :key_id, :state, :paused_reason, :rrule, :start_local, :timezone, :exdates,
    :recipients_group, :text, :template_id, :template_version, :language, :template_values, :purpose, :line, :pool,
    :priority, :valid_for_s, :reference, :tags, 1, :next_at, :now, :now)

-- name: schedule_update
-- Compare-and-set on the revision that was read: of two people, one is told to read again.
UPDATE schedule SET sandbox = :sandbox, key_id = :key_id, state = :state, paused_reason = :paused_reason,
    rrule = :rrule, start_local = :start_local, timezone = :timezone, exdates = :exdates,
    recipients_group = :recipients_group, text = :text, template_id = :template_id,
    template_version = :template_version, language = :language, template_values = :template_values,
    purpose = :purpose, line = :line, pool = :pool, priority = :priority, valid_for_s = :valid_for_s,
    reference = :reference, tags = :tags, revision = revision + 1, next_at = :next_at, updated_at = :now
WHERE id = :id AND tenant = :tenant AND revision = :revision

-- name: schedule_recipient_insert
INSERT INTO schedule_recipient (tenant, schedule_id, position, number)
VALUES (:tenant, :schedule_id, :position, :number)

-- name: schedule_recipients_delete
DELETE FROM schedule_recipient WHERE schedule_id = :schedule_id AND tenant = :tenant

-- name: schedule_recipients_of
SELECT number FROM schedule_recipient WHERE schedule_id = :schedule_id AND tenant = :tenant ORDER BY position

-- name: schedule_for_viewer
SELECT * FROM schedule WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: schedule_page
SELECT * FROM schedule
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND (id < :after OR :after = '')
ORDER BY id DESC LIMIT :limit

-- name: schedule_pause
UPDATE schedule SET state = 'paused', paused_reason = :reason, next_at = NULL, revision = revision + 1,
    updated_at = :now
WHERE id = :id AND tenant = :tenant AND state = 'active'

-- name: schedules_of_key
SELECT id FROM schedule WHERE tenant = :tenant AND key_id = :key_id AND state = 'active' ORDER BY id

-- name: schedules_hold_restored
-- Of every tenant: what a backup has as due may have been sent since it was made.
UPDATE schedule SET state = 'paused', paused_reason = 'restored', revision = revision + 1 WHERE state = 'active'

-- name: schedules_release_restored
UPDATE schedule SET state = 'active', paused_reason = NULL, not_before = :now, revision = revision + 1
WHERE tenant = :tenant AND state = 'paused' AND paused_reason = 'restored'

-- name: schedule_delete
DELETE FROM schedule WHERE id = :id AND tenant = :tenant

-- name: schedule_runs_delete
DELETE FROM schedule_run WHERE schedule_id = :schedule_id AND tenant = :tenant

-- name: schedules_due
-- Of every tenant: the loop that asks sends for each with that tenant's own key.
SELECT id, tenant, next_at, key_id FROM schedule
WHERE state = 'active' AND next_at <= :now ORDER BY next_at, id LIMIT :limit

-- name: schedule_next_at
SELECT min(next_at) AS at FROM schedule WHERE state = 'active'

-- name: schedule_advance
-- Compare-and-set on the occurrence that was carried out: a schedule changed meanwhile keeps its new time.
UPDATE schedule SET next_at = :next_at, state = CASE WHEN :ended = 1 THEN 'ended' ELSE state END
WHERE id = :id AND tenant = :tenant AND state = 'active' AND next_at = :occurrence

-- name: schedule_run_insert
INSERT INTO schedule_run (tenant, schedule_id, occurrence_at, state, accepted, refused, refusals, message_id,
    missed_until, at)
VALUES (:tenant, :schedule_id, :occurrence_at, :state, :accepted, :refused, :refusals, :message_id, :missed_until, :at)
ON CONFLICT (schedule_id, occurrence_at) DO NOTHING

-- name: schedule_runs_of
SELECT * FROM schedule_run WHERE schedule_id = :schedule_id AND tenant = :tenant
ORDER BY occurrence_at DESC LIMIT :limit

-- name: schedule_admitted
-- What an occurrence made before its run was written, as the idempotency records tell.
SELECT count(*) AS n, min(message_id) AS message_id FROM idempotency WHERE scope = :scope AND key LIKE :keys

-- name: schedules_follow_key
UPDATE schedule SET key_id = :new_key_id WHERE tenant = :tenant AND key_id = :old_key_id

-- name: message_reschedule
-- Only what waits for a time that is ahead and was never tried; zero rows: it is too late.
UPDATE message SET send_at = :send_at, due_at = :due_at, expires_at = :expires_at, held_reason = :held_reason,
    late_at = :late_at
WHERE id = :id AND tenant = :tenant AND state = 'queued' AND attempt = 0 AND ready = 0 AND due_at > :now
RETURNING *
