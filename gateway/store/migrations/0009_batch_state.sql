-- Batches by their state: each tick asks for those that are done and those that ended, however many there ever were.
-- (SQLite does not see that state = 'running' is one of NOT IN ('completed').)

DROP INDEX batch_open;
CREATE INDEX batch_by_state ON batch (state);
