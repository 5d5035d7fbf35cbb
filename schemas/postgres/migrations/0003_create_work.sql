-- Work that must not be lost on its way, and the audit trail.

-- A deletion of telemetry: of a repository, of what one token sent, of a time range, or of the whole organisation. Writer:
-- the gateway. Reader: background work, which repeats a finished purge for a while: queues and spools may still hold what it
-- removed.
CREATE TABLE purge (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  repository text,
  token_id text,
  from_at timestamptz,
  to_at timestamptz,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  last_run_at timestamptz,
  tables_done integer NOT NULL DEFAULT 0,
  tables_total integer NOT NULL DEFAULT 0,
  rows_removed bigint NOT NULL DEFAULT 0,
  is_whole_org boolean NOT NULL DEFAULT false,
  CONSTRAINT purge_check CHECK (is_whole_org OR repository IS NOT NULL OR token_id IS NOT NULL OR from_at IS NOT NULL OR to_at IS NOT NULL)
);

-- Changes on their way to ClickHouse (control_event_v1). Writer: each change of state, in its own transaction. Reader: a
-- worker that sends them in order and then removes them; one that dies sends some again, and they deduplicate by event_id.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  event_id text NOT NULL UNIQUE,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  repository text NOT NULL DEFAULT '',
  kind text NOT NULL,
  subject text NOT NULL,
  state text NOT NULL DEFAULT '',
  actor text NOT NULL,
  detail text NOT NULL DEFAULT '{}'
);

-- Audit trail of one organisation, append-only and chained: `hash` covers the entry and the hash before it, `signature` the
-- head after it (ingest/control/audit-chain.ts).
CREATE TABLE audit_entry (
  org_id text NOT NULL REFERENCES org (id),
  seq bigint NOT NULL,
  record text NOT NULL,
  previous_hash text NOT NULL,
  hash text NOT NULL,
  signature text NOT NULL,
  PRIMARY KEY (org_id, seq)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Row level security.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['purge', 'outbox', 'audit_entry'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY one_org ON %I TO shieldwatch_app USING (org_id = current_setting(''shieldwatch.org_id'', true)) WITH CHECK (org_id = current_setting(''shieldwatch.org_id'', true))',
      table_name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON purge TO shieldwatch_app;
GRANT INSERT ON outbox TO shieldwatch_app;
GRANT SELECT, INSERT ON audit_entry TO shieldwatch_app;

CREATE POLICY every_org ON outbox TO shieldwatch_worker USING (true);
CREATE POLICY every_org ON purge TO shieldwatch_worker USING (true);
GRANT SELECT, DELETE ON outbox TO shieldwatch_worker;
GRANT SELECT, UPDATE ON purge TO shieldwatch_worker;
