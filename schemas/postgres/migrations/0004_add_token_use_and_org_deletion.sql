-- When a token was last used, to the minute; written by background work, which sees of tokens nothing but that.

ALTER TABLE token ADD COLUMN last_used_at timestamptz;
CREATE POLICY every_org_to_work_on ON token TO shieldwatch_worker USING (true);
GRANT SELECT (id, last_used_at), UPDATE (last_used_at) ON token TO shieldwatch_worker;

-- An organisation that is deleted keeps its row and its audit trail, and nothing else.

ALTER TABLE org ADD COLUMN deleted_at timestamptz;
ALTER TABLE purge ADD COLUMN is_whole_org boolean NOT NULL DEFAULT false;
ALTER TABLE purge DROP CONSTRAINT purge_check;
ALTER TABLE purge ADD CONSTRAINT purge_check CHECK (
  is_whole_org OR repository IS NOT NULL OR token_id IS NOT NULL OR from_at IS NOT NULL OR to_at IS NOT NULL);
