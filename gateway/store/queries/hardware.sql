-- Devices and lines.

-- name: device_put
INSERT INTO device (id, tenant, kind, address, maker, model, firmware, emulated, attached, reason, notes, health,
    last_seen)
VALUES (:id, :tenant, :kind, :address, :maker, :model, :firmware, :emulated, :attached, :reason, :notes, :health, :at)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, address = excluded.address, maker = excluded.maker,
    model = excluded.model, firmware = excluded.firmware, emulated = excluded.emulated,
    attached = excluded.attached, reason = excluded.reason, notes = excluded.notes,
    health = coalesce(excluded.health, device.health), last_seen = excluded.last_seen

-- name: device_by_id
SELECT * FROM device WHERE id = :id

-- name: devices_of
SELECT * FROM device WHERE tenant = :tenant AND (emulated = 1 OR :sandbox_only = 0) ORDER BY id

-- name: line_by_key
SELECT * FROM line WHERE key = :key

-- name: line_by_id
SELECT * FROM line WHERE id = :id

-- name: device_battery
SELECT json_extract(health, '$.battery_percent') AS percent FROM device WHERE id = :id

-- name: lines_of
SELECT * FROM line WHERE tenant = :tenant AND (emulated = 1 OR :sandbox_only = 0) ORDER BY id

-- name: line_insert
INSERT INTO line (id, tenant, key, iccid, imsi, number, label, pools, device_id, state, emulated, last_seen)
VALUES (:id, :tenant, :key, :iccid, :imsi, :number, :label, :pools, :device_id, :state, :emulated, :at)

-- name: line_update
UPDATE line SET iccid = :iccid, imsi = :imsi, number = :number, label = :label, pools = :pools,
    device_id = :device_id, state = :state, reason = :reason, operator = :operator, signal_dbm = :signal_dbm,
    roaming = :roaming, smsc = :smsc, store_used = :store_used, store_total = :store_total, emulated = :emulated,
    per_minute = :per_minute, per_hour = :per_hour, per_day = :per_day, per_month = :per_month,
    recipients_per_month = :recipients_per_month, billing_day = :billing_day, tariff = :tariff,
    quiet_hours = :quiet_hours, paused = :paused, held_until = :held_until,
    held_reason = :held_reason, last_seen = :at
WHERE id = :id

-- name: lines_detach
UPDATE line SET state = 'down', device_id = device_id WHERE state <> 'down'

-- name: devices_detach
UPDATE device SET attached = 0 WHERE attached = 1

-- name: line_queued
SELECT count(*) AS n, sum(parts) AS parts, max(due_at) AS due
FROM message WHERE tenant = :tenant AND state = 'queued' AND route = :route

-- name: lines_up
SELECT line.id FROM line, json_each(line.pools)
WHERE line.tenant = :tenant AND line.state = 'up' AND line.paused = 0
    AND json_each.value = :pool AND line.emulated = :emulated
