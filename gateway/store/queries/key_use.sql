-- How keys are used, and what was odd about it.

-- name: key_networks
SELECT network, first_seen FROM key_network WHERE key_id = :key_id

-- name: key_network_seen
INSERT INTO key_network (key_id, network, first_seen, last_seen)
VALUES (:key_id, :network, :first_seen, :last_seen)
ON CONFLICT (key_id, network) DO UPDATE SET last_seen = excluded.last_seen

-- name: key_network_first
SELECT min(first_seen) AS at FROM key_network WHERE key_id = :key_id

-- name: key_networks_forget
DELETE FROM key_network WHERE last_seen < :before

-- name: key_hours
SELECT hour, requests FROM key_hour WHERE key_id = :key_id

-- name: key_hour_more
INSERT INTO key_hour (key_id, hour, requests) VALUES (:key_id, :hour, :requests)
ON CONFLICT (key_id, hour) DO UPDATE SET requests = key_hour.requests + excluded.requests

-- name: key_hours_forget
DELETE FROM key_hour WHERE hour < :before

-- name: key_anomaly_told
SELECT max(at) AS at FROM key_anomaly WHERE key_id = :key_id AND kind = :kind

-- name: key_anomaly_tell
INSERT INTO key_anomaly (key_id, kind, cause, at, figures) VALUES (:key_id, :kind, :cause, :at, :figures)
ON CONFLICT (key_id, kind, cause) DO UPDATE SET at = excluded.at, figures = excluded.figures, seen_at = NULL

-- name: key_anomalies_forget
DELETE FROM key_anomaly WHERE at < :before

-- name: key_anomalies_of
SELECT a.key_id, a.kind, a.figures, a.at, a.seen_at FROM key_anomaly a
JOIN credential c ON c.id = a.key_id
WHERE c.tenant = :tenant ORDER BY a.at DESC, a.kind, a.cause

-- name: key_anomalies_seen
UPDATE key_anomaly SET seen_at = :at WHERE key_id = :key_id AND seen_at IS NULL
