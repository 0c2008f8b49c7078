-- Templates with their versions, and schedules: what is sent again and again, by the calendar.

CREATE TABLE template (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
);
CREATE UNIQUE INDEX template_by_name ON template (tenant, sandbox, name) WHERE deleted_at IS NULL;
CREATE INDEX template_by_tenant ON template (tenant, id) WHERE deleted_at IS NULL;

-- Append-only: a message keeps the id and version it was made from, so no version is ever changed.
CREATE TABLE template_version (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    template_id TEXT NOT NULL REFERENCES template (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    default_language TEXT NOT NULL,
    texts BLOB NOT NULL,
    subject BLOB,
    html BLOB,
    key_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (template_id, version)
);

CREATE TABLE schedule (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'ended')),
    paused_reason TEXT,
    rrule TEXT NOT NULL,
    start_local TEXT NOT NULL,
    timezone TEXT NOT NULL,
    exdates TEXT NOT NULL,
    recipients_group TEXT,
    text BLOB,
    template_id TEXT,
    template_version INTEGER,
    language TEXT,
    template_values BLOB,
    purpose TEXT NOT NULL,
    line TEXT,
    pool TEXT,
    priority INTEGER NOT NULL,
    valid_for_s INTEGER,
    reference TEXT,
    tags TEXT NOT NULL,
    revision INTEGER NOT NULL,
    next_at INTEGER,
    not_before INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX schedule_due ON schedule (next_at) WHERE state = 'active';
CREATE INDEX schedule_by_tenant ON schedule (tenant, id);
CREATE INDEX schedule_by_key ON schedule (tenant, key_id);

-- Rows of their own, so that a number is found, and can be erased, without reading every schedule.
CREATE TABLE schedule_recipient (
    tenant TEXT NOT NULL,
    schedule_id TEXT NOT NULL REFERENCES schedule (id),
    position INTEGER NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (schedule_id, position)
);
CREATE INDEX schedule_recipient_number ON schedule_recipient (tenant, number);

-- What came of each occurrence. A stretch that was missed is one row, up to missed_until.
CREATE TABLE schedule_run (
    tenant TEXT NOT NULL,
    schedule_id TEXT NOT NULL REFERENCES schedule (id),
    occurrence_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'refused', 'missed')),
    accepted INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    refusals BLOB,
    message_id TEXT,
    missed_until INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, occurrence_at)
);
