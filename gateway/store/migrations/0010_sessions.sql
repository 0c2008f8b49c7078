-- People at the dashboard: links that sign in once, and sessions. Only SHA-256 of their tokens is stored; each stands
-- for one key (key_digest tells the key of the environment from its successor) and ends with it.

CREATE TABLE sign_in_link (
    digest BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_digest BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);

CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX session_used ON session (used_at);
