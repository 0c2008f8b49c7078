-- A database of the schema 0002_phones, as the release before 0003_people left it: what waits, what is on air, what was used.
-- Sealed with the key of tests/peers/store_world.py; the last row was written at 1795086430000.
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'gateway','0001_first','2026-11-28 21:13:30.071010+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'gateway','0002_phones','2026-11-28 21:13:30.074403+00:00');
CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    scopes TEXT NOT NULL,
    sandbox INTEGER NOT NULL,
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used INTEGER,
    last_address TEXT
);
CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempt INTEGER NOT NULL,
    next_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    last_ms INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    maker TEXT,
    model TEXT,
    firmware TEXT,
    emulated INTEGER NOT NULL,
    attached INTEGER NOT NULL,
    reason TEXT,
    last_seen INTEGER NOT NULL
, health TEXT, notes TEXT);
INSERT INTO "device" VALUES('imei-a','default','modem','port-a',NULL,NULL,NULL,0,1,NULL,1795000000000,NULL,'[]');
INSERT INTO "device" VALUES('imei-bb','default','modem','port-bb',NULL,NULL,NULL,0,1,NULL,1795000000000,NULL,'[]');
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    public INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    subject TEXT,
    witness TEXT NOT NULL,
    attempt INTEGER,
    part INTEGER,
    line TEXT,
    detail TEXT,
    tpdu BLOB,
    snapshot TEXT
);
INSERT INTO "event" VALUES(1,'01a22401-88de-747c-9ff7-2351b7fc675c','default',1795000000000,'device.attached',1,0,'imei-a','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "imei-a", "kind": "modem", "address": "port-a", "model": null, "reason": null}');
INSERT INTO "event" VALUES(2,'01a22401-88e0-7654-87b9-92369a3f357c','default',1795000000000,'line.up',1,0,'01a22401-88e0-7654-87b9-9235ba8c4caa','gateway',NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa',NULL,NULL,'{"id": "01a22401-88e0-7654-87b9-9235ba8c4caa", "iccid": "iccid-a", "label": null, "number": "+447700900001", "state": "up", "reason": null}');
INSERT INTO "event" VALUES(3,'01a22401-88e0-7654-87b9-9237104791f8','default',1795000000000,'device.attached',1,0,'imei-bb','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "imei-bb", "kind": "modem", "address": "port-bb", "model": null, "reason": null}');
INSERT INTO "event" VALUES(4,'01a22401-88e1-7230-ade1-15b09b0a1646','default',1795000000000,'line.up',1,0,'01a22401-88e1-7230-ade1-15af529005dd','gateway',NULL,NULL,'01a22401-88e1-7230-ade1-15af529005dd',NULL,NULL,'{"id": "01a22401-88e1-7230-ade1-15af529005dd", "iccid": "iccid-bb", "label": null, "number": "+447700900002", "state": "up", "reason": null}');
INSERT INTO "event" VALUES(5,'01a22401-88e2-743f-806a-499d8d33a2b2','default',1795000000000,'message.queued',1,0,'01a22401-88e2-743f-806a-499c10f5c527','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88e2-743f-806a-499c10f5c527", "direction": "outbound", "state": "queued", "to": "+447700900123", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-18T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-20T11:06:40.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(6,'01a22401-88e9-763e-9082-5a2c0a2340e1','default',1795000000000,'message.submitting',1,0,'01a22401-88e2-743f-806a-499c10f5c527','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88e2-743f-806a-499c10f5c527", "direction": "outbound", "state": "submitting", "to": "+447700900123", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-18T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-20T11:06:40.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(7,'01a22401-88ea-75c8-8ef2-e1866a021065','default',1795000000000,'message.sent',1,0,'01a22401-88e2-743f-806a-499c10f5c527','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"mr": 1}',NULL,'{"id": "01a22401-88e2-743f-806a-499c10f5c527", "direction": "outbound", "state": "sent", "to": "+447700900123", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 1, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-18T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-20T11:06:40.000Z", "sent_at": "2026-11-18T11:06:40.000Z", "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(8,'01a22401-88ec-7185-a92d-16d3696e4056','default',1795086400000,'message.queued',1,0,'01a22401-88eb-7134-82a2-07366238f5df','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88eb-7134-82a2-07366238f5df", "direction": "outbound", "state": "queued", "to": "+447700900123", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-21T11:06:40.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(9,'01a22401-88ed-7495-ab55-e42451282868','default',1795086400000,'message.submitting',1,0,'01a22401-88eb-7134-82a2-07366238f5df','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88eb-7134-82a2-07366238f5df", "direction": "outbound", "state": "submitting", "to": "+447700900123", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-21T11:06:40.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(10,'01a22401-88ee-72a5-8e7e-8ff31041417e','default',1795086400000,'message.sent',1,0,'01a22401-88eb-7134-82a2-07366238f5df','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"mr": 1}',NULL,'{"id": "01a22401-88eb-7134-82a2-07366238f5df", "direction": "outbound", "state": "sent", "to": "+447700900123", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 1, "parts_delivered": 0, "parts_in_doubt": 0, "reference": null, "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:06:40.000Z", "send_at": null, "expires_at": "2026-11-21T11:06:40.000Z", "sent_at": "2026-11-19T11:06:40.000Z", "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(11,'01a22401-88ef-74ba-8c48-465e354694b1','default',1795086430000,'message.queued',1,0,'01a22401-88ef-74ba-8c48-465d5d456a99','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88ef-74ba-8c48-465d5d456a99", "direction": "outbound", "state": "queued", "to": "+447700900200", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 3, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "pinned-waiting", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(12,'01a22401-88f1-76d5-a57e-7718d7edc7bd','default',1795086430000,'message.submitting',1,0,'01a22401-88ef-74ba-8c48-465d5d456a99','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88ef-74ba-8c48-465d5d456a99", "direction": "outbound", "state": "submitting", "to": "+447700900200", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 3, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "pinned-waiting", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(13,'01a22401-88f1-76d5-a57e-77196af0e9e3','default',1795086430000,'part.sent',0,0,'01a22401-88ef-74ba-8c48-465d5d456a99','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"mr": 1}',NULL,NULL);
INSERT INTO "event" VALUES(14,'01a22401-88f2-77dd-a171-5b29a3edd66b','default',1795086430000,'part.not_sent',0,0,'01a22401-88ef-74ba-8c48-465d5d456a99','network',1,2,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "rejected_by_network", "title": "The network refused this text", "network_code": "RP cause 41"}',NULL,NULL);
INSERT INTO "event" VALUES(15,'01a22401-88f2-77dd-a171-5b2a6ab4ab5c','default',1795086430000,'message.queued',0,0,'01a22401-88ef-74ba-8c48-465d5d456a99','network',1,2,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "rejected_by_network", "title": "The network refused this text", "network_code": "RP cause 41", "retry_in_ms": 5000}',NULL,NULL);
INSERT INTO "event" VALUES(16,'01a22401-88f3-7112-a2a1-9bd071ab2a58','default',1795086430000,'message.queued',1,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88f3-7112-a2a1-9bcf5e46f09e", "direction": "outbound", "state": "queued", "to": "+447700900201", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 3, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "pinned-ready", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(17,'01a22401-88f5-769d-939e-b19c55e1abfc','default',1795086430000,'message.submitting',1,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88f3-7112-a2a1-9bcf5e46f09e", "direction": "outbound", "state": "submitting", "to": "+447700900201", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 3, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "pinned-ready", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(18,'01a22401-88f5-769d-939e-b19d6d7a6fd9','default',1795086430000,'part.sent',0,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"mr": 1}',NULL,NULL);
INSERT INTO "event" VALUES(19,'01a22401-88f6-77fe-9ccb-3b6559519d39','default',1795086430000,'part.in_doubt',0,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','modem',1,2,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "modem_silent", "title": "The modem does not answer"}',NULL,NULL);
INSERT INTO "event" VALUES(20,'01a22401-88f6-77fe-9ccb-3b66706ef2ce','default',1795086430000,'message.in_doubt',1,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','modem',1,2,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "modem_silent", "title": "The modem does not answer"}',NULL,'{"id": "01a22401-88f3-7112-a2a1-9bcf5e46f09e", "direction": "outbound", "state": "in_doubt", "to": "+447700900201", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 3, "parts_sent": 1, "parts_delivered": 0, "parts_in_doubt": 1, "reference": "pinned-ready", "batch_id": null, "priority": 0, "attempts": 1, "error": {"code": "in_doubt", "title": "We do not know whether it was sent", "hint": "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is possible).", "network_code": null, "permanent": true}, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(21,'01a22401-88f7-7723-81d5-f66a34f7d8f9','default',1795086430000,'message.queued',0,0,'01a22401-88f3-7112-a2a1-9bcf5e46f09e','person',NULL,NULL,NULL,'{"by": "me", "action": "resend"}',NULL,NULL);
INSERT INTO "event" VALUES(22,'01a22401-88f8-727a-9626-e6f560744a1e','default',1795086430000,'message.queued',1,0,'01a22401-88f8-727a-9626-e6f462bb6fe8','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88f8-727a-9626-e6f462bb6fe8", "direction": "outbound", "state": "queued", "to": "+447700900202", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "doubt", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(23,'01a22401-88fa-75b0-aa46-a45f5669e959','default',1795086430000,'message.submitting',1,0,'01a22401-88f8-727a-9626-e6f462bb6fe8','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88f8-727a-9626-e6f462bb6fe8", "direction": "outbound", "state": "submitting", "to": "+447700900202", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "doubt", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(24,'01a22401-88fb-701c-b124-0cdf883e6fc9','default',1795086430000,'message.in_doubt',1,0,'01a22401-88f8-727a-9626-e6f462bb6fe8','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "modem_silent", "title": "The modem does not answer"}',NULL,'{"id": "01a22401-88f8-727a-9626-e6f462bb6fe8", "direction": "outbound", "state": "in_doubt", "to": "+447700900202", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 1, "reference": "doubt", "batch_id": null, "priority": 0, "attempts": 1, "error": {"code": "in_doubt", "title": "We do not know whether it was sent", "hint": "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is possible).", "network_code": null, "permanent": true}, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(25,'01a22401-88fc-71e8-aa50-48d1f93c2b8f','default',1795086430000,'message.queued',1,0,'01a22401-88fb-701c-b124-0ce031d37827','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88fb-701c-b124-0ce031d37827", "direction": "outbound", "state": "queued", "to": "+447700900203", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "retry", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(26,'01a22401-88fd-735c-bf0f-46d882d52dab','default',1795086430000,'message.submitting',1,0,'01a22401-88fb-701c-b124-0ce031d37827','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88fb-701c-b124-0ce031d37827", "direction": "outbound", "state": "submitting", "to": "+447700900203", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "retry", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(27,'01a22401-88ff-7339-8718-f64999cfa5a6','default',1795086430000,'message.queued',0,0,'01a22401-88fb-701c-b124-0ce031d37827','network',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "rejected_by_network", "title": "The network refused this text", "network_code": "RP cause 41", "retry_in_ms": 5000}',NULL,NULL);
INSERT INTO "event" VALUES(28,'01a22401-88ff-7339-8718-f64b4b77b325','default',1795086430000,'message.queued',1,0,'01a22401-88ff-7339-8718-f64a52020141','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-88ff-7339-8718-f64a52020141", "direction": "outbound", "state": "queued", "to": "+447700900204", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "doubt-held", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(29,'01a22401-8901-7177-a4b6-8f8836eaf14f','default',1795086430000,'message.submitting',1,0,'01a22401-88ff-7339-8718-f64a52020141','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-88ff-7339-8718-f64a52020141", "direction": "outbound", "state": "submitting", "to": "+447700900204", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "doubt-held", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(30,'01a22401-8902-7472-a0e5-2761552ed9c6','default',1795086430000,'message.in_doubt',1,0,'01a22401-88ff-7339-8718-f64a52020141','modem',1,1,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"code": "modem_silent", "title": "The modem does not answer"}',NULL,'{"id": "01a22401-88ff-7339-8718-f64a52020141", "direction": "outbound", "state": "in_doubt", "to": "+447700900204", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 1, "reference": "doubt-held", "batch_id": null, "priority": 0, "attempts": 1, "error": {"code": "in_doubt", "title": "We do not know whether it was sent", "hint": "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is possible).", "network_code": null, "permanent": true}, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(31,'01a22401-8903-72d6-8331-f38a58cab881','default',1795086430000,'message.queued',1,0,'01a22401-8903-72d6-8331-f389cd193a3c','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8903-72d6-8331-f389cd193a3c", "direction": "outbound", "state": "queued", "to": "+447700900205", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "submitting", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(32,'01a22401-8905-7779-9042-3a5b716596de','default',1795086430000,'message.submitting',1,0,'01a22401-8903-72d6-8331-f389cd193a3c','gateway',1,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','{"device": "imei-a"}',NULL,'{"id": "01a22401-8903-72d6-8331-f389cd193a3c", "direction": "outbound", "state": "submitting", "to": "+447700900205", "from": "+447700900001", "line": "01a22401-88e0-7654-87b9-9235ba8c4caa", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "submitting", "batch_id": null, "priority": 0, "attempts": 1, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(33,'01a22401-8906-7196-8049-57946c52af3c','default',1795086430000,'message.queued',1,0,'01a22401-8905-7779-9042-3a5cda381869','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8905-7779-9042-3a5cda381869", "direction": "outbound", "state": "queued", "to": "+447700900206", "from": null, "line": "01a22401-88e1-7230-ade1-15af529005dd", "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "line", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(34,'01a22401-8906-7196-8049-579641f20008','default',1795086430000,'message.held',1,0,'01a22401-8906-7196-8049-57953062bc7c','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8906-7196-8049-57953062bc7c", "direction": "outbound", "state": "held", "to": "+447700900207", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": "approval", "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "held", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(35,'01a22401-8907-7641-8676-21c9a37a5f03','default',1795086430000,'message.queued',1,0,'01a22401-8907-7641-8676-21c8eebca15d','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8907-7641-8676-21c8eebca15d", "direction": "outbound", "state": "scheduled", "to": "+447700900208", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "later", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": "2026-11-19T11:17:10.000Z", "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(36,'01a22401-8908-710b-a4a5-61c032f76081','default',1795086430000,'message.queued',1,0,'01a22401-8908-710b-a4a5-61bfccb5cef3','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8908-710b-a4a5-61bfccb5cef3", "direction": "outbound", "state": "queued", "to": "+447700900209", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "ready-key-0", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(37,'01a22401-8909-755a-80d1-2a5a30db12ba','default',1795086430000,'message.queued',1,0,'01a22401-8908-710b-a4a5-61c11eba6a66','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8908-710b-a4a5-61c11eba6a66", "direction": "outbound", "state": "queued", "to": "+447700900210", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "ready-key-5", "batch_id": null, "priority": 5, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(38,'01a22401-8909-755a-80d1-2a5ce877d4f1','default',1795086430000,'message.queued',1,0,'01a22401-8909-755a-80d1-2a5b09996574','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-8909-755a-80d1-2a5b09996574", "direction": "outbound", "state": "queued", "to": "+447700900211", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "ready-other-0", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
INSERT INTO "event" VALUES(39,'01a22401-890a-75f9-be66-0da7f573f35d','default',1795086430000,'message.queued',1,1,'01a22401-890a-75f9-be66-0da69acd2273','gateway',NULL,NULL,NULL,NULL,NULL,'{"id": "01a22401-890a-75f9-be66-0da69acd2273", "direction": "outbound", "state": "queued", "to": "+447700900212", "from": null, "line": null, "text": null, "data_base64": null, "port": null, "encoding": "gsm7", "purpose": "transactional", "warnings": [], "held_reason": null, "family": null, "parts": 1, "parts_sent": 0, "parts_delivered": 0, "parts_in_doubt": 0, "reference": "sandbox", "batch_id": null, "priority": 0, "attempts": 0, "error": null, "created_at": "2026-11-19T11:07:10.000Z", "send_at": null, "expires_at": "2026-11-21T11:07:10.000Z", "sent_at": null, "delivered_at": null, "tags": {}}');
CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO "fact" VALUES('data_keys','["01020304"]');
CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message_id TEXT,
    status INTEGER,
    body BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE TABLE inbound (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sender TEXT NOT NULL,
    line TEXT NOT NULL,
    to_number TEXT,
    text BLOB,
    octets BLOB,
    port INTEGER,
    parts INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    type TEXT NOT NULL,
    keyword TEXT,
    url BLOB,
    sandbox INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    sent_at INTEGER
);
CREATE TABLE inbound_part (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    line TEXT NOT NULL,
    sender TEXT NOT NULL,
    concat_reference INTEGER,
    total INTEGER NOT NULL,
    number INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    tpdu BLOB NOT NULL,
    at INTEGER NOT NULL,
    inbound_id TEXT REFERENCES inbound (id),
    UNIQUE (line, fingerprint)
);
CREATE TABLE line (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    iccid TEXT,
    imsi TEXT,
    number TEXT,
    label TEXT,
    pools TEXT NOT NULL,
    device_id TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    paused INTEGER NOT NULL DEFAULT 0,
    held_until INTEGER,
    held_reason TEXT,
    operator TEXT,
    signal_dbm INTEGER,
    roaming INTEGER,
    smsc TEXT,
    store_used INTEGER,
    store_total INTEGER,
    emulated INTEGER NOT NULL,
    per_minute INTEGER,
    per_day INTEGER,
    last_seen INTEGER NOT NULL
);
INSERT INTO "line" VALUES('01a22401-88e0-7654-87b9-9235ba8c4caa','default','iccid-a','iccid-a','imsi-a','+447700900001',NULL,'["default"]','imei-a','up',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,1795000000000);
INSERT INTO "line" VALUES('01a22401-88e1-7230-ade1-15af529005dd','default','iccid-bb','iccid-bb','imsi-bb','+447700900002',NULL,'["default"]','imei-bb','up',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,1795000000000);
CREATE TABLE line_use (
    line TEXT NOT NULL,
    second INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    PRIMARY KEY (line, second)
) WITHOUT ROWID;
INSERT INTO "line_use" VALUES('01a22401-88e0-7654-87b9-9235ba8c4caa',1795000000,1);
INSERT INTO "line_use" VALUES('01a22401-88e0-7654-87b9-9235ba8c4caa',1795086400,1);
INSERT INTO "line_use" VALUES('01a22401-88e0-7654-87b9-9235ba8c4caa',1795086430,10);
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'queued', 'submitting', 'in_doubt', 'sent', 'delivered',
        'undelivered', 'failed', 'expired', 'cancelled')),
    ready INTEGER NOT NULL,
    to_number TEXT NOT NULL,
    text BLOB,
    octets BLOB,
    port INTEGER,
    encoding TEXT NOT NULL,
    coding TEXT NOT NULL,
    parts INTEGER NOT NULL,
    parts_sent INTEGER NOT NULL DEFAULT 0,
    parts_delivered INTEGER NOT NULL DEFAULT 0,
    parts_in_doubt INTEGER NOT NULL DEFAULT 0,
    route TEXT NOT NULL,
    home_route TEXT NOT NULL,
    pinned_until INTEGER,
    avoid_line TEXT,
    line_asked TEXT,
    line TEXT,
    sender TEXT,
    pool TEXT,
    sandbox INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    reference TEXT,
    batch_id TEXT,
    tags TEXT NOT NULL,
    delivery_report INTEGER NOT NULL,
    flash INTEGER NOT NULL,
    on_doubt TEXT NOT NULL,
    warnings TEXT NOT NULL,
    held_reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    copy INTEGER NOT NULL DEFAULT 1,
    concat_reference INTEGER,
    resend_after_doubt INTEGER NOT NULL DEFAULT 0,
    node TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    send_at INTEGER,
    due_at INTEGER,
    expires_at INTEGER NOT NULL,
    sent_at INTEGER,
    delivered_at INTEGER
, device TEXT);
INSERT INTO "message" VALUES('01a22401-88e2-743f-806a-499c10f5c527','default','key','sent',0,'+447700900123',X'0101020304F7A096C73637F15B18010334159B0473D651DD3388A981ED18C7257699732F0D61',NULL,NULL,'auto','gsm7',1,1,0,0,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional',NULL,NULL,'{}',1,0,'hold','[]',NULL,1,1,1,1,0,'node',NULL,1795000000000,NULL,NULL,1795172800000,1795000000000,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88eb-7134-82a2-07366238f5df','default','key','sent',0,'+447700900123',X'01010203041E89958AE26F3812D9F318608CA1A78207E43F4C59513E5E79D0F90EC9FCCC6350',NULL,NULL,'auto','gsm7',1,1,0,0,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional',NULL,NULL,'{}',1,0,'hold','[]',NULL,1,1,1,2,0,'node',NULL,1795086400000,NULL,NULL,1795259200000,1795086400000,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88ef-74ba-8c48-465d5d456a99','default','key','queued',0,'+447700900200',X'0101020304763A5F97D16261DC0DB082CE9FACAAFB69A04FA14C8D153587C4BEB6950D93D55DB5016DAE60DC9A5D06BEFCCF6DDBFC9BD11655BEB8C8F628613BF0A3C8810BCF15423A61601FD50EE4605263108D419DFFDE4243DA5133B66B5544B8A35D723CF338ABF563230BCE6E284087672084F06F5A53CD64E9CCB5F3614F4830F79645CC2A6CC5BF59E7C135E16A9396AB88EA890DA39F222877A521867859E4ADF891ACCE7EB56B9382BE5FE5FDFF1D0883BAEB823B40AB0E5186742178A08329A27438995856FEEED41256B8C5E6FBA639DE7976513D3FC77E8C1E8EB3638DF8D1868BF2C2585630720EFE2D3A05D2659D8BED7827244DBDBC0CFB10B8D47616906ED1CE701EE40E06F64C4C35538A180B9FDC65611F1089C39700F34C44B1E569AF5742B38E10759E0EAF00BAD83C4B30DA2E5F3B32860F6DBD6F2ED350B46CDBFFB2CFFECEE25A3E2EA5BA43B834ADEE460D9ED111DBFB708839E1E6575973AD413BE10511A4A6269F9A2827D9E869528013139546522E9F2524D38415059542C889266138FB6E1A65B97169C619A1CF4076C834DFF74D954A0CD3B1AD61C1DD4BDC445B4607D92421AFE7A2',NULL,NULL,'auto','gsm7',3,1,0,0,'line:01a22401-88e0-7654-87b9-9235ba8c4caa','pool:default',1795087030000,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','pinned-waiting',NULL,'{}',1,0,'hold','[]',NULL,1,1,1,3,0,'node','{"code": "rejected_by_network", "title": "The network refused this text", "hint": "Look at the network''s cause; another line or another wording may pass", "outcome_class": "temporary", "network_code": "RP cause 41", "backoff_s": [5, 30, 120], "reroute": false, "meaning": "temporary failure", "max_tries": null}',1795086430000,NULL,1795086435000,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88f3-7112-a2a1-9bcf5e46f09e','default','key','queued',1,'+447700900201',X'0101020304441F6D2D98B7AC45D2FB1FA9F6D672598D8963A51A014FD7715D86367A18E76DC6070D1B853CE2A52B31DC89796D3424F276C28EEAE63586F7D5EAB6139E1220937E33A9763C3434C0548681314BB0F1D9CD69D0DE37E9BE78C0198B306D7C9EAAB7E2D52116EE12C5EE24DED5E6ED1093C3B9A110D1F09AD157DA503F16EA4DC2EEC39778166F3CACF6A300356545D8EA616AD112B987240E0608E91FAF19FE5B1F71C112403019753FDAB594248601B360CB0DCC61C92E7C7FFC8175BF7686E9B3CF88A89953337CDA61B0519A746447C9FE75A6F71040D26F78F0C00697AFE89724639C146863E8F56A93F17BCDA5BCA474E923F6C5B13EF9B87FEEAE4B8A2416AA071F42EF5A2FF9CCB6F18C876D5B6725FC6F52E0FC15071244EF8A6BED065F004F2E7FF474EAB3FB128D64760FF5CAF0B0675513DFDBD1981761AEF0F801A5F5470198AE618DD5CD2708625D4C29DAEE17664D4A649CFB8639D1425A0435B02D247A39C8E9CE270CB2780338086ABE3B02F1A8551D0E58702340315C3883D6933E1966C3B69EF37005CCF7F3891F4188B2DA1074D2F7ADB255FB94686DB44F43B7C3C425529719A6EF',NULL,NULL,'auto','gsm7',3,1,0,1,'line:01a22401-88e0-7654-87b9-9235ba8c4caa','pool:default',1795087030000,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','pinned-ready',NULL,'{}',1,0,'hold','[]',NULL,1,1,1,4,1,'node',NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88f8-727a-9626-e6f462bb6fe8','default','key','in_doubt',0,'+447700900202',X'0101020304E4E869D394223E6EB52F97256216D297129F7FC19B9E61112E30112245BC2078AF',NULL,NULL,'auto','gsm7',1,0,0,1,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','doubt',NULL,'{}',1,0,'resend','[]',NULL,1,1,1,6,0,'node','{"code": "in_doubt", "title": "We do not know whether it was sent", "hint": "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is possible).", "outcome_class": "permanent", "network_code": null, "backoff_s": [], "reroute": false, "meaning": "", "max_tries": null}',1795086430000,NULL,1795086450000,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88fb-701c-b124-0ce031d37827','default','key','queued',0,'+447700900203',X'01010203042E50F689C34E93FF72B7B331DC2EE61EA652969AF435EC7A6A13064EF629D22164',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','retry',NULL,'{}',1,0,'hold','[]',NULL,1,1,1,8,0,'node','{"code": "rejected_by_network", "title": "The network refused this text", "hint": "Look at the network''s cause; another line or another wording may pass", "outcome_class": "temporary", "network_code": "RP cause 41", "backoff_s": [5, 30, 120], "reroute": false, "meaning": "temporary failure", "max_tries": null}',1795086430000,NULL,1795086435000,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-88ff-7339-8718-f64a52020141','default','key','in_doubt',0,'+447700900204',X'010102030468844FE98C4688694EC37DEC0FE6DC263AD62BBB3A00C24C4360B7E9762FE5BA95',NULL,NULL,'auto','gsm7',1,0,0,1,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','doubt-held',NULL,'{}',1,0,'hold','[]',NULL,1,1,1,10,0,'node','{"code": "in_doubt", "title": "We do not know whether it was sent", "hint": "Wait for a report, ask the recipient, then resolve it: sent, failed or resend (a second copy is possible).", "outcome_class": "permanent", "network_code": null, "backoff_s": [], "reroute": false, "meaning": "", "max_tries": null}',1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8903-72d6-8331-f389cd193a3c','default','key','submitting',0,'+447700900205',X'0101020304AC1D39094036698CB804481568DA37AFD8B57244C727445E4407B087B6F8F6864E',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,'01a22401-88e0-7654-87b9-9235ba8c4caa','+447700900001','default',0,0,'transactional','submitting',NULL,'{}',1,0,'hold','[]',NULL,1,1,1,12,0,'node',NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8905-7779-9042-3a5cda381869','default','key','queued',1,'+447700900206',X'01010203046E52F48C342F8A0C941000CC60F14393203A15215BD946C6427FF748B9E2E13CFB',NULL,NULL,'auto','gsm7',1,0,0,0,'line:01a22401-88e1-7230-ade1-15af529005dd','line:01a22401-88e1-7230-ade1-15af529005dd',NULL,NULL,'01a22401-88e1-7230-ade1-15af529005dd',NULL,NULL,NULL,0,0,'transactional','line',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8906-7196-8049-57953062bc7c','default','key','held',0,'+447700900207',X'0101020304B9DE3BA35CF41E7A33D5CFFB43F574F169738C0B0CFB460E8A687CF7A1A4544BBC',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,NULL,NULL,'default',0,0,'transactional','held',NULL,'{}',1,0,'hold','[]','approval',0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8907-7641-8676-21c8eebca15d','default','key','queued',0,'+447700900208',X'0101020304A948C9E5BE742928B3051C93C8665D1D09C6FEC22DE1C3934DABF55526A2289D23',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,NULL,NULL,'default',0,0,'transactional','later',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,1795087030000,1795087030000,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8908-710b-a4a5-61bfccb5cef3','default','key','queued',1,'+447700900209',X'0101020304E40F5B4843F621EDC621EF022C58FE5809E7E836BB6A351B596F0A6A2A0237A00E',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,NULL,NULL,'default',0,0,'transactional','ready-key-0',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8908-710b-a4a5-61c11eba6a66','default','key','queued',1,'+447700900210',X'0101020304B68FBA0E7DDBC69BF824D8367A13CB2DC5B30F967E6570B6333BAB6B6D1B5585B4',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,NULL,NULL,'default',0,5,'transactional','ready-key-5',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-8909-755a-80d1-2a5b09996574','default','other','queued',1,'+447700900211',X'01010203049CB22DC4C2514EFA791DB46A26521286FED30218DCA9E77BD532221A8C2A96EEF1',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:default','pool:default',NULL,NULL,NULL,NULL,NULL,'default',0,0,'transactional','ready-other-0',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
INSERT INTO "message" VALUES('01a22401-890a-75f9-be66-0da69acd2273','default','key','queued',1,'+447700900212',X'01010203041C7802DBB7D8400E6D34841258D530E0AA6E21771498E0636A825B069BA05AF69B',NULL,NULL,'auto','gsm7',1,0,0,0,'pool:sandbox','pool:sandbox',NULL,NULL,NULL,NULL,NULL,'sandbox',1,0,'transactional','sandbox',NULL,'{}',1,0,'hold','[]',NULL,0,0,1,NULL,0,NULL,NULL,1795086430000,NULL,NULL,1795259230000,NULL,NULL,NULL);
CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    message_id TEXT NOT NULL REFERENCES message (id),
    attempt_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    copy INTEGER NOT NULL,
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'submitting', 'in_doubt', 'not_sent', 'rejected', 'sent',
        'undelivered', 'delivered')),
    line TEXT NOT NULL,
    to_tail TEXT NOT NULL,
    mr INTEGER,
    mr_predicted INTEGER,
    tpdu BLOB,
    submitted_at INTEGER,
    sent_at INTEGER,
    report_status INTEGER,
    reported_at INTEGER,
    error TEXT, device TEXT,
    UNIQUE (attempt_id, number)
);
INSERT INTO "part" VALUES(1,'default','01a22401-88e2-743f-806a-499c10f5c527','01a22401-88e8-7445-afd1-a3f18c88fbe5',1,1,1,1,'sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900123',1,NULL,X'01010203045C01537B15B7FC62202244FE1D85A3FB38C59A66894EDCDECA3BAD8A595A89EAD3362CD7CB2A178832940621387EAD',1795000000000,1795000000000,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(2,'default','01a22401-88eb-7134-82a2-07366238f5df','01a22401-88ed-7495-ab55-e423d1837fb7',1,1,1,1,'sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900123',1,NULL,X'01010203044731A41B7EFEF62A4F932C53F349164704B6DD808D81734F0E6B8824BF17165BC5C6B88F2C07ED22AC603F59749DAA',1795086400000,1795086400000,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(3,'default','01a22401-88ef-74ba-8c48-465d5d456a99','01a22401-88f0-7197-835b-b8b235e830f0',1,1,1,3,'sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900200',1,NULL,X'01010203045B476F830EFC061141F3614A1DB4C3D195BA5AF2C2BCEE252EBD8DB5C29D20F8624556600B51F12ACF569CD0833053C78B18CADE49BE356083C224997B0946862D8BF23D33182075D07454EA146B5042262382BDA5B97A34A85EB1D7B1A339964F490931C2D4CBA0D31CABABFCD253BADE8FB60FE587667334B40C3722A8C0B0BFD588A5377413CA95F78C96600D5ECF097BE22E1407821E5362DAC1B3048AE51212A98023C778E8D4A8BDF8FB7F9CD86DB313CCAF43',1795086430000,1795086430000,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(4,'default','01a22401-88ef-74ba-8c48-465d5d456a99','01a22401-88f0-7197-835b-b8b235e830f0',1,1,2,3,'not_sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900200',NULL,NULL,X'0101020304F07B8A139FDB76696548AE56C96348DE24461ED0CE14A292CC72234010C9816A5F454AC10FEFE4D58258EC6380A384FC708FFE68B75862B40B916C488D4C08DE5503E6DADE0EBC10BFFEF7743E7CC07C12FFAFE386CDC11C9E228DF6FB0585EA609DF0E0C91673E423453F0FAE91A9B02EDBB78A68215E823E73823C7AC63490D8956D07DAA6C85A4808A493F2120BBFEB698C381134704C2FC8BFC000593F7DD9BC2D20B8852D412A65D58D2F096C1675517A50F0CB',NULL,NULL,NULL,NULL,'{"code": "rejected_by_network", "title": "The network refused this text", "hint": "Look at the network''s cause; another line or another wording may pass", "outcome_class": "temporary", "network_code": "RP cause 41", "backoff_s": [5, 30, 120], "reroute": false, "meaning": "temporary failure", "max_tries": null}',NULL);
INSERT INTO "part" VALUES(5,'default','01a22401-88ef-74ba-8c48-465d5d456a99','01a22401-88f0-7197-835b-b8b235e830f0',1,1,3,3,'not_sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900200',NULL,NULL,X'0101020304C79E093B9CF38282564183F890A14301D9161FB6DB6E59F93C89F1668B1E3E0F37035CB9AB926E9FD82A23EFBFDAE1A5944A7BC2C649D16EDDEA40A26D33997248E85E10A5A5E666CC990150CE1838C2AD60CB5F7C1A3A866F8E90853D0E190EA560273BA48D9B36392F40386DAAC59BEED89C67602F49D512C78846F59BA60F49506F',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(6,'default','01a22401-88f3-7112-a2a1-9bcf5e46f09e','01a22401-88f4-72d5-8582-8e54efeebfb4',1,1,1,3,'sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900201',1,NULL,X'010102030433929EE8A66B5AEF2DF5BDDE2E0AB802D69F4E30074E616EAEE6FF0D57C87596431E094E4B9A5B71AB4CFCCE2AB81F0C15B82C79A1CC88E687D1471A34F9B1A3A2DB98D6141A36BB6EA27731BD06B0DE30C0086D9657A5E9E52399FE5AE7263CB3B0A3AC395ADCD1D92A4BEF2A1EE0998A441E5AC893ACF5554A6958BC8153FB5C8910A6C3B2B18F2493F3B64A38F9FA3B5EC1474AD852C0B733E4CAE88866D1F039C6E738DF24E40E1B2EB03D809066E8378A00BDB0',1795086430000,1795086430000,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(7,'default','01a22401-88f3-7112-a2a1-9bcf5e46f09e','01a22401-88f4-72d5-8582-8e54efeebfb4',1,1,2,3,'in_doubt','01a22401-88e0-7654-87b9-9235ba8c4caa','00900201',NULL,2,X'0101020304850749AF98C7BA16AF57A528E2D618049B790D5AF6CB611575A20B1F47C5FA6595EBA8A9A95374BADFF7E28576DC911A237F83F6D3246F99537AF6ADB2980D300458A06F4D9709B7BA561AA5754275758A5D72F839590C85A2044CFA79F55F5C02354E09A3CA7E0800DB45336304FCCBF72D0D82430FF8DAC225105E1161C92094D96D9A9D89359A410157FE060E07AC519CEE1D5F151CDAC937307FD60B257CA24B2A0351A04317364C306F80EE7B0FB3CAD40A0DC5',NULL,NULL,NULL,NULL,'{"code": "modem_silent", "title": "The modem does not answer", "hint": "We restart it; if it stays silent, unplug it for 10 s or give it a powered hub", "outcome_class": "unknown", "network_code": null, "backoff_s": [], "reroute": false, "meaning": "", "max_tries": null}',NULL);
INSERT INTO "part" VALUES(8,'default','01a22401-88f3-7112-a2a1-9bcf5e46f09e','01a22401-88f4-72d5-8582-8e54efeebfb4',1,1,3,3,'not_sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900201',NULL,NULL,X'0101020304CC0696573708FE37A8C5F0A145B1068EFD77EA3CCDEA3A8500ABECE6ABB80E5F78B59A01F1DAC4B5E2815D76452647B9E7802BFA835F2628905BE5C9207C7DBC22BA624E183D2AA98557DA7D8E4E2647952DF6F7CF75EC8E049E68B3961316147EA08E4BAEBA9AD4128E04031AD2D67A200A3662BB0E9DA0746EA223309A3E1C9079A5',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES(9,'default','01a22401-88f8-727a-9626-e6f462bb6fe8','01a22401-88f9-7465-b309-51bb9e21d815',1,1,1,1,'in_doubt','01a22401-88e0-7654-87b9-9235ba8c4caa','00900202',NULL,3,X'0101020304876F9EEEFEF505B4FE30AC3074396907247DA2DEA2347E64559F0199480E6CB18EFA9B80663EC012FAD1FBF28D24E5',1795086430000,NULL,NULL,NULL,'{"code": "modem_silent", "title": "The modem does not answer", "hint": "We restart it; if it stays silent, unplug it for 10 s or give it a powered hub", "outcome_class": "unknown", "network_code": null, "backoff_s": [], "reroute": false, "meaning": "", "max_tries": null}',NULL);
INSERT INTO "part" VALUES(10,'default','01a22401-88fb-701c-b124-0ce031d37827','01a22401-88fd-735c-bf0f-46d79c5240e5',1,1,1,1,'not_sent','01a22401-88e0-7654-87b9-9235ba8c4caa','00900203',NULL,NULL,X'01010203048E383834A503A31FAAFD2B551C8DB2731067CF966557AE6C1A37AC0A65CDC707653ED793F109D4950338478D1DE608',1795086430000,NULL,NULL,NULL,'{"code": "rejected_by_network", "title": "The network refused this text", "hint": "Look at the network''s cause; another line or another wording may pass", "outcome_class": "temporary", "network_code": "RP cause 41", "backoff_s": [5, 30, 120], "reroute": false, "meaning": "temporary failure", "max_tries": null}',NULL);
INSERT INTO "part" VALUES(11,'default','01a22401-88ff-7339-8718-f64a52020141','01a22401-8901-7177-a4b6-8f87ba836656',1,1,1,1,'in_doubt','01a22401-88e0-7654-87b9-9235ba8c4caa','00900204',NULL,4,X'01010203043E5297E2C2CFB1225421D298A01BEC12BC9E46BB14F2F30CD9DE3783FB46B8B9A606272F45055EF4400A8B20229250',1795086430000,NULL,NULL,NULL,'{"code": "modem_silent", "title": "The modem does not answer", "hint": "We restart it; if it stays silent, unplug it for 10 s or give it a powered hub", "outcome_class": "unknown", "network_code": null, "backoff_s": [], "reroute": false, "meaning": "", "max_tries": null}',NULL);
INSERT INTO "part" VALUES(12,'default','01a22401-8903-72d6-8331-f389cd193a3c','01a22401-8904-773f-ab22-54a7cda9467c',1,1,1,1,'submitting','01a22401-88e0-7654-87b9-9235ba8c4caa','00900205',NULL,NULL,X'010102030472996C2C62B652A60725654D2565BA732661ED749D8CAC12C03A3620D026FB3C957CDBCD5B723629C5E1EF255AEB92',1795086430000,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE phone (
    install_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    serialno TEXT,
    label TEXT,
    key_id TEXT NOT NULL UNIQUE,
    key_digest BLOB NOT NULL,
    paired_at INTEGER NOT NULL,
    revoked_at INTEGER,
    cap_parts INTEGER,
    cap_window_s INTEGER,
    last_seen INTEGER
);
CREATE TABLE report (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    line TEXT NOT NULL,
    ra_tail TEXT NOT NULL,
    mr INTEGER NOT NULL,
    st INTEGER NOT NULL,
    scts_at INTEGER,
    at INTEGER NOT NULL,
    tpdu BLOB NOT NULL
);
CREATE TABLE state_count (
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (tenant, state)
);
INSERT INTO "state_count" VALUES('default','queued',9);
INSERT INTO "state_count" VALUES('default','submitting',1);
INSERT INTO "state_count" VALUES('default','sent',2);
INSERT INTO "state_count" VALUES('default','in_doubt',2);
INSERT INTO "state_count" VALUES('default','held',1);
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secrets BLOB NOT NULL,
    rotated_at INTEGER,
    include_text INTEGER NOT NULL,
    sandbox INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_reason TEXT,
    failures_in_row INTEGER NOT NULL DEFAULT 0,
    open_until INTEGER,
    last_success INTEGER
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX message_ready ON message (route, priority DESC, id) WHERE state = 'queued' AND ready = 1;
CREATE INDEX message_due ON message (due_at) WHERE ready = 0 AND due_at IS NOT NULL;
CREATE INDEX message_expires ON message (expires_at) WHERE state IN ('held', 'queued');
CREATE INDEX message_pinned ON message (pinned_until) WHERE pinned_until IS NOT NULL;
CREATE INDEX message_submitting ON message (node) WHERE state = 'submitting';
CREATE INDEX message_by_tenant ON message (tenant, id);
CREATE INDEX message_by_sandbox ON message (tenant, id) WHERE sandbox = 1;
CREATE INDEX message_by_state ON message (tenant, state, id);
CREATE INDEX message_by_number ON message (tenant, to_number, id);
CREATE INDEX message_by_line ON message (tenant, line, id) WHERE line IS NOT NULL;
CREATE INDEX message_by_reference ON message (tenant, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX message_by_batch ON message (tenant, batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX part_by_message ON part (message_id, attempt, number);
CREATE INDEX part_by_mr ON part (line, to_tail, mr, id) WHERE mr IS NOT NULL;
CREATE INDEX part_undecided ON part (line, to_tail) WHERE state IN ('submitting', 'in_doubt');
CREATE INDEX part_last_mr ON part (line, id) WHERE mr IS NOT NULL;
CREATE INDEX report_by_line ON report (line, ra_tail);
CREATE INDEX inbound_by_tenant ON inbound (tenant, id);
CREATE INDEX inbound_part_open ON inbound_part (line, sender, concat_reference, total) WHERE inbound_id IS NULL;
CREATE INDEX inbound_part_of ON inbound_part (inbound_id, number);
CREATE INDEX event_by_subject ON event (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX delivery_due ON delivery (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX delivery_order ON delivery (webhook_id, subject, event_seq) WHERE state = 'pending';
CREATE INDEX delivery_list ON delivery (webhook_id, id);
CREATE INDEX idempotency_age ON idempotency (created_at);
CREATE INDEX message_with_device ON message (device) WHERE device IS NOT NULL AND state IN ('submitting', 'in_doubt');
CREATE INDEX phone_by_serialno ON phone (serialno) WHERE serialno IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',39);
COMMIT;