-- Sticks and phones that were found and that nobody wants here: kept, so that a restart does not show them as found again.
-- The name stays for the list of them, since they may be away. The port is that of a modem, which is then left alone.

CREATE TABLE ignored_device (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    port TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
);
