-- What the doctor changed, and what people do not want to hear of now. The findings themselves are never stored: they
-- are looked for anew. CHECK lists are compared with the values of gateway.store.doctor by a test.

-- finding and change are JSON: what was wrong, and what was changed with how it was before, written before the change.
CREATE TABLE doctor_repair (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    finding TEXT NOT NULL,
    change TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'fixed', 'open')),
    said TEXT NOT NULL DEFAULT '',
    began_at INTEGER NOT NULL,
    fixed_at INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE doctor_snooze (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
