-- Alerts: what they are judged by, what stands, and the letters that tell of it.

-- name: message_tally_add
INSERT INTO message_tally (tenant, minute, sandbox, state, n) VALUES (:tenant, :minute, :sandbox, :state, :n)
ON CONFLICT (tenant, minute, sandbox, state) DO UPDATE SET n = message_tally.n + excluded.n

-- name: message_tallies
SELECT state, sum(n) AS n FROM message_tally
WHERE tenant = :tenant AND minute > :since AND sandbox <= :sandbox
GROUP BY state

-- name: message_tallies_prune
DELETE FROM message_tally WHERE minute < :before

-- name: message_tallies_forget
DELETE FROM message_tally

-- name: alert_in_doubt
SELECT count(*) AS n FROM (SELECT 1 FROM message
    WHERE tenant = :tenant AND state = 'in_doubt' AND sandbox <= :sandbox AND key_id <> :own LIMIT :limit) AS doubtful

-- name: alert_lanes
-- Lanes that could go on, those served longest ago first; a batch that was let go on counts from then.
SELECT lane.route, lane.priority, lane.name,
    (SELECT event.at FROM event WHERE event.seq = lane.turn) AS served_at, lane.batch_id,
    (SELECT event.at FROM event WHERE event.subject = lane.batch_id ORDER BY event.seq DESC LIMIT 1) AS batch_at
FROM lane LEFT JOIN batch ON batch.id = lane.batch_id
WHERE lane.tenant = :tenant AND lane.name <> :own AND (lane.not_before IS NULL OR lane.not_before <= :now)
    AND (lane.batch_id IS NULL OR batch.state = 'running')
ORDER BY lane.turn LIMIT :limit

-- name: alert_lane_head
SELECT created_at, send_at, ready_at, sandbox FROM message
WHERE route = :route AND priority = :priority AND lane = :lane AND state = 'queued' AND ready = 1
ORDER BY id LIMIT 1

-- name: alert_waiting
SELECT count(*) AS n FROM (SELECT 1 FROM message
    WHERE route = :route AND priority = :priority AND lane = :lane AND state = 'queued' AND ready = 1
    LIMIT :limit) AS waiting

-- name: alert_line_moved
SELECT type, at FROM event
WHERE subject = :line AND tenant = :tenant AND type IN ('line.up', 'line.down')
ORDER BY seq DESC LIMIT 1

-- name: alert_line_sent
SELECT sent_at FROM part WHERE line = :line AND tenant = :tenant AND mr IS NOT NULL ORDER BY id DESC LIMIT 1

-- name: alert_dead_deliveries
-- Not of events about alerts and dead letters: they would keep their own alert alive.
SELECT count(*) AS n FROM (SELECT 1 FROM delivery
    WHERE tenant = :tenant AND state = 'dead' AND finished_at > :since
        AND event_type NOT IN ('policy.alert', 'webhook.dead') LIMIT :limit) AS dead

-- name: alerts_of
SELECT * FROM alert WHERE tenant = :tenant

-- name: alert_add
INSERT INTO alert (tenant, kind, subject, finding, since, active, told_at, owes_end, revision)
VALUES (:tenant, :kind, :subject, :finding, :since, :active, :told_at, :owes_end, 1)
ON CONFLICT (tenant, kind, subject) DO NOTHING

-- name: alert_change
-- Compare-and-set: who looked at the same time and came second tells nothing.
UPDATE alert SET finding = :finding, since = :since, active = :active, told_at = :told_at, owes_end = :owes_end,
    revision = revision + 1
WHERE tenant = :tenant AND kind = :kind AND subject = :subject AND revision = :revision

-- name: shift_alert_times
UPDATE alert SET since = since + :step, told_at = told_at + :step

-- name: shift_late_times
-- A time that a person chose for a message stays; what was counted from "now" moves with the clock.
UPDATE message SET late_at = late_at + :step
WHERE late_at IS NOT NULL AND notified IS NULL AND state IN ('held', 'queued', 'submitting') AND send_at IS NULL

-- name: messages_late
-- Not those that a restore holds: their copies may have gone long ago.
SELECT * FROM message
WHERE tenant = :tenant AND late_at <= :now AND notified IS NULL AND state IN ('held', 'queued', 'submitting')
    AND coalesce(held_reason, '') <> 'restored'
ORDER BY late_at LIMIT :limit

-- name: message_told_late
-- Once, and apart from its end: what is late may still fail.
UPDATE message SET late_at = NULL WHERE id = :id AND tenant = :tenant AND late_at IS NOT NULL

-- name: message_notified
UPDATE message SET notified = :now WHERE id = :id AND tenant = :tenant AND notified IS NULL

-- name: alert_letter_insert
INSERT INTO alert_letter (id, tenant, way, topic, message_id, line, content, state, due_at, until, created_at)
VALUES (:id, :tenant, :way, :topic, :message_id, :line, :content, 'pending', :now, :until, :now)

-- name: alert_letters_due
SELECT * FROM alert_letter WHERE state = 'pending' AND due_at <= :now ORDER BY due_at LIMIT :limit

-- name: alert_letter_next
SELECT min(due_at) AS at FROM alert_letter WHERE state = 'pending'

-- name: alert_letter_begin
UPDATE alert_letter SET state = 'sending' WHERE id = :id AND tenant = :tenant AND state = 'pending'

-- name: alert_letter_end
UPDATE alert_letter SET state = :state, reason = :reason, carried_by = :carried_by, attempts = attempts + 1,
    finished_at = :now
WHERE id = :id AND tenant = :tenant AND state IN ('pending', 'sending')

-- name: alert_letter_later
UPDATE alert_letter SET state = 'pending', reason = :reason, due_at = :due_at, attempts = attempts + 1
WHERE id = :id AND tenant = :tenant AND state IN ('pending', 'sending')

-- name: alert_letters_left_sending
UPDATE alert_letter SET state = 'failed', reason = 'in_doubt', attempts = attempts + 1, finished_at = :now
WHERE state = 'sending'

-- name: alert_letters_drop_open
UPDATE alert_letter SET state = 'failed', reason = 'restored', finished_at = :now WHERE state IN ('pending', 'sending')

-- name: alert_letters_prune
DELETE FROM alert_letter WHERE finished_at < :before

-- name: shift_alert_letter_times
UPDATE alert_letter SET due_at = due_at + :step, until = until + :step WHERE state = 'pending'
