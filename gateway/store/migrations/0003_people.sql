-- People: contacts and groups, what they agreed to, and who wants no texts.

-- card is sealed JSON: name and e-mail; email_subject is HMAC-SHA256(pepper, e-mail), by which an import knows a
-- contact again. What lists filter by and routes need stays in clear.
CREATE TABLE contact (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    number TEXT,
    email_subject TEXT,
    card BLOB NOT NULL,
    language TEXT,
    timezone TEXT,
    channel TEXT,
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX contact_by_tenant ON contact (tenant, id);
CREATE INDEX contact_by_sandbox ON contact (tenant, id) WHERE sandbox = 1;
CREATE UNIQUE INDEX contact_by_number ON contact (tenant, number) WHERE number IS NOT NULL;
CREATE INDEX contact_by_email ON contact (tenant, email_subject, id) WHERE number IS NULL;

CREATE TABLE contact_group (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, name, sandbox)
);

CREATE TABLE group_member (
    group_id TEXT NOT NULL REFERENCES contact_group (id) ON DELETE CASCADE,
    contact_id TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    PRIMARY KEY (group_id, contact_id)
) WITHOUT ROWID;
CREATE INDEX group_member_of ON group_member (contact_id, group_id);

-- Append-only: a withdrawal is a row of its own. said_at is granted_at, or withdrawn_at of a withdrawal: the newest
-- word counts, whatever the order in which the words were recorded. announce_at is bookkeeping, NULL once done.
CREATE TABLE consent (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    number TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('transactional', 'marketing', 'urgent')),
    said TEXT NOT NULL CHECK (said IN ('granted', 'withdrawn')),
    said_at INTEGER NOT NULL,
    basis TEXT NOT NULL,
    source TEXT NOT NULL,
    proof BLOB,
    guardian BLOB,
    subject_is_child INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    withdrawn_at INTEGER,
    withdraws TEXT REFERENCES consent (id),
    language TEXT,
    timezone TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    announce_at INTEGER
);
-- At the same instant a withdrawal outweighs a grant ('withdrawn' sorts after 'granted').
CREATE INDEX consent_word ON consent (tenant, number, purpose, said_at, said, id);
CREATE INDEX consent_by_tenant ON consent (tenant, id);
CREATE INDEX consent_announce ON consent (announce_at) WHERE announce_at IS NOT NULL;

-- subject is HMAC-SHA256(pepper, E.164) in hex: it outlives the number, which an erasure takes away.
CREATE TABLE suppression (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    subject TEXT NOT NULL,
    number TEXT,
    source TEXT NOT NULL CHECK (source IN ('keyword', 'phone', 'email', 'letter', 'web', 'person', 'complaint',
        'erasure')),
    keyword TEXT,
    inbound_id TEXT,
    line TEXT,
    note BLOB,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    lifted_at INTEGER,
    lifted_by TEXT,
    lift_reason BLOB
);
CREATE UNIQUE INDEX suppression_active ON suppression (tenant, subject) WHERE lifted_at IS NULL;
CREATE INDEX suppression_by_subject ON suppression (tenant, subject, id);
CREATE INDEX suppression_by_tenant ON suppression (tenant, id);
