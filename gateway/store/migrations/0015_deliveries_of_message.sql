-- A message's page shows which programs were told of it; without this the list of all deliveries would be read.

CREATE INDEX delivery_of_subject ON delivery (subject, event_seq) WHERE subject IS NOT NULL;
