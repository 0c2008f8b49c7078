-- What happened to a device or a line: links, states, self-tests, texts that failed.

-- name: happened_to
SELECT type, at, snapshot FROM event
WHERE subject = :subject AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)
ORDER BY seq DESC LIMIT :limit

-- name: self_test_put
INSERT INTO self_test (id, tenant, line, ok, steps, took_ms, at)
VALUES (:id, :tenant, :line, :ok, :steps, :took_ms, :at)

-- name: self_tests_prune
DELETE FROM self_test WHERE line = :line AND id NOT IN
    (SELECT id FROM self_test WHERE line = :line ORDER BY id DESC LIMIT :kept)

-- name: self_tests_of
SELECT * FROM self_test WHERE line = :line AND tenant = :tenant ORDER BY id DESC LIMIT :limit

-- name: self_test_sent
-- To the number that it had: what others are sent is none, whatever its tags say.
SELECT id FROM message
WHERE tenant = :tenant AND line = :line AND to_number = sender AND id >= :since
    AND (SELECT value FROM json_each(message.tags) WHERE key = :tag) = :code
LIMIT 1

-- name: self_test_came_in
SELECT id FROM inbound
WHERE tenant = :tenant AND line = :line AND id >= :since
    AND (SELECT value FROM json_each(inbound.tags) WHERE key = :tag) = :code
LIMIT 1

-- name: newest_of_line
SELECT id, state, error FROM message WHERE tenant = :tenant AND line = :line AND id >= :since
ORDER BY id DESC LIMIT :limit

-- name: line_has_sent
SELECT count(*) AS n FROM
    (SELECT sent_at FROM message WHERE tenant = :tenant AND line = :line ORDER BY id DESC LIMIT :limit) AS newest
WHERE sent_at IS NOT NULL
