-- What waits for a line is counted at each look at it; from this index alone, without a look at any message.

CREATE INDEX message_queued ON message (tenant, route, parts) WHERE state = 'queued';
