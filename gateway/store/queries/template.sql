-- Templates: the newest version of each, and every version there was.

-- name: template_insert
INSERT INTO template (id, tenant, sandbox, name, version, created_at)
VALUES (:id, :tenant, :sandbox, :name, 1, :created_at)

-- name: template_version_insert
INSERT INTO template_version (id, tenant, template_id, version, name, default_language, texts, subject, html, key_id,
    created_at)
VALUES (:id, :tenant, :template_id, :version, :name, :default_language, :texts, :subject, :html, :key_id, :created_at)

-- name: template_by_name
SELECT id FROM template
WHERE tenant = :tenant AND sandbox = :sandbox AND name = :name AND deleted_at IS NULL AND id <> :id

-- name: template_next_version
-- Compare-and-set on the version that was read: of two changes at once, one is told to read again.
UPDATE template SET version = version + 1, name = :name
WHERE id = :id AND tenant = :tenant AND version = :version AND deleted_at IS NULL
    AND (sandbox = 1 OR :sandbox_only = 0)

-- name: template_delete
UPDATE template SET deleted_at = :at
WHERE id = :id AND tenant = :tenant AND deleted_at IS NULL AND (sandbox = 1 OR :sandbox_only = 0)

-- name: template_as_version
-- One template in the version asked for; without one, in its newest.
SELECT template_version.*, template.sandbox, template.created_at AS template_created_at
FROM template JOIN template_version ON template_version.template_id = template.id
    AND template_version.version = coalesce(:version, template.version)
WHERE template.id = :id AND template.tenant = :tenant AND template.deleted_at IS NULL
    AND (template.sandbox = 1 OR :sandbox_only = 0)

-- name: template_page
SELECT template_version.*, template.sandbox, template.created_at AS template_created_at
FROM template JOIN template_version ON template_version.template_id = template.id
    AND template_version.version = template.version
WHERE template.tenant = :tenant AND template.deleted_at IS NULL AND (template.sandbox = 1 OR :sandbox_only = 0)
    AND (template.id < :after OR :after = '')
ORDER BY template.id DESC LIMIT :limit

-- name: template_versions_page
SELECT template_version.*, template.sandbox, template.created_at AS template_created_at
FROM template JOIN template_version ON template_version.template_id = template.id
WHERE template.id = :id AND template.tenant = :tenant AND template.deleted_at IS NULL
    AND (template.sandbox = 1 OR :sandbox_only = 0) AND (template_version.id < :after OR :after = '')
ORDER BY template_version.id DESC LIMIT :limit
