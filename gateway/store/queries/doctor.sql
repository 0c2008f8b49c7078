-- What the doctor changed, and what people do not want to hear of now.

-- name: doctor_repairs
SELECT * FROM doctor_repair WHERE tenant = :tenant ORDER BY began_at, id

-- name: doctor_repair_begin
-- What was there before the first change is what an undo gives back: a second try that comes before it keeps it.
INSERT INTO doctor_repair (tenant, id, finding, change, state, began_at)
VALUES (:tenant, :id, :finding, :change, 'begun', :at)
ON CONFLICT (tenant, id) DO UPDATE SET
    finding = excluded.finding, said = '', began_at = excluded.began_at, fixed_at = NULL,
    change = CASE WHEN doctor_repair.state = 'fixed' THEN excluded.change ELSE doctor_repair.change END,
    state = 'begun'

-- name: doctor_repair_end
UPDATE doctor_repair SET state = :state, said = :said, fixed_at = :fixed_at
WHERE tenant = :tenant AND id = :id

-- name: doctor_repair_delete
DELETE FROM doctor_repair WHERE tenant = :tenant AND id = :id

-- name: doctor_repairs_prune
DELETE FROM doctor_repair WHERE tenant = :tenant AND state = 'fixed' AND fixed_at < :before

-- name: doctor_snoozes
SELECT id, until FROM doctor_snooze WHERE tenant = :tenant AND until > :now

-- name: doctor_snooze_put
INSERT INTO doctor_snooze (tenant, id, until) VALUES (:tenant, :id, :until)
ON CONFLICT (tenant, id) DO UPDATE SET until = excluded.until

-- name: doctor_snooze_delete
DELETE FROM doctor_snooze WHERE tenant = :tenant AND id = :id

-- name: doctor_snoozes_prune
DELETE FROM doctor_snooze WHERE tenant = :tenant AND until <= :now
