-- Inbound actions: what a received text asks for, until it is done.

-- name: inbound_action_insert
INSERT INTO inbound_action (id, tenant, inbound_id, sender, lane, kind, topic, rule, detail, state, reason, due_at,
    until, created_at, finished_at)
VALUES (:id, :tenant, :inbound_id, :sender, :lane, :kind, :topic, :rule, :detail, :state, :reason, :now, :until, :now,
    :finished_at)

-- name: inbound_answers_given
-- Automatic answers to a sender since a time, and those of one topic among them.
SELECT count(*) AS n, coalesce(sum(CASE WHEN topic = :topic THEN 1 ELSE 0 END), 0) AS of_topic FROM inbound_action
WHERE tenant = :tenant AND sender = :sender AND created_at > :since AND kind IN ('confirm', 'answer')
    AND state IN ('pending', 'sending', 'done')

-- name: inbound_forwards_made
SELECT count(*) AS n FROM inbound_action
WHERE tenant = :tenant AND sender = :sender AND created_at > :since AND kind = 'forward'
    AND state IN ('pending', 'sending', 'done')

-- name: line_with_number
SELECT 1 AS known FROM line WHERE tenant = :tenant AND number = :number LIMIT 1

-- name: inbound_actions_due
-- Work of all tenants for the one who carries it out.
SELECT * FROM inbound_action WHERE lane = :lane AND state = 'pending' AND due_at <= :now
ORDER BY due_at, id LIMIT :limit

-- name: inbound_action_next
SELECT min(due_at) AS at FROM inbound_action WHERE lane = :lane AND state = 'pending'

-- name: inbound_action_by_id
SELECT * FROM inbound_action WHERE id = :id AND tenant = :tenant

-- name: inbound_action_begin
UPDATE inbound_action SET state = 'sending' WHERE id = :id AND tenant = :tenant AND state = 'pending'

-- name: inbound_action_finish
UPDATE inbound_action SET state = :state, reason = :reason, message_id = :message_id, attempts = attempts + 1,
    finished_at = :now
WHERE id = :id AND tenant = :tenant AND state IN ('pending', 'sending')

-- name: inbound_action_later
UPDATE inbound_action SET state = 'pending', reason = :reason, due_at = :due_at, attempts = attempts + 1
WHERE id = :id AND tenant = :tenant AND state IN ('pending', 'sending')

-- name: inbound_actions_left_sending
UPDATE inbound_action SET state = 'failed', reason = 'in_doubt', attempts = attempts + 1, finished_at = :now
WHERE state = 'sending'

-- name: inbound_confirmations_drop
-- What was to be said of an earlier wish is no longer true.
UPDATE inbound_action SET state = 'skipped', reason = 'superseded', finished_at = :now
WHERE tenant = :tenant AND sender = :sender AND kind = 'confirm' AND topic = :topic AND state = 'pending'

-- name: inbound_actions_drop_open
UPDATE inbound_action SET state = 'skipped', reason = 'restored', finished_at = :now WHERE state IN ('pending', 'sending')

-- name: inbound_actions_of
SELECT * FROM inbound_action WHERE inbound_id = :inbound_id AND tenant = :tenant ORDER BY id

-- name: inbound_actions_prune
DELETE FROM inbound_action WHERE finished_at < :before

-- name: shift_inbound_action_times
UPDATE inbound_action SET due_at = due_at + :step, until = until + :step WHERE state IN ('pending', 'sending')

-- name: conversation_keep
INSERT INTO conversation (tenant, number, line, at, kept) VALUES (:tenant, :number, :line, :at, 1)
ON CONFLICT (tenant, number) DO UPDATE SET line = excluded.line, at = excluded.at, kept = 1
