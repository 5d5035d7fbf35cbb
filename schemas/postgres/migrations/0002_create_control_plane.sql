-- What people decide: members, tokens' lives, review items, triage, baselines, purges; and what must not be
-- lost on the way: receipts of scans, the outbox to ClickHouse, the audit chain.
--
-- Tenancy: every table has row level security, forced on its owner too. Nothing but the migrations runs as
-- owner: each transaction of the server opens with one of these roles (schemas/postgres/session.ts).
--   shieldwatch_app       one organisation, named by the setting shieldwatch.org_id
--   shieldwatch_auth      one token, named by the setting shieldwatch.token_hash; reads only
--   shieldwatch_operator  organisations themselves, from the machine's own commands
--   shieldwatch_worker    the outbox and purges of all organisations, from background work
DO $$
DECLARE role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['shieldwatch_app', 'shieldwatch_auth', 'shieldwatch_operator', 'shieldwatch_worker'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', role_name);
    END IF;
    EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
  END LOOP;
END $$;

ALTER TABLE org ADD COLUMN github_org_login text, ADD COLUMN sso_enabled boolean NOT NULL DEFAULT false;
-- The organisation of a machine of one's own has no plan to outgrow.
UPDATE org SET plan = 'enterprise' WHERE id = 'org_local';

ALTER TABLE repo ADD COLUMN github_repo_id text;

CREATE TABLE member (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  login text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, login)
);

-- A member's token can do what its scopes and the member's role allow, whichever is less.
ALTER TABLE token
  ADD COLUMN member_id text REFERENCES member (id) ON DELETE CASCADE,
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN rotated_from text;
CREATE INDEX token_by_org ON token (org_id, created_at);

-- Scans that came by REST, so that a digest that is known is answered with its first scan.
CREATE TABLE scan_receipt (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  bundle_digest text NOT NULL,
  scan_id text NOT NULL,
  integrity text NOT NULL CHECK (integrity IN ('ok', 'mismatch', 'suspect')),
  -- Counts of the remediation plan, which no fact holds; null: not sent.
  auto_fixable integer,
  manual_review integer,
  generated_at timestamptz NOT NULL,
  ingested_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, repo_id, bundle_digest)
);

-- One decision to be made about one scan. Its id is made of repository, route and digest, so it is the same
-- wherever the pack lies; AgentShield's own agsr_ id, which is not, is kept as an alias.
CREATE TABLE review_item (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  route text NOT NULL CHECK (route IN ('invalid', 'security-blocker', 'policy-review', 'baseline-regression', 'supply-chain-review')),
  bundle_digest text NOT NULL,
  approval_id text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'dismissed')),
  assignee text,
  note text,
  opened_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  decided_by text,
  -- Set when a newer scan of the repository took the item's place.
  superseded_at timestamptz,
  UNIQUE (org_id, repo_id, route, bundle_digest)
);
CREATE INDEX review_item_by_alias ON review_item (org_id, approval_id);

CREATE TABLE finding_triage (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  finding_key text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'accepted', 'muted')),
  reason text NOT NULL,
  -- An acceptance ends; the finding is open again by itself.
  until timestamptz,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, repo_id, finding_key)
);

CREATE TABLE baseline (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  source_scan_id text NOT NULL,
  baseline_timestamp timestamptz NOT NULL,
  numeric_score integer,
  finding_count integer NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, repo_id)
);

-- A purge is done again for a while after it is finished: queues and spools may still hold what it removed.
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
  CHECK (repository IS NOT NULL OR token_id IS NOT NULL OR from_at IS NOT NULL OR to_at IS NOT NULL)
);

-- Each change of state leaves a row here in its own transaction; a worker takes them to ClickHouse in order.
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

-- Append-only and chained: hash covers the entry and the hash before it, signature the head after it.
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

DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['org', 'repo', 'member', 'token', 'scan_receipt', 'review_item', 'finding_triage',
      'baseline', 'purge', 'outbox', 'audit_entry'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY one_org ON %I TO shieldwatch_app USING (%I = current_setting(''shieldwatch.org_id'', true)) WITH CHECK (%I = current_setting(''shieldwatch.org_id'', true))',
      table_name,
      CASE WHEN table_name = 'org' THEN 'id' ELSE 'org_id' END,
      CASE WHEN table_name = 'org' THEN 'id' ELSE 'org_id' END);
  END LOOP;
END $$;

GRANT SELECT, UPDATE ON org TO shieldwatch_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON repo, member, review_item, finding_triage, baseline TO shieldwatch_app;
GRANT SELECT, INSERT, UPDATE ON token, purge TO shieldwatch_app;
GRANT SELECT, INSERT, DELETE ON scan_receipt TO shieldwatch_app;
GRANT INSERT ON outbox TO shieldwatch_app;
GRANT SELECT, INSERT ON audit_entry TO shieldwatch_app;

CREATE POLICY by_hash ON token FOR SELECT TO shieldwatch_auth
  USING (token_hash = current_setting('shieldwatch.token_hash', true));
CREATE POLICY of_token ON org FOR SELECT TO shieldwatch_auth
  USING (EXISTS (SELECT FROM token WHERE token.org_id = org.id));
CREATE POLICY of_token ON member FOR SELECT TO shieldwatch_auth
  USING (EXISTS (SELECT FROM token WHERE token.member_id = member.id));
GRANT SELECT ON token, org, member TO shieldwatch_auth;

CREATE POLICY every_org ON org TO shieldwatch_operator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON org TO shieldwatch_operator;

CREATE POLICY every_org_to_work_on ON org FOR SELECT TO shieldwatch_worker USING (true);
CREATE POLICY every_org ON outbox TO shieldwatch_worker USING (true);
CREATE POLICY every_org ON purge TO shieldwatch_worker USING (true);
GRANT SELECT ON org TO shieldwatch_worker;
GRANT SELECT, DELETE ON outbox TO shieldwatch_worker;
GRANT SELECT, UPDATE ON purge TO shieldwatch_worker;
