-- A policy pack that shall become the active policy, and what was decided. Known by pack and digest: another
-- content of the same pack is another promotion.
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
ALTER TABLE policy_promotion ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_promotion FORCE ROW LEVEL SECURITY;
CREATE POLICY one_org ON policy_promotion TO shieldwatch_app
  USING (org_id = current_setting('shieldwatch.org_id', true)) WITH CHECK (org_id = current_setting('shieldwatch.org_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_promotion TO shieldwatch_app;
