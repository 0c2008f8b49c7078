-- Received texts that sound like a stop without being one: a person decides. Settled ones are kept with who decided.

CREATE TABLE suspected_stop (
    inbound_id TEXT PRIMARY KEY REFERENCES inbound (id),
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    sender TEXT NOT NULL,
    at INTEGER NOT NULL,
    settled_at INTEGER,
    settled_by TEXT
);
CREATE INDEX suspected_stop_open ON suspected_stop (tenant, sender) WHERE settled_at IS NULL;
