-- The queue as lanes that take turns, one ledger for every limit, batches, and approvals.

ALTER TABLE message ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN country TEXT;
ALTER TABLE message ADD COLUMN template_id TEXT;
ALTER TABLE message ADD COLUMN template_version INTEGER;
-- What the network was given for it, in millionths of the currency of its line.
ALTER TABLE message ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN currency TEXT;
-- 'opt_out': an urgent text that may pass a suppression; 'reply': our own answer to a STOP, START or HELP.
ALTER TABLE message ADD COLUMN passes TEXT;
-- Who is told when it fails or is late (JSON), and whether that has been done.
ALTER TABLE message ADD COLUMN notify TEXT;
ALTER TABLE message ADD COLUMN notified INTEGER;

UPDATE message SET lane = 'key:' || key_id WHERE state IN ('held', 'queued', 'submitting', 'in_doubt');
DROP INDEX message_ready;
CREATE INDEX message_ready ON message (route, priority, lane, id) WHERE state = 'queued' AND ready = 1;
-- A STOP finds what still waits for its sender without a look at what was sent to them.
CREATE INDEX message_waiting_for ON message (tenant, to_number) WHERE state IN ('held', 'queued');
CREATE INDEX message_of_batch_waiting ON message (batch_id, id) WHERE state IN ('held', 'queued') AND batch_id IS NOT NULL;
CREATE INDEX message_notify ON message (tenant, id) WHERE notify IS NOT NULL AND notified IS NULL;

-- Messages of one sender, or of one batch, with one priority on one route: lanes take turns, messages wait in line.
CREATE TABLE lane (
    route TEXT NOT NULL,
    priority INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    batch_id TEXT,
    urgent INTEGER NOT NULL,
    turn INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    reason TEXT,
    PRIMARY KEY (route, priority, tenant, name)
) WITHOUT ROWID;
CREATE INDEX lane_waits ON lane (not_before) WHERE not_before IS NOT NULL;

-- When each tenant had its last turn on a route.
CREATE TABLE share (
    route TEXT NOT NULL,
    priority INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    turn INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (route, priority, tenant)
) WITHOUT ROWID;

INSERT INTO lane (route, priority, tenant, name, batch_id, urgent)
SELECT DISTINCT route, priority, tenant, lane, NULL, 0 FROM message WHERE state = 'queued' AND ready = 1;
INSERT INTO share (route, priority, tenant) SELECT DISTINCT route, priority, tenant FROM lane;

-- What was given to the network: by payer (line:, device:, key:, tenant:) and by second, minute, day and billing month.
-- Every limit is kept against it, and it is written in the transaction of the claim.
CREATE TABLE ledger (
    payer TEXT NOT NULL,
    span TEXT NOT NULL CHECK (span IN ('second', 'minute', 'day', 'month')),
    start INTEGER NOT NULL,
    parts INTEGER NOT NULL DEFAULT 0,
    cost INTEGER NOT NULL DEFAULT 0,
    recipients INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (payer, span, start)
) WITHOUT ROWID;
INSERT INTO ledger (payer, span, start, parts)
SELECT CASE WHEN line LIKE 'device:%' THEN line ELSE 'line:' || line END, 'second', second, parts FROM line_use;
INSERT INTO ledger (payer, span, start, parts)
SELECT 'line:' || line, 'day', CAST(strftime('%s', datetime(second, 'unixepoch', 'localtime', 'start of day'), 'utc') AS INTEGER),
    sum(parts)
FROM line_use WHERE line NOT LIKE 'device:%' GROUP BY 1, 3;
DROP TABLE line_use;

-- Whom a line has written to in a billing month.
CREATE TABLE line_recipient (
    line TEXT NOT NULL,
    month INTEGER NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (line, month, number)
) WITHOUT ROWID;

-- Which line a person knows us by.
CREATE TABLE conversation (
    tenant TEXT NOT NULL,
    number TEXT NOT NULL,
    line TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;

ALTER TABLE line ADD COLUMN per_hour INTEGER;
ALTER TABLE line ADD COLUMN per_month INTEGER;
ALTER TABLE line ADD COLUMN recipients_per_month INTEGER;
ALTER TABLE line ADD COLUMN billing_day INTEGER;
ALTER TABLE line ADD COLUMN tariff TEXT;
ALTER TABLE line ADD COLUMN quiet_hours TEXT;

-- Pumping guards: who was written to in the last hour by whom, and which countries are known.
CREATE TABLE recent_recipient (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    number TEXT NOT NULL,
    at INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (tenant, scope, number, at, id)
) WITHOUT ROWID;
CREATE INDEX recent_recipient_age ON recent_recipient (at);
CREATE TABLE destination (
    tenant TEXT NOT NULL,
    country TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, country)
) WITHOUT ROWID;

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('receiving', 'held', 'running', 'paused', 'completed', 'cancelled', 'expired', 'rejected')),
    held_reason TEXT,
    name TEXT,
    reference TEXT,
    purpose TEXT NOT NULL,
    tags TEXT NOT NULL,
    text BLOB,
    template_id TEXT,
    template_version INTEGER,
    fallback TEXT,
    total INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    parts INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    resend_of TEXT,
    created_at INTEGER NOT NULL,
    send_at INTEGER,
    expires_at INTEGER,
    started_at INTEGER,
    completed_at INTEGER
);
CREATE INDEX batch_by_tenant ON batch (tenant, id);
CREATE INDEX batch_open ON batch (state) WHERE state NOT IN ('completed');

CREATE TABLE batch_count (
    batch_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (batch_id, state)
) WITHOUT ROWID;

CREATE TABLE batch_rejected (
    batch_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    number INTEGER NOT NULL,
    row BLOB,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (batch_id, number)
) WITHOUT ROWID;

ALTER TABLE idempotency ADD COLUMN batch_id TEXT;

CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('message', 'batch')),
    subject TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    reason TEXT NOT NULL,
    author_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    alike TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'expired', 'void')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    note TEXT
);
CREATE INDEX approval_by_tenant ON approval (tenant, id);
CREATE INDEX approval_pending ON approval (expires_at) WHERE state = 'pending';
CREATE INDEX approval_alike ON approval (tenant, alike) WHERE state = 'pending' AND alike IS NOT NULL;
CREATE UNIQUE INDEX approval_of ON approval (subject) WHERE state = 'pending';
