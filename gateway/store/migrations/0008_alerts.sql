-- Alerts, what they are judged by, and the letters that tell of them and of single messages.
-- CHECK lists are compared with the values of alert_rows by a test.

-- When a message became ready at its time; NULL: it was ready when it came.
ALTER TABLE message ADD COLUMN ready_at INTEGER;
-- From when on its sender is told that it is late.
ALTER TABLE message ADD COLUMN late_at INTEGER;
CREATE INDEX message_late ON message (tenant, late_at)
    WHERE late_at IS NOT NULL AND notified IS NULL AND state IN ('held', 'queued', 'submitting');
DROP INDEX message_notify;
-- (state once more: else SQLite would look at each row for it.)
CREATE INDEX message_in_doubt ON message (tenant, sandbox, key_id, state) WHERE state = 'in_doubt';
CREATE INDEX delivery_dead ON delivery (tenant, finished_at, event_type, state) WHERE state = 'dead';

-- How many messages ended how, by minute; written with the move, so that a rate costs no look at messages.
CREATE TABLE message_tally (
    tenant TEXT NOT NULL,
    minute INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('delivered', 'undelivered', 'failed', 'expired')),
    n INTEGER NOT NULL,
    PRIMARY KEY (tenant, minute, sandbox, state)
) WITHOUT ROWID;

-- What is alerted of, and what was: a restart repeats nothing. finding is the JSON of a Finding.
CREATE TABLE alert (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    finding TEXT NOT NULL,
    since INTEGER NOT NULL,
    active INTEGER NOT NULL,
    told_at INTEGER,
    owes_end INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, subject)
) WITHOUT ROWID;

CREATE TABLE alert_letter (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('email', 'sms', 'apprise', 'webhook')),
    topic TEXT NOT NULL,
    message_id TEXT,
    line TEXT,
    content BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'done', 'failed')),
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    carried_by TEXT,
    due_at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX alert_letter_due ON alert_letter (due_at) WHERE state = 'pending';
CREATE INDEX alert_letter_sending ON alert_letter (id) WHERE state = 'sending';
CREATE INDEX alert_letter_finished ON alert_letter (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX alert_letter_of ON alert_letter (tenant, message_id) WHERE message_id IS NOT NULL;
