-- Review: what people decide about scans, findings and policies. Writer and reader: the gateway, as shieldwatch_app. Each
-- change also leaves an entry of the audit trail and, where series need it, a row of the outbox (0003).

-- Scans that came by REST: a known digest is answered with the scan that it first named.
CREATE TABLE scan_receipt (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  bundle_digest text NOT NULL,
  scan_id text NOT NULL,
  integrity text NOT NULL CHECK (integrity IN ('ok', 'mismatch', 'suspect')),
  -- Counts of the remediation plan; null: not sent.
  auto_fixable integer,
  manual_review integer,
  generated_at timestamptz NOT NULL,
  ingested_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, repo_id, bundle_digest)
);

-- One decision to be made about one scan. The id is made from repository, route and digest, so it is the same wherever the
-- evidence pack lies; AgentShield's own id (agsr_...), which is not, is kept as an alias.
CREATE TABLE review_item (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  route text NOT NULL CHECK (route IN ('invalid', 'security-blocker', 'policy-review', 'baseline-regression', 'supply-chain-review')),
  bundle_digest text NOT NULL,
  approval_id text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'dismissed')),
  assignee text,
  opened_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  decided_by text,
  -- Set when a newer scan of the repository replaced the item.
  superseded_at timestamptz,
  UNIQUE (org_id, repo_id, route, bundle_digest)
);
CREATE INDEX review_item_by_alias ON review_item (org_id, approval_id);

-- Comments on a review item, oldest first (ingest/fleet/review-comments.ts). A row is never changed, except for the item that
-- a merge of repositories gives it, and is removed with its item. `body` is redacted before it is stored.
CREATE TABLE review_item_comment (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  item_id text NOT NULL REFERENCES review_item (id) ON DELETE CASCADE,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  author text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX review_item_comment_by_item ON review_item_comment (item_id, seq);

-- Whether a finding is accepted or muted. An acceptance ends by itself at `until`.
CREATE TABLE finding_triage (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  finding_key text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'accepted', 'muted')),
  reason text NOT NULL,
  until timestamptz,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, repo_id, finding_key)
);

-- The scan with which later scans of a repository are compared.
CREATE TABLE baseline (
  org_id text NOT NULL REFERENCES org (id),
  repo_id text NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  source_scan_id text NOT NULL,
  baseline_timestamp timestamptz NOT NULL,
  numeric_score integer,
  finding_count integer NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  -- Event id of that scan in ClickHouse.
  source_event_id text,
  PRIMARY KEY (org_id, repo_id)
);

-- A policy pack that shall become the active policy, and the decision about it. Known by pack and digest: other content of
-- the same pack is another promotion.
CREATE TABLE policy_promotion (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  pack text NOT NULL,
  policy_name text NOT NULL,
  sha256 text NOT NULL,
  owners text[] NOT NULL,
  -- JSON of AgentShield's own items: what it verified and what it leaves to people.
  review_items text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'rejected')),
  note text,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  decided_by text,
  decided_at timestamptz,
  UNIQUE (org_id, pack, sha256)
);

-- Row level security.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['scan_receipt', 'review_item', 'review_item_comment', 'finding_triage', 'baseline', 'policy_promotion'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY one_org ON %I TO shieldwatch_app USING (org_id = current_setting(''shieldwatch.org_id'', true)) WITH CHECK (org_id = current_setting(''shieldwatch.org_id'', true))',
      table_name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON scan_receipt, review_item, finding_triage, baseline, policy_promotion TO shieldwatch_app;
-- Of two items that a merge of repositories makes one, the survivor takes over the comments.
GRANT SELECT, INSERT, UPDATE (item_id) ON review_item_comment TO shieldwatch_app;
