-- Self-tests of lines: when, and what each step saw (JSON). The newest of each line are kept.

CREATE TABLE self_test (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    line TEXT NOT NULL,
    ok INTEGER NOT NULL,
    steps TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX self_test_by_line ON self_test (line, id);
