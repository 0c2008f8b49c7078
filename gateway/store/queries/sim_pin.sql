-- PINs of SIMs, sealed; a SIM is known by its ICCID, whatever modem it is in.

-- name: sim_pin_of
SELECT pin FROM sim_pin WHERE iccid = :iccid

-- name: sim_pin_put
INSERT INTO sim_pin (iccid, pin, at) VALUES (:iccid, :pin, :at)
ON CONFLICT (iccid) DO UPDATE SET pin = excluded.pin, at = excluded.at

-- name: sim_pin_delete
DELETE FROM sim_pin WHERE iccid = :iccid
