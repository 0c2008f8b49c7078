-- Work: what a line sees, claims, and what comes back.

-- name: message_claim
UPDATE message SET state = 'submitting', ready = 0, due_at = :due, device = :device, attempt = :attempt, attempts = attempts + 1,
    copy = :copy, concat_reference = :reference, line = :line, sender = :sender, node = :node, pinned_until = NULL,
    avoid_line = NULL, cost = cost + :cost, currency = :currency
WHERE id = :id AND state = 'queued' AND ready = 1 AND attempt = :attempt - 1 AND expires_at > :now
    AND sandbox = :sandbox
    AND (batch_id IS NULL OR (SELECT batch.state FROM batch WHERE batch.id = message.batch_id) IN ('running', 'completed'))
RETURNING *

-- name: part_insert
INSERT INTO part (tenant, message_id, attempt_id, attempt, copy, number, total, state, line, device, to_tail, tpdu,
    submitted_at)
VALUES (:tenant, :message_id, :attempt_id, :attempt, :copy, :number, :total, :state, :line, :device, :to_tail, :tpdu,
    :submitted_at)

-- name: part_by_attempt
SELECT * FROM part WHERE attempt_id = :attempt_id AND number = :number

-- name: part_by_id
SELECT * FROM part WHERE id = :id

-- name: part_start
UPDATE part SET state = 'submitting', submitted_at = :at
WHERE attempt_id = :attempt_id AND number = :number AND state = 'waiting'

-- name: parts_take_back
UPDATE part SET state = 'not_sent' WHERE attempt_id = :attempt_id AND number > :number AND state = 'waiting'

-- name: part_evidence
UPDATE part SET state = :state, mr = coalesce(:mr, mr), mr_predicted = coalesce(:mr_predicted, mr_predicted),
    sent_at = coalesce(sent_at, :sent_at), report_status = coalesce(:report_status, report_status),
    reported_at = coalesce(:reported_at, reported_at), error = :error
WHERE id = :id

-- name: part_before
-- The last part of this line before another whose TP-MR is known.
SELECT id, mr FROM part WHERE line = :line AND mr IS NOT NULL AND id < :id ORDER BY id DESC LIMIT 1

-- name: parts_unnumbered_between
SELECT count(*) AS n FROM part
WHERE line = :line AND id > :after AND id < :before AND mr IS NULL AND state = 'in_doubt'

-- name: parts_for_report
SELECT * FROM part
WHERE line = :line AND to_tail = :tail AND mr = :mr
ORDER BY id DESC LIMIT 5

-- name: parts_undecided_for_report
SELECT * FROM part
WHERE line = :line AND to_tail = :tail AND state IN ('submitting', 'in_doubt')
ORDER BY id DESC LIMIT 20

-- name: messages_submitting
-- Not those that a device with a journal was given: it is asked when it is back.
SELECT id, attempt, line FROM message WHERE state = 'submitting' AND node = :node AND device IS NULL

-- name: attempts_open
SELECT DISTINCT part.attempt_id FROM message
JOIN part ON part.message_id = message.id AND part.attempt = message.attempt
WHERE message.device = :device AND message.state IN ('submitting', 'in_doubt')
ORDER BY part.attempt_id

-- name: parts_of_attempt
SELECT * FROM part WHERE attempt_id = :attempt_id ORDER BY number

-- name: messages_submitting_anywhere
SELECT id, attempt FROM message WHERE state = 'submitting'

-- name: report_insert
INSERT INTO report (id, tenant, line, ra_tail, mr, st, scts_at, at, tpdu)
VALUES (:id, :tenant, :line, :ra_tail, :mr, :st, :scts_at, :at, :tpdu)

-- name: reports_waiting
-- Not those from before the part was handed over: they speak of another one with the same TP-MR.
SELECT * FROM report WHERE line = :line AND ra_tail = :tail AND at >= :since ORDER BY id LIMIT 50

-- name: report_delete
DELETE FROM report WHERE id = :id

-- name: reports_prune
DELETE FROM report WHERE at < :before

-- name: due_rows
SELECT id, state FROM message WHERE ready = 0 AND due_at IS NOT NULL AND due_at <= :now ORDER BY due_at LIMIT :limit

-- name: message_ready_now
UPDATE message SET ready = 1, ready_at = due_at, due_at = NULL, held_reason = NULL WHERE id = :id AND state = 'queued'
RETURNING *

-- name: late_rows
SELECT * FROM message WHERE state IN ('held', 'queued') AND expires_at <= :now ORDER BY expires_at LIMIT :limit

-- name: unpin_rows
-- Whatever their state: one that is held would be due for ever.
UPDATE message SET route = home_route, pinned_until = NULL
WHERE pinned_until IS NOT NULL AND pinned_until <= :now

-- name: next_due_at
SELECT min(at) AS at FROM (
    SELECT min(due_at) AS at FROM message WHERE ready = 0 AND due_at IS NOT NULL
    UNION ALL SELECT min(expires_at) FROM message WHERE state IN ('held', 'queued')
    UNION ALL SELECT min(pinned_until) FROM message WHERE pinned_until IS NOT NULL
    UNION ALL SELECT min(not_before) FROM lane WHERE not_before IS NOT NULL
    UNION ALL SELECT min(expires_at) FROM approval WHERE state = 'pending'
) AS due

-- name: message_forget_due
UPDATE message SET due_at = NULL WHERE id = :id
