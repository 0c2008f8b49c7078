-- Notifications: one person told by one channel after the other, until one of them reaches them.
-- CHECK lists are compared with gateway.notification_flow by a test.

-- Many in one request. Until ready = 1 its notifications do not exist for anybody: all or none.
CREATE TABLE notification_bulk (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    run TEXT NOT NULL,
    ready INTEGER NOT NULL,
    total INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    remarks BLOB,
    created_at INTEGER NOT NULL
);
CREATE INDEX notification_bulk_open ON notification_bulk (run) WHERE ready = 0;

CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    key_sandbox INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    bulk_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'delivered', 'failed')),
    held_reason TEXT,
    channels TEXT NOT NULL,
    step INTEGER NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('sms', 'email', 'slack', 'webhook')),
    due_at INTEGER,
    deadline_at INTEGER,
    fallback_after_s INTEGER,
    recipient BLOB NOT NULL,
    subject BLOB,
    body BLOB NOT NULL,
    html BLOB,
    sms TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
-- Singles before those of bulks, each in the order in which they fell due; what waits for word is in none of these.
CREATE INDEX notification_due_alone ON notification (channel, due_at)
    WHERE due_at IS NOT NULL AND held_reason IS NULL AND bulk_id IS NULL;
CREATE INDEX notification_due_bulk ON notification (channel, due_at)
    WHERE due_at IS NOT NULL AND held_reason IS NULL AND bulk_id IS NOT NULL;
CREATE INDEX notification_by_tenant ON notification (tenant, id);
CREATE INDEX notification_by_bulk ON notification (tenant, bulk_id, state, id) WHERE bulk_id IS NOT NULL;
CREATE INDEX notification_held ON notification (tenant) WHERE held_reason IS NOT NULL;

-- One row for each channel that was tried; tries on the same channel count up.
CREATE TABLE notification_attempt (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    notification_id TEXT NOT NULL REFERENCES notification (id),
    step INTEGER NOT NULL,
    channel TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'in_doubt')),
    tries INTEGER NOT NULL,
    message_id TEXT,
    error TEXT,
    detail TEXT,
    changed_at INTEGER NOT NULL,
    UNIQUE (notification_id, step)
);
CREATE INDEX notification_attempt_message ON notification_attempt (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX notification_attempt_sending ON notification_attempt (id) WHERE status = 'sending';
