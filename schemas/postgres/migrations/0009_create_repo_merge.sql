-- Names under which a repository was recorded beside its own: what came under `from_name`, and what still comes, is of
-- `to_name`. Writer: ingest/control/merges.ts. Reader: the gateway, where a request names a repository, and background
-- work, which moves what lands under the old name.
CREATE TABLE repo_merge (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  from_id text NOT NULL,
  from_name text NOT NULL,
  to_name text NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  last_run_at timestamptz,
  finished_at timestamptz,
  rows_moved bigint NOT NULL DEFAULT 0,
  UNIQUE (org_id, from_name),
  CHECK (from_name <> to_name)
);
ALTER TABLE repo_merge ENABLE ROW LEVEL SECURITY;
ALTER TABLE repo_merge FORCE ROW LEVEL SECURITY;
CREATE POLICY one_org ON repo_merge TO shieldwatch_app
  USING (org_id = current_setting('shieldwatch.org_id', true)) WITH CHECK (org_id = current_setting('shieldwatch.org_id', true));
CREATE POLICY every_org ON repo_merge TO shieldwatch_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON repo_merge TO shieldwatch_app;
GRANT SELECT, UPDATE ON repo_merge TO shieldwatch_worker;
-- A receipt goes along with its repository.
GRANT UPDATE ON scan_receipt TO shieldwatch_app;
