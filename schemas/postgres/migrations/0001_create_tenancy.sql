-- Organisations, their repositories and their tokens. Every row carries org_id.

CREATE TABLE org (
  id text PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL DEFAULT 'team' CHECK (plan IN ('team', 'enterprise')),
  retention_days integer NOT NULL DEFAULT 90 CHECK (retention_days BETWEEN 1 AND 3650),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- id is made from org and full name (schemas/records/repository.ts), so two gateways agree on it.
CREATE TABLE repo (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  full_name text NOT NULL,
  default_provider text NOT NULL DEFAULT 'local' CHECK (default_provider IN ('github-actions', 'local')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, full_name)
);

-- Only the SHA-256 of a token is kept. `repository` binds it to one repository; null: any of the org.
CREATE TABLE token (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  repository text,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
