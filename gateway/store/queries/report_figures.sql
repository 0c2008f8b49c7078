-- What reports count. A head (what is counted) and a tail (of which rows) make one statement: the tails give the same
-- columns, so texts, tries on other channels and received texts are counted alike. key_1 and key_2 are what is grouped by.

-- name: figure_counts
SELECT key_1, key_2, state AS kind_1, currency AS kind_2, count(*) AS n, sum(parts) AS parts, sum(cost) AS cost FROM

-- name: figure_sent_after
-- Times in steps (0.1 s in the first minute, then a second, a minute, an hour), so that there are few of them.
SELECT key_1, key_2,
    CASE WHEN sent_after < 60000 THEN sent_after - sent_after % 100
        WHEN sent_after < 3600000 THEN sent_after - sent_after % 1000
        WHEN sent_after < 86400000 THEN sent_after - sent_after % 60000
        ELSE sent_after - sent_after % 3600000 END AS kind_1,
    NULL AS kind_2, count(*) AS n
FROM

-- name: figure_delivered_after
SELECT key_1, key_2,
    CASE WHEN delivered_after < 60000 THEN delivered_after - delivered_after % 100
        WHEN delivered_after < 3600000 THEN delivered_after - delivered_after % 1000
        WHEN delivered_after < 86400000 THEN delivered_after - delivered_after % 60000
        ELSE delivered_after - delivered_after % 3600000 END AS kind_1,
    NULL AS kind_2, count(*) AS n
FROM

-- name: figure_recipients
SELECT key_1, key_2, NULL AS kind_1, NULL AS kind_2, count(DISTINCT to_number) AS n FROM

-- name: figure_of_messages
-- Ids begin with their time, so a range of them is a range of times; created_at draws its edges exactly.
(SELECT
    CASE :by_1
        WHEN 'day' THEN CAST((created_at - :start) / :day_ms AS TEXT)
        WHEN 'line' THEN coalesce(line, CASE WHEN home_route LIKE 'line:%' THEN substr(home_route, 6) END)
        WHEN 'key' THEN key_id
        WHEN 'tenant' THEN tenant
        WHEN 'country' THEN country
        WHEN 'template' THEN template_id
        WHEN 'batch' THEN batch_id
        WHEN 'purpose' THEN purpose
        WHEN 'channel' THEN 'sms'
        WHEN 'cause' THEN (SELECT value FROM json_each(message.error) WHERE key = 'code')
        WHEN 'tag' THEN (SELECT value FROM json_each(message.tags) WHERE key = :tag_1)
    END AS key_1,
    CASE :by_2
        WHEN 'day' THEN CAST((created_at - :start) / :day_ms AS TEXT)
        WHEN 'line' THEN coalesce(line, CASE WHEN home_route LIKE 'line:%' THEN substr(home_route, 6) END)
        WHEN 'key' THEN key_id
        WHEN 'tenant' THEN tenant
        WHEN 'country' THEN country
        WHEN 'template' THEN template_id
        WHEN 'batch' THEN batch_id
        WHEN 'purpose' THEN purpose
        WHEN 'channel' THEN 'sms'
        WHEN 'cause' THEN (SELECT value FROM json_each(message.error) WHERE key = 'code')
        WHEN 'tag' THEN (SELECT value FROM json_each(message.tags) WHERE key = :tag_2)
    END AS key_2,
    state, currency, parts, cost, to_number,
    CASE WHEN send_at > created_at THEN sent_at - send_at ELSE sent_at - created_at END AS sent_after,
    CASE WHEN send_at > created_at THEN delivered_at - send_at ELSE delivered_at - created_at END AS delivered_after
FROM message
WHERE tenant = :tenant AND id >= :low AND id < :high AND created_at >= :since AND created_at < :until
    AND (sandbox = 1 OR :sandbox_only = 0)
) AS figure
GROUP BY key_1, key_2, kind_1, kind_2

-- name: figure_of_attempts
-- Tries on channels that are no text; those by text are counted as the message that carries them.
(SELECT
    CASE :by_1
        WHEN 'day' THEN CAST((notification.created_at - :start) / :day_ms AS TEXT)
        WHEN 'key' THEN notification.key_id
        WHEN 'tenant' THEN notification.tenant
        WHEN 'batch' THEN notification.bulk_id
        WHEN 'purpose' THEN (SELECT value FROM json_each(notification.sms) WHERE key = 'purpose')
        WHEN 'channel' THEN attempt.channel
        WHEN 'cause' THEN (SELECT value FROM json_each(attempt.error) WHERE key = 'code')
        WHEN 'tag' THEN (SELECT value FROM json_each(notification.sms, '$.tags') WHERE key = :tag_1)
    END AS key_1,
    CASE :by_2
        WHEN 'day' THEN CAST((notification.created_at - :start) / :day_ms AS TEXT)
        WHEN 'key' THEN notification.key_id
        WHEN 'tenant' THEN notification.tenant
        WHEN 'batch' THEN notification.bulk_id
        WHEN 'purpose' THEN (SELECT value FROM json_each(notification.sms) WHERE key = 'purpose')
        WHEN 'channel' THEN attempt.channel
        WHEN 'cause' THEN (SELECT value FROM json_each(attempt.error) WHERE key = 'code')
        WHEN 'tag' THEN (SELECT value FROM json_each(notification.sms, '$.tags') WHERE key = :tag_2)
    END AS key_2,
    attempt.status AS state, NULL AS currency, 0 AS parts, 0 AS cost
FROM notification JOIN notification_attempt AS attempt ON attempt.notification_id = notification.id
WHERE notification.tenant = :tenant AND notification.id >= :low AND notification.id < :high
    AND notification.created_at >= :since AND notification.created_at < :until
    AND (notification.sandbox = 1 OR :sandbox_only = 0)
    AND attempt.channel <> 'sms' AND (:channel = '' OR attempt.channel = :channel)
    AND NOT EXISTS (SELECT 1 FROM notification_bulk AS bulk WHERE bulk.id = notification.bulk_id AND bulk.ready = 0)
) AS figure
GROUP BY key_1, key_2, kind_1, kind_2

-- name: figure_of_inbound
(SELECT
    CASE :by_1
        WHEN 'day' THEN CAST((received_at - :start) / :day_ms AS TEXT)
        WHEN 'line' THEN line
        WHEN 'tenant' THEN tenant
        WHEN 'channel' THEN 'sms'
        WHEN 'tag' THEN (SELECT value FROM json_each(inbound.tags) WHERE key = :tag_1)
    END AS key_1,
    CASE :by_2
        WHEN 'day' THEN CAST((received_at - :start) / :day_ms AS TEXT)
        WHEN 'line' THEN line
        WHEN 'tenant' THEN tenant
        WHEN 'channel' THEN 'sms'
        WHEN 'tag' THEN (SELECT value FROM json_each(inbound.tags) WHERE key = :tag_2)
    END AS key_2,
    'received' AS state, NULL AS currency, 0 AS parts, 0 AS cost
FROM inbound
WHERE tenant = :tenant AND id >= :low AND id < :high AND received_at >= :since AND received_at < :until
    AND (sandbox = 1 OR :sandbox_only = 0)
) AS figure
GROUP BY key_1, key_2, kind_1, kind_2

-- name: figure_cut
-- Where a read ends, so that none is long: the id behind so many rows.
SELECT id FROM message WHERE tenant = :tenant AND id >= :low AND id < :high ORDER BY id LIMIT 1 OFFSET :rows

-- name: figure_name_of_line
SELECT coalesce(label, number, iccid) AS name FROM line
WHERE tenant = :tenant AND id = :id AND (emulated = 1 OR :sandbox_only = 0)

-- name: figure_name_of_key
SELECT name FROM credential WHERE tenant = :tenant AND id = :id AND (sandbox = 1 OR :sandbox_only = 0)

-- name: figure_name_of_template
SELECT name FROM template WHERE tenant = :tenant AND id = :id AND (sandbox = 1 OR :sandbox_only = 0)

-- name: figure_name_of_batch
SELECT name FROM batch WHERE tenant = :tenant AND id = :id AND (sandbox = 1 OR :sandbox_only = 0)
