-- People: contacts, groups, consents, suppressions.

-- name: contact_insert
INSERT INTO contact (id, tenant, sandbox, number, email_subject, card, language, timezone, channel, tags, created_at,
    updated_at)
VALUES (:id, :tenant, :sandbox, :number, :email_subject, :card, :language, :timezone, :channel, :tags, :now, :now)

-- name: contact_update
UPDATE contact SET sandbox = :sandbox, number = :number, email_subject = :email_subject, card = :card,
    language = :language, timezone = :timezone, channel = :channel, tags = :tags, updated_at = :now
WHERE id = :id AND tenant = :tenant

-- name: contact_for_viewer
SELECT * FROM contact WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: contact_by_number
SELECT * FROM contact WHERE tenant = :tenant AND number = :number

-- name: contact_by_email
-- Only of those without a number: parents and children share addresses.
SELECT * FROM contact WHERE tenant = :tenant AND email_subject = :email_subject AND number IS NULL
ORDER BY id LIMIT 1

-- name: contact_delete
DELETE FROM contact WHERE id = :id AND tenant = :tenant

-- name: contacts_select
SELECT * FROM contact WHERE tenant = :tenant

-- name: where_contact_in_group
id IN (SELECT contact_id FROM group_member WHERE group_id = :group_id)

-- name: where_contact_number
number = :number

-- name: people_order
ORDER BY id DESC LIMIT :limit

-- name: group_insert
INSERT INTO contact_group (id, tenant, sandbox, name, created_at) VALUES (:id, :tenant, :sandbox, :name, :now)

-- name: group_rename
UPDATE contact_group SET name = :name WHERE id = :id AND tenant = :tenant

-- name: group_for_viewer
SELECT * FROM contact_group WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: group_named
-- A live key that sees a sandbox group of the same name means its own.
SELECT * FROM contact_group WHERE tenant = :tenant AND name = :name AND (sandbox = 1 OR :sandbox_only = 0)
ORDER BY sandbox LIMIT 1

-- name: group_of_world
SELECT * FROM contact_group WHERE tenant = :tenant AND name = :name AND sandbox = :sandbox

-- name: group_delete
DELETE FROM contact_group WHERE id = :id AND tenant = :tenant

-- name: groups_page
SELECT * FROM contact_group
WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0) AND (:after = '' OR id < :after)
ORDER BY id DESC LIMIT :limit

-- name: group_size
SELECT count(*) AS n FROM group_member WHERE group_id = :group_id AND tenant = :tenant

-- name: member_put
INSERT INTO group_member (group_id, contact_id, tenant) VALUES (:group_id, :contact_id, :tenant)
ON CONFLICT (group_id, contact_id) DO NOTHING

-- name: member_delete
DELETE FROM group_member WHERE group_id = :group_id AND contact_id = :contact_id AND tenant = :tenant

-- name: memberships_clear
DELETE FROM group_member WHERE contact_id = :contact_id AND tenant = :tenant AND group_id IN (
    SELECT id FROM contact_group WHERE tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0))

-- name: members_page
SELECT contact.* FROM group_member JOIN contact ON contact.id = group_member.contact_id
WHERE group_member.group_id = :group_id AND group_member.contact_id > :after AND contact.tenant = :tenant
    AND (contact.sandbox = 1 OR :sandbox_only = 0)
ORDER BY group_member.contact_id LIMIT :limit

-- name: groups_of_contact
SELECT contact_group.name AS name FROM group_member JOIN contact_group ON contact_group.id = group_member.group_id
WHERE group_member.contact_id = :contact_id AND contact_group.tenant = :tenant
    AND (contact_group.sandbox = 1 OR :sandbox_only = 0)

-- name: consent_insert
INSERT INTO consent (id, tenant, sandbox, number, purpose, said, said_at, basis, source, proof, guardian,
    subject_is_child, granted_at, expires_at, withdrawn_at, withdraws, language, timezone, created_at, created_by,
    announce_at)
VALUES (:id, :tenant, :sandbox, :number, :purpose, :said, :said_at, :basis, :source, :proof, :guardian,
    :subject_is_child, :granted_at, :expires_at, :withdrawn_at, :withdraws, :language, :timezone, :now, :created_by,
    :announce_at)

-- name: consent_word
-- The newest word of a person on one purpose; everything about consent is decided by this row.
SELECT id, said, expires_at, timezone, language FROM consent WHERE tenant = :tenant AND number = :number AND purpose = :purpose
ORDER BY said_at DESC, said DESC, id DESC LIMIT 1

-- name: consent_for_viewer
SELECT * FROM consent WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: consents_select
SELECT * FROM consent WHERE tenant = :tenant

-- name: where_consent_number
number = :number

-- name: where_consent_purpose
purpose = :purpose

-- name: consents_to_announce
SELECT * FROM consent WHERE announce_at <= :now ORDER BY announce_at LIMIT :limit

-- name: consent_announced
UPDATE consent SET announce_at = NULL WHERE id = :id AND tenant = :tenant

-- name: suppression_pepper
-- Asked for each recipient; answers nothing while nobody of the tenant is suppressed, so that nothing is hashed.
SELECT value FROM fact WHERE name = 'suppression_pepper'
    AND EXISTS (SELECT 1 FROM suppression WHERE tenant = :tenant AND lifted_at IS NULL)

-- name: suppression_fact
SELECT id, source, created_at FROM suppression
WHERE tenant = :tenant AND subject = :subject AND lifted_at IS NULL

-- name: suppression_active
SELECT * FROM suppression WHERE tenant = :tenant AND subject = :subject AND lifted_at IS NULL

-- name: suppression_insert
INSERT INTO suppression (id, tenant, sandbox, subject, number, source, keyword, inbound_id, line, note, created_at,
    created_by)
VALUES (:id, :tenant, :sandbox, :subject, :number, :source, :keyword, :inbound_id, :line, :note, :now, :created_by)

-- name: suppression_lift
UPDATE suppression SET lifted_at = :now, lifted_by = :by, lift_reason = :reason
WHERE id = :id AND tenant = :tenant AND lifted_at IS NULL

-- name: suppression_for_viewer
SELECT * FROM suppression WHERE id = :id AND tenant = :tenant AND (sandbox = 1 OR :sandbox_only = 0)

-- name: suppressions_select
SELECT * FROM suppression WHERE tenant = :tenant

-- name: where_suppressed_subject
subject = :subject

-- name: where_suppression_active
lifted_at IS NULL

-- name: where_suppression_lifted
lifted_at IS NOT NULL

-- name: suppression_stops
-- The order of states is that of the index, which is found by it. Our own answer to an earlier keyword may go.
SELECT * FROM message WHERE tenant = :tenant AND to_number = :to_number AND state IN ('held', 'queued')
    AND (passes IS NULL OR passes <> 'reply')

-- name: suspected_stop_insert
INSERT INTO suspected_stop (inbound_id, tenant, sandbox, sender, at)
VALUES (:inbound_id, :tenant, :sandbox, :sender, :now)

-- name: suspected_stops
SELECT s.inbound_id, s.sender, s.at, i.text FROM suspected_stop s JOIN inbound i ON i.id = s.inbound_id
WHERE s.tenant = :tenant AND s.settled_at IS NULL AND (:sandbox_only = 0 OR s.sandbox = 1)
ORDER BY s.inbound_id DESC LIMIT :limit

-- name: suspected_stop_settle
UPDATE suspected_stop SET settled_at = :now, settled_by = :by
WHERE inbound_id = :id AND tenant = :tenant AND settled_at IS NULL AND (:sandbox_only = 0 OR sandbox = 1)

-- name: suspected_stops_settle
UPDATE suspected_stop SET settled_at = :now, settled_by = :by
WHERE tenant = :tenant AND sender = :sender AND settled_at IS NULL
