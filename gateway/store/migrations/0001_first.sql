-- The first schema. Times are integer UTC milliseconds, ids UUIDv7 text, JSON is text, sealed values are blobs.
-- CHECK lists of states are compared with gateway.lifecycle by a test.

CREATE TABLE message (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'queued', 'submitting', 'in_doubt', 'sent', 'delivered',
        'undelivered', 'failed', 'expired', 'cancelled')),
    ready INTEGER NOT NULL,
    to_number TEXT NOT NULL,
    text BLOB,
    octets BLOB,
    port INTEGER,
    encoding TEXT NOT NULL,
    coding TEXT NOT NULL,
    parts INTEGER NOT NULL,
    parts_sent INTEGER NOT NULL DEFAULT 0,
    parts_delivered INTEGER NOT NULL DEFAULT 0,
    parts_in_doubt INTEGER NOT NULL DEFAULT 0,
    route TEXT NOT NULL,
    home_route TEXT NOT NULL,
    pinned_until INTEGER,
    avoid_line TEXT,
    line_asked TEXT,
    line TEXT,
    sender TEXT,
    pool TEXT,
    sandbox INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    reference TEXT,
    batch_id TEXT,
    tags TEXT NOT NULL,
    delivery_report INTEGER NOT NULL,
    flash INTEGER NOT NULL,
    on_doubt TEXT NOT NULL,
    warnings TEXT NOT NULL,
    held_reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    copy INTEGER NOT NULL DEFAULT 1,
    concat_reference INTEGER,
    resend_after_doubt INTEGER NOT NULL DEFAULT 0,
    node TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    send_at INTEGER,
    due_at INTEGER,
    expires_at INTEGER NOT NULL,
    sent_at INTEGER,
    delivered_at INTEGER
);
-- Rows that may be claimed now, in the order in which a route gives them out; final rows are in none of these.
CREATE INDEX message_ready ON message (route, priority DESC, id) WHERE state = 'queued' AND ready = 1;
CREATE INDEX message_due ON message (due_at) WHERE ready = 0 AND due_at IS NOT NULL;
CREATE INDEX message_expires ON message (expires_at) WHERE state IN ('held', 'queued');
CREATE INDEX message_pinned ON message (pinned_until) WHERE pinned_until IS NOT NULL;
CREATE INDEX message_submitting ON message (node) WHERE state = 'submitting';
CREATE INDEX message_by_tenant ON message (tenant, id);
CREATE INDEX message_by_sandbox ON message (tenant, id) WHERE sandbox = 1;
CREATE INDEX message_by_state ON message (tenant, state, id);
CREATE INDEX message_by_number ON message (tenant, to_number, id);
CREATE INDEX message_by_line ON message (tenant, line, id) WHERE line IS NOT NULL;
CREATE INDEX message_by_reference ON message (tenant, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX message_by_batch ON message (tenant, batch_id, id) WHERE batch_id IS NOT NULL;

CREATE TABLE state_count (
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (tenant, state)
);

CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    message_id TEXT NOT NULL REFERENCES message (id),
    attempt_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    copy INTEGER NOT NULL,
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'submitting', 'in_doubt', 'not_sent', 'rejected', 'sent',
        'undelivered', 'delivered')),
    line TEXT NOT NULL,
    to_tail TEXT NOT NULL,
    mr INTEGER,
    mr_predicted INTEGER,
    tpdu BLOB,
    submitted_at INTEGER,
    sent_at INTEGER,
    report_status INTEGER,
    reported_at INTEGER,
    error TEXT,
    UNIQUE (attempt_id, number)
);
CREATE INDEX part_by_message ON part (message_id, attempt, number);
CREATE INDEX part_by_mr ON part (line, to_tail, mr, id) WHERE mr IS NOT NULL;
CREATE INDEX part_undecided ON part (line, to_tail) WHERE state IN ('submitting', 'in_doubt');
CREATE INDEX part_last_mr ON part (line, id) WHERE mr IS NOT NULL;

-- Reports that match no part yet: they may come before the +CMGS of their part.
CREATE TABLE report (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    line TEXT NOT NULL,
    ra_tail TEXT NOT NULL,
    mr INTEGER NOT NULL,
    st INTEGER NOT NULL,
    scts_at INTEGER,
    at INTEGER NOT NULL,
    tpdu BLOB NOT NULL
);
CREATE INDEX report_by_line ON report (line, ra_tail);

CREATE TABLE inbound (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sender TEXT NOT NULL,
    line TEXT NOT NULL,
    to_number TEXT,
    text BLOB,
    octets BLOB,
    port INTEGER,
    parts INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    type TEXT NOT NULL,
    keyword TEXT,
    url BLOB,
    sandbox INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    sent_at INTEGER
);
CREATE INDEX inbound_by_tenant ON inbound (tenant, id);

CREATE TABLE inbound_part (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    line TEXT NOT NULL,
    sender TEXT NOT NULL,
    concat_reference INTEGER,
    total INTEGER NOT NULL,
    number INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    tpdu BLOB NOT NULL,
    at INTEGER NOT NULL,
    inbound_id TEXT REFERENCES inbound (id),
    UNIQUE (line, fingerprint)
);
CREATE INDEX inbound_part_open ON inbound_part (line, sender, concat_reference, total) WHERE inbound_id IS NULL;
CREATE INDEX inbound_part_of ON inbound_part (inbound_id, number);

-- One append-only table: history of messages (public = 0) and what webhooks and streams see (public = 1).
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    public INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    subject TEXT,
    witness TEXT NOT NULL,
    attempt INTEGER,
    part INTEGER,
    line TEXT,
    detail TEXT,
    tpdu BLOB,
    snapshot TEXT
);
CREATE INDEX event_by_subject ON event (subject, seq) WHERE subject IS NOT NULL;

CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secrets BLOB NOT NULL,
    rotated_at INTEGER,
    include_text INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_reason TEXT,
    failures_in_row INTEGER NOT NULL DEFAULT 0,
    open_until INTEGER,
    last_success INTEGER
);

CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempt INTEGER NOT NULL,
    next_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    last_ms INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX delivery_due ON delivery (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX delivery_order ON delivery (webhook_id, subject, event_seq) WHERE state = 'pending';
CREATE INDEX delivery_list ON delivery (webhook_id, id);

CREATE TABLE line (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    iccid TEXT,
    imsi TEXT,
    number TEXT,
    label TEXT,
    pools TEXT NOT NULL,
    device_id TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    paused INTEGER NOT NULL DEFAULT 0,
    held_until INTEGER,
    held_reason TEXT,
    operator TEXT,
    signal_dbm INTEGER,
    roaming INTEGER,
    smsc TEXT,
    store_used INTEGER,
    store_total INTEGER,
    emulated INTEGER NOT NULL,
    per_minute INTEGER,
    per_day INTEGER,
    last_seen INTEGER NOT NULL
);

-- Parts given to a line, by second: pace and quotas count here, in the transaction of the claim.
CREATE TABLE line_use (
    line TEXT NOT NULL,
    second INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    PRIMARY KEY (line, second)
) WITHOUT ROWID;

CREATE TABLE device (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    maker TEXT,
    model TEXT,
    firmware TEXT,
    emulated INTEGER NOT NULL,
    attached INTEGER NOT NULL,
    reason TEXT,
    last_seen INTEGER NOT NULL
);

CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    scopes TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used INTEGER,
    last_address TEXT
);

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message_id TEXT,
    status INTEGER,
    body BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
