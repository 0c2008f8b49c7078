-- Events are let go by age, but not those that a delivery still waits with.

CREATE INDEX delivery_of_event ON delivery (event_seq) WHERE state = 'pending';
