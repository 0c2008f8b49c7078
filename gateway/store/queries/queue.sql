-- The queue: lanes that take turns, and the ledger that every limit is kept against.

-- name: lanes_next
-- Higher priority first; then the tenant, and of it the lane, whose last turn is longest ago. A batch that is completed
-- has something again when a text of it that was in doubt is to be sent again.
SELECT lane.route, lane.priority, lane.tenant, lane.name, lane.turn, lane.urgent, share.turn AS share_turn
FROM lane
JOIN share ON share.route = lane.route AND share.priority = lane.priority AND share.tenant = lane.tenant
LEFT JOIN batch ON batch.id = lane.batch_id
WHERE lane.route = :route AND (lane.urgent = 1 OR :urgent_only = 0)
    AND (lane.not_before IS NULL OR lane.not_before <= :now) AND (batch.id IS NULL OR batch.state IN ('running', 'completed'))
ORDER BY lane.priority DESC, share.turn, lane.turn, lane.name LIMIT :limit OFFSET :offset

-- name: lane_heads
SELECT * FROM message
WHERE route = :route AND priority = :priority AND lane = :lane AND state = 'queued' AND ready = 1
    AND sandbox = :sandbox AND (avoid_line IS NULL OR avoid_line <> :line)
ORDER BY id LIMIT :limit

-- name: lane_add
INSERT INTO lane (route, priority, tenant, name, batch_id, urgent)
VALUES (:route, :priority, :tenant, :name, :batch_id, :urgent)
ON CONFLICT (route, priority, tenant, name) DO NOTHING

-- name: share_add
INSERT INTO share (route, priority, tenant) VALUES (:route, :priority, :tenant)
ON CONFLICT (route, priority, tenant) DO NOTHING

-- name: lanes_unpinned
INSERT INTO lane (route, priority, tenant, name, batch_id, urgent)
SELECT DISTINCT home_route, priority, tenant, lane, batch_id, CASE WHEN purpose = 'urgent' THEN 1 ELSE 0 END
FROM message WHERE pinned_until IS NOT NULL AND pinned_until <= :now AND state = 'queued' AND ready = 1
ON CONFLICT (route, priority, tenant, name) DO NOTHING

-- name: shares_unpinned
INSERT INTO share (route, priority, tenant)
SELECT DISTINCT home_route, priority, tenant
FROM message WHERE pinned_until IS NOT NULL AND pinned_until <= :now AND state = 'queued' AND ready = 1
ON CONFLICT (route, priority, tenant) DO NOTHING

-- name: lane_drop_empty
DELETE FROM lane
WHERE route = :route AND priority = :priority AND tenant = :tenant AND name = :name
    AND NOT EXISTS (SELECT 1 FROM message WHERE message.route = lane.route AND message.priority = lane.priority
        AND message.lane = lane.name AND message.state = 'queued' AND message.ready = 1)

-- name: lane_turn
UPDATE lane SET turn = :turn, not_before = NULL, reason = NULL
WHERE route = :route AND priority = :priority AND tenant = :tenant AND name = :name

-- name: share_turn
UPDATE share SET turn = :turn WHERE route = :route AND priority = :priority AND tenant = :tenant

-- name: lane_wait
UPDATE lane SET not_before = :not_before, reason = :reason
WHERE route = :route AND priority = :priority AND tenant = :tenant AND name = :name

-- name: lanes_wake
UPDATE lane SET not_before = NULL, reason = NULL WHERE not_before IS NOT NULL AND not_before <= :now

-- name: lanes_ask_again
UPDATE lane SET not_before = NULL, reason = NULL WHERE not_before IS NOT NULL

-- name: lanes_of_batch
SELECT route, priority, tenant, name, not_before, reason FROM lane WHERE batch_id = :batch_id

-- name: lanes_drop_empty
DELETE FROM lane WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.route = lane.route
    AND message.priority = lane.priority AND message.lane = lane.name AND message.state = 'queued' AND message.ready = 1)

-- name: shares_drop_empty
DELETE FROM share WHERE NOT EXISTS (SELECT 1 FROM lane WHERE lane.route = share.route
    AND lane.priority = share.priority AND lane.tenant = share.tenant)

-- name: lane_rows
SELECT * FROM message
WHERE route = :route AND priority = :priority AND lane = :lane AND state = 'queued' AND ready = 1
ORDER BY id LIMIT :limit

-- name: message_defer
UPDATE message SET ready = 0, due_at = :due_at, held_reason = :reason
WHERE id = :id AND state = 'queued' AND ready = 1

-- name: ledger_add
INSERT INTO ledger (payer, span, start, parts, cost, recipients)
VALUES (:payer, :span, :start, :parts, :cost, :recipients)
ON CONFLICT (payer, span, start) DO UPDATE SET parts = ledger.parts + excluded.parts,
    cost = ledger.cost + excluded.cost, recipients = ledger.recipients + excluded.recipients

-- name: ledger_at
SELECT parts, cost, recipients, told FROM ledger WHERE payer = :payer AND span = :span AND start = :start

-- name: ledger_since
SELECT start, parts FROM ledger WHERE payer = :payer AND span = :span AND start >= :start ORDER BY start

-- name: ledger_told
INSERT INTO ledger (payer, span, start, told) VALUES (:payer, :span, :start, :told)
ON CONFLICT (payer, span, start) DO UPDATE SET told = excluded.told

-- name: ledger_prune
-- By payer, so that what is kept is not read: lines keep minutes, lines and the caps of their devices seconds.
DELETE FROM ledger WHERE payer IN (SELECT 'line:' || id FROM line UNION ALL SELECT 'device:' || id FROM device)
    AND span = :span AND start < :before

-- name: ledger_lift
INSERT INTO ledger (payer, span, start, parts, cost, recipients)
SELECT payer, span, -(start + :step), parts, cost, recipients FROM ledger
WHERE span = :span AND start >= :since AND start <= :until AND start > 0

-- name: ledger_lifted_delete
DELETE FROM ledger WHERE span = :span AND start >= :since AND start <= :until AND start > 0

-- name: ledger_drop
INSERT INTO ledger (payer, span, start, parts, cost, recipients)
SELECT payer, span, -start, parts, cost, recipients FROM ledger WHERE span = :span AND start < 0
ON CONFLICT (payer, span, start) DO UPDATE SET parts = ledger.parts + excluded.parts,
    cost = ledger.cost + excluded.cost, recipients = ledger.recipients + excluded.recipients

-- name: ledger_dropped_delete
DELETE FROM ledger WHERE span = :span AND start < 0

-- name: line_recipient_known
SELECT 1 AS known FROM line_recipient WHERE line = :line AND month = :month AND number = :number

-- name: line_recipient_add
INSERT INTO line_recipient (line, month, number) VALUES (:line, :month, :number)
ON CONFLICT (line, month, number) DO NOTHING

-- name: line_recipients_prune
DELETE FROM line_recipient WHERE line IN (SELECT id FROM line) AND month < :month

-- name: conversation_put
INSERT INTO conversation (tenant, number, line, at) VALUES (:tenant, :number, :line, :at)
ON CONFLICT (tenant, number) DO UPDATE SET line = excluded.line, at = excluded.at

-- name: conversation_of
SELECT conversation.line AS line, conversation.kept AS kept FROM conversation JOIN line ON line.id = conversation.line, json_each(line.pools)
WHERE conversation.tenant = :tenant AND conversation.number = :number AND line.state = 'up' AND line.paused = 0
    AND (line.held_until IS NULL OR line.held_until <= :now) AND json_each.value = :pool

-- name: recent_add
INSERT INTO recent_recipient (tenant, scope, number, at, id) VALUES (:tenant, :scope, :number, :at, :id)
ON CONFLICT (tenant, scope, number, at, id) DO NOTHING

-- name: recent_of_number
SELECT count(*) AS n, min(at) AS oldest FROM recent_recipient
WHERE tenant = :tenant AND scope = :scope AND number = :number AND at > :since

-- name: recent_in_range
SELECT count(DISTINCT number) AS n FROM recent_recipient
WHERE tenant = :tenant AND scope = :scope AND number >= :low AND number < :high AND number <> :number AND at > :since

-- name: recent_distinct
SELECT count(DISTINCT number) AS n FROM recent_recipient
WHERE tenant = :tenant AND scope = :scope AND number <> :number AND at > :since

-- name: recent_forget
DELETE FROM recent_recipient WHERE tenant = :tenant AND scope = :scope AND number = :number AND id = :id

-- name: recent_prune
DELETE FROM recent_recipient WHERE at < :before

-- name: destination_of
SELECT first_at FROM destination WHERE tenant = :tenant AND country = :country

-- name: destination_add
INSERT INTO destination (tenant, country, first_at) VALUES (:tenant, :country, :first_at)
ON CONFLICT (tenant, country) DO NOTHING

-- name: destination_known
INSERT INTO destination (tenant, country, first_at) VALUES (:tenant, :country, 0)
ON CONFLICT (tenant, country) DO UPDATE SET first_at = 0

-- name: key_first_named
SELECT id FROM credential WHERE tenant = :tenant AND name = :name ORDER BY created_at, id LIMIT 1

-- name: key_name
SELECT name FROM credential WHERE id = :id

-- name: lane_of_message
SELECT not_before, reason FROM lane
WHERE route = :route AND priority = :priority AND tenant = :tenant AND name = :lane

-- name: lane_ahead
SELECT count(*) AS n FROM (SELECT 1 FROM message WHERE route = :route AND priority = :priority AND lane = :lane
    AND state = 'queued' AND ready = 1 AND id < :id LIMIT :limit) AS ahead

-- name: lanes_count
SELECT count(*) AS n FROM lane WHERE route = :route AND priority = :priority

-- name: route_waiting
SELECT count(*) AS n FROM (SELECT 1 FROM message WHERE route = :route AND state = 'queued' AND ready = 1 LIMIT :limit)
    AS waiting

-- name: conversation_any
SELECT 1 AS known FROM conversation WHERE tenant = :tenant LIMIT 1

-- name: destination_any
-- Countries that were tried in the sandbox say nothing about home.
SELECT 1 AS known FROM destination
WHERE tenant = :tenant AND country NOT LIKE 'sandbox:%' LIMIT 1
