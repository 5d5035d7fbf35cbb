-- Tenancy: organisations, their repositories, members and tokens; and the roles by which the server reads and writes.
--
-- Every table has org_id and row level security, forced on its owner too. Nothing but migrations runs as owner: each
-- transaction of the server takes one of these roles first (schemas/postgres/session.ts).
--   shieldwatch_app       one organisation, named by the setting shieldwatch.org_id
--   shieldwatch_auth      one token, named by the setting shieldwatch.token_hash; reads only
--   shieldwatch_operator  organisations themselves, for commands on the machine
--   shieldwatch_worker    background work over all organisations: outbox, purges, merges, last use of tokens
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

-- One organisation, the tenant. Writer: ingest/control/orgs.ts, as operator. Reader: everything.
-- A deleted organisation keeps this row and its audit trail, and nothing else.
CREATE TABLE org (
  id text PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL DEFAULT 'team' CHECK (plan IN ('team', 'enterprise')),
  -- Days of landing in ClickHouse; stamped on every resource.
  retention_days integer NOT NULL DEFAULT 90 CHECK (retention_days BETWEEN 1 AND 3650),
  created_at timestamptz NOT NULL DEFAULT now(),
  github_org_login text,
  sso_enabled boolean NOT NULL DEFAULT false,
  -- false: prompts, answers, tool arguments and results are dropped before anything is stored.
  keep_content boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  -- false: pseudonyms replace e-mail addresses and login names in telemetry.
  keep_identities boolean NOT NULL DEFAULT false
);

-- One repository. The id is made from organisation and full name (schemas/records/repository.ts): two gateways agree on it
-- without asking each other.
CREATE TABLE repo (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  full_name text NOT NULL,
  default_provider text NOT NULL DEFAULT 'local' CHECK (default_provider IN ('github-actions', 'local')),
  created_at timestamptz NOT NULL DEFAULT now(),
  github_repo_id text,
  UNIQUE (org_id, full_name)
);

-- Names that a repository had: what arrives under from_name belongs to to_name. Writer: ingest/control/merges.ts. Reader:
-- the gateway, where a request names a repository; background work, which moves rows that land under the old name.
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

-- One person with a role in an organisation. Logins are kept as written and compared without letter case, as e-mail
-- addresses and GitHub's names are. The index names the collation: lower() of a Turkish one maps I to another letter.
CREATE TABLE member (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  login text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX member_by_login ON member (org_id, lower(login COLLATE "C"));

-- One token, of which only the SHA-256 is kept. It may do what its scopes allow and, where it stands for a member, what that
-- member's role allows. It may do no more than those by whose authority it was made, and ends with them.
CREATE TABLE token (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  -- The one repository it is bound to; null: any of the organisation.
  repository text,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  member_id text REFERENCES member (id) ON DELETE CASCADE,
  expires_at timestamptz,
  rotated_from text,
  -- To the minute; written by background work.
  last_used_at timestamptz,
  -- The token that minted it; null: a command on the machine.
  minted_by text,
  -- Members by whose authority it was made: the one who minted it, and the one who minted the token that did. While one of
  -- them is no longer a member it does not work, and the least of their roles is the most it has.
  minters text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX token_by_org ON token (org_id, created_at);
CREATE INDEX token_by_minter ON token (org_id, minted_by);

-- One number that grows with every change to what a token may do: changes of tokens, their members, their organisations.
-- While it stands still, what a gateway has read about tokens is current; it reads this row once a second for all of them
-- (ingest/auth/token-lookup.ts).
-- Writer: the triggers below, for every change through every gateway. They run when the change commits, in
-- its transaction: who reads the new number sees the change. A sequence would be ahead of the change, and counting at once
-- would hold the row's lock for the rest of the transaction.
CREATE TABLE token_epoch (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  epoch bigint NOT NULL
);
INSERT INTO token_epoch (epoch) VALUES (1);

CREATE FUNCTION count_token_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE token_epoch SET epoch = epoch + 1;
  RETURN NULL;
END $$;

-- A new token changes nothing that anybody has read, and neither does last_used_at.
CREATE CONSTRAINT TRIGGER token_changed AFTER UPDATE ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (to_jsonb(OLD) - 'last_used_at' IS DISTINCT FROM to_jsonb(NEW) - 'last_used_at') EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER token_removed AFTER DELETE ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER member_changed AFTER UPDATE OR DELETE ON member DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();
CREATE CONSTRAINT TRIGGER org_changed AFTER UPDATE OR DELETE ON org DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_token_change();

-- Row level security.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['org', 'repo', 'repo_merge', 'member', 'token'] LOOP
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
GRANT SELECT, INSERT, UPDATE, DELETE ON repo, member TO shieldwatch_app;
GRANT SELECT, INSERT, UPDATE ON token, repo_merge TO shieldwatch_app;

-- shieldwatch_auth sees the token of the given hash, its organisation, and the members it depends on.
CREATE POLICY by_hash ON token FOR SELECT TO shieldwatch_auth
  USING (token_hash = current_setting('shieldwatch.token_hash', true));
CREATE POLICY of_token ON org FOR SELECT TO shieldwatch_auth
  USING (EXISTS (SELECT FROM token WHERE token.org_id = org.id));
CREATE POLICY of_token ON member FOR SELECT TO shieldwatch_auth
  USING (EXISTS (SELECT FROM token WHERE token.member_id = member.id OR member.id = ANY (token.minters)));
GRANT SELECT ON token, org, member TO shieldwatch_auth;

ALTER TABLE token_epoch ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_epoch FORCE ROW LEVEL SECURITY;
CREATE POLICY is_of_nobody ON token_epoch FOR SELECT TO shieldwatch_auth USING (true);
CREATE POLICY is_counted ON token_epoch TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON token_epoch TO shieldwatch_auth;

CREATE POLICY every_org ON org TO shieldwatch_operator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON org TO shieldwatch_operator;

-- Of tokens, background work sees and writes when they were last used, and nothing else.
CREATE POLICY every_org_to_work_on ON org FOR SELECT TO shieldwatch_worker USING (true);
CREATE POLICY every_org_to_work_on ON token TO shieldwatch_worker USING (true);
CREATE POLICY every_org ON repo_merge TO shieldwatch_worker USING (true);
GRANT SELECT ON org TO shieldwatch_worker;
GRANT SELECT (id, last_used_at), UPDATE (last_used_at) ON token TO shieldwatch_worker;
GRANT SELECT, UPDATE ON repo_merge TO shieldwatch_worker;
