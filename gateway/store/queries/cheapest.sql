-- Lines of a pool that a dearer one may leave a text to.

-- name: lines_sending
SELECT line.* FROM line, json_each(line.pools)
WHERE line.tenant = :tenant AND line.state = 'up' AND line.paused = 0 AND line.emulated = 0 AND line.id <> :id
    AND (line.held_until IS NULL OR line.held_until <= :now) AND json_each.value = :pool
ORDER BY line.id
