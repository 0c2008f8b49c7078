-- What the inbox lists: one row for each number that wrote, kept up with each text, so that listing and counting do not
-- grow with the texts that are stored. The columns "…_sandbox" are of texts at emulated lines alone, which the others
-- include. Texts from before this table count as read.

CREATE TABLE inbox (
    tenant TEXT NOT NULL,
    number TEXT NOT NULL,
    newest TEXT NOT NULL,
    newest_sandbox TEXT,
    unread INTEGER NOT NULL DEFAULT 0,
    unread_sandbox INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;
CREATE INDEX inbox_unread ON inbox (tenant, newest) WHERE unread > 0;
CREATE INDEX inbox_read ON inbox (tenant, newest) WHERE unread = 0;
CREATE INDEX inbox_unread_sandbox ON inbox (tenant, newest_sandbox) WHERE unread_sandbox > 0;
CREATE INDEX inbox_read_sandbox ON inbox (tenant, newest_sandbox) WHERE unread_sandbox = 0 AND newest_sandbox IS NOT NULL;
INSERT INTO inbox (tenant, number, newest, newest_sandbox)
SELECT tenant, sender, max(id), max(CASE WHEN sandbox = 1 THEN id END) FROM inbound GROUP BY tenant, sender;

CREATE INDEX inbound_by_sender ON inbound (tenant, sender, id);

-- What people ask of a webhook: since when it fails, how long an answer took and how it began (sealed), which are dead.
ALTER TABLE webhook ADD COLUMN failing_since INTEGER;
ALTER TABLE delivery ADD COLUMN took_ms INTEGER;
ALTER TABLE delivery ADD COLUMN said BLOB;
CREATE INDEX delivery_dead_of_webhook ON delivery (webhook_id, id) WHERE state = 'dead';
