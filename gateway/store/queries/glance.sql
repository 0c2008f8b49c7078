-- What an overview shows.

-- name: glance_ended
SELECT state, sum(n) AS n FROM message_tally
WHERE tenant = :tenant AND minute >= :minute AND (sandbox = 1 OR :sandbox_only = 0)
GROUP BY state

-- name: glance_sent
-- On a day, recipients counts texts: each is one, however many parts and tries it takes.
SELECT coalesce(sum(recipients), 0) AS n FROM ledger
WHERE span = 'day' AND start = :day
    AND payer IN (SELECT 'line:' || id FROM line WHERE tenant = :tenant AND (emulated = 1 OR :sandbox_only = 0))

-- name: glance_received
SELECT count(*) AS n FROM inbound WHERE tenant = :tenant AND id >= :since AND (sandbox = 1 OR :sandbox_only = 0)

-- name: glance_in_doubt
-- Read by the index of what is in doubt alone (message_in_doubt): of a million messages those are few.
SELECT sandbox, count(*) AS n FROM message
WHERE tenant = :tenant AND state = 'in_doubt' AND (sandbox = 1 OR :sandbox_only = 0)
GROUP BY sandbox

-- name: glance_hours
SELECT start / 60 AS hour, sum(parts) AS parts FROM ledger
WHERE payer = :payer AND span = 'minute' AND start >= :start
GROUP BY start / 60
