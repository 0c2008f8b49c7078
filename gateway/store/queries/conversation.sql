-- The inbox by number, and what was said with one of them. Sandbox readers have statements of their own, so that each
-- is answered by an index.

-- name: inbox_put
INSERT INTO inbox (tenant, number, newest, newest_sandbox, unread, unread_sandbox)
VALUES (:tenant, :number, :newest, :newest_sandbox, :unread, :unread_sandbox)
ON CONFLICT (tenant, number) DO UPDATE SET newest = excluded.newest,
    newest_sandbox = coalesce(excluded.newest_sandbox, inbox.newest_sandbox),
    unread = inbox.unread + excluded.unread, unread_sandbox = inbox.unread_sandbox + excluded.unread_sandbox

-- name: inbox_unread
SELECT number, newest AS id, unread FROM inbox
WHERE tenant = :tenant AND unread > 0 AND (:after = '' OR newest < :after) ORDER BY newest DESC LIMIT :limit

-- name: inbox_read
SELECT number, newest AS id, unread FROM inbox
WHERE tenant = :tenant AND unread = 0 AND (:after = '' OR newest < :after) ORDER BY newest DESC LIMIT :limit

-- name: inbox_unread_sandbox
SELECT number, newest_sandbox AS id, unread_sandbox AS unread FROM inbox
WHERE tenant = :tenant AND unread_sandbox > 0 AND (:after = '' OR newest_sandbox < :after)
ORDER BY newest_sandbox DESC LIMIT :limit

-- name: inbox_read_sandbox
SELECT number, newest_sandbox AS id, unread_sandbox AS unread FROM inbox
WHERE tenant = :tenant AND unread_sandbox = 0 AND newest_sandbox IS NOT NULL AND (:after = '' OR newest_sandbox < :after)
ORDER BY newest_sandbox DESC LIMIT :limit

-- name: inbox_count
SELECT count(*) AS n FROM (SELECT 1 FROM inbox WHERE tenant = :tenant AND unread > 0 LIMIT :limit) AS some

-- name: inbox_count_sandbox
SELECT count(*) AS n FROM (SELECT 1 FROM inbox WHERE tenant = :tenant AND unread_sandbox > 0 LIMIT :limit) AS some

-- name: inbox_of
SELECT number, CASE WHEN :sandbox_only = 1 THEN newest_sandbox ELSE newest END AS id,
    CASE WHEN :sandbox_only = 1 THEN unread_sandbox ELSE unread END AS unread
FROM inbox WHERE tenant = :tenant AND number = :number AND (:sandbox_only = 0 OR newest_sandbox IS NOT NULL)

-- name: inbox_from
SELECT number FROM inbox
WHERE tenant = :tenant AND number >= :low AND number < :high AND (:sandbox_only = 0 OR newest_sandbox IS NOT NULL)
ORDER BY number LIMIT :limit

-- name: inbox_seen
-- Only while the newest text is the one that was shown: one that came meanwhile was not.
UPDATE inbox SET unread = 0, unread_sandbox = 0
WHERE tenant = :tenant AND number = :number AND newest = :newest AND unread > 0

-- name: inbox_seen_sandbox
UPDATE inbox SET unread = unread - unread_sandbox, unread_sandbox = 0
WHERE tenant = :tenant AND number = :number AND newest_sandbox = :newest AND unread_sandbox > 0

-- name: inbound_from
SELECT * FROM inbound
WHERE tenant = :tenant AND sender = :sender AND (sandbox = 1 OR :sandbox_only = 0) AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit
