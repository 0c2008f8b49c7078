-- What follows from a received text: tags and silence on its row, work of its own, a line that a person keeps.
ALTER TABLE inbound ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE inbound ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;

-- A rule put this person on this line: it holds without the setting that holds for everybody.
ALTER TABLE conversation ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;

-- Work that a received text makes, each piece once. CHECK lists are compared with the values of inbound_rows by a test.
CREATE TABLE inbound_action (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    inbound_id TEXT NOT NULL REFERENCES inbound (id),
    sender TEXT NOT NULL,
    lane TEXT NOT NULL CHECK (lane IN ('text', 'webhook', 'email')),
    kind TEXT NOT NULL CHECK (kind IN ('confirm', 'answer', 'forward', 'webhook', 'email')),
    topic TEXT,
    rule TEXT,
    detail BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'done', 'failed', 'skipped')),
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    message_id TEXT,
    due_at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX inbound_action_due ON inbound_action (lane, due_at) WHERE state = 'pending';
CREATE INDEX inbound_action_sending ON inbound_action (id) WHERE state = 'sending';
CREATE INDEX inbound_action_of ON inbound_action (inbound_id, id);
CREATE INDEX inbound_action_of_sender ON inbound_action (tenant, sender, created_at);
CREATE INDEX inbound_action_finished ON inbound_action (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX line_by_number ON line (tenant, number) WHERE number IS NOT NULL;
