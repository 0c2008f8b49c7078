-- PINs that people entered and that their SIMs took, sealed: a restart or another port asks nobody again.

CREATE TABLE sim_pin (
    iccid TEXT PRIMARY KEY,
    pin BLOB NOT NULL,
    at INTEGER NOT NULL
);
