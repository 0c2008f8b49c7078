-- Sticks and phones that were found and that nobody wants here.

-- name: ignored_device_put
INSERT INTO ignored_device (tenant, id, kind, name, port, at) VALUES (:tenant, :id, :kind, :name, :port, :at)
ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, port = excluded.port

-- name: ignored_device_delete
DELETE FROM ignored_device WHERE tenant = :tenant AND id = :id

-- name: ignored_devices
SELECT * FROM ignored_device WHERE tenant = :tenant ORDER BY at DESC, id

-- name: ignored_ports
-- Of all tenants: a port belongs to the machine.
SELECT port FROM ignored_device WHERE port IS NOT NULL
