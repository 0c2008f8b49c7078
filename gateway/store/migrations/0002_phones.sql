-- Phones: devices with a journal, paired by a key of their own.

-- Which device with a journal has the newest attempt; NULL for a modem, whose silence nobody can ask about later.
ALTER TABLE message ADD COLUMN device TEXT;
-- Which device may speak of a part: a phone is not believed about the attempts of another (rules CMP-2).
ALTER TABLE part ADD COLUMN device TEXT;
CREATE INDEX message_with_device ON message (device) WHERE device IS NOT NULL AND state IN ('submitting', 'in_doubt');

ALTER TABLE device ADD COLUMN health TEXT;
ALTER TABLE device ADD COLUMN notes TEXT;

CREATE TABLE phone (
    install_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    serialno TEXT,
    label TEXT,
    key_id TEXT NOT NULL UNIQUE,
    key_digest BLOB NOT NULL,
    paired_at INTEGER NOT NULL,
    revoked_at INTEGER,
    cap_parts INTEGER,
    cap_window_s INTEGER,
    last_seen INTEGER
);
CREATE INDEX phone_by_serialno ON phone (serialno) WHERE serialno IS NOT NULL;
