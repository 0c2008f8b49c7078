-- How each key is used, so that an odd use is told once and no restart forgets it: networks that it came from, requests
-- of each hour, what was told, and which key took its place.

ALTER TABLE credential ADD COLUMN successor TEXT;

CREATE TABLE key_network (
    key_id TEXT NOT NULL,
    network TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (key_id, network)
);
CREATE INDEX key_network_last_seen ON key_network (last_seen);

CREATE TABLE key_hour (
    key_id TEXT NOT NULL,
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour)
);
CREATE INDEX key_hour_hour ON key_hour (hour);

CREATE TABLE key_anomaly (
    key_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    at INTEGER NOT NULL,
    figures TEXT NOT NULL,
    seen_at INTEGER,
    PRIMARY KEY (key_id, kind, cause)
);
CREATE INDEX key_anomaly_at ON key_anomaly (at);
