-- Alerts (ingest/alerts/): what fired, who was notified, and why others were not.
--
-- The rules run in ClickHouse, for organisations that have routes. What follows is written in one transaction together with
-- the notices (alert_delivery), so that a crash neither loses nor doubles one.

-- The routes of an organisation, always changed as a whole. Writer: the gateway. Reader: the evaluation.
CREATE TABLE alert_routes (
  org_id text PRIMARY KEY REFERENCES org (id),
  version integer NOT NULL,
  -- JSON of schemas/http/alerts.ts.
  routes text NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- When an organisation is evaluated next, and which gateway does it. All times are those of this database's clock.
-- Writer: the gateway that holds the lease; every writer of episodes locks the row first.
CREATE TABLE alert_evaluation (
  org_id text PRIMARY KEY REFERENCES org (id),
  -- Events from before are not announced.
  since timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL DEFAULT now(),
  lease text,
  leased_until timestamptz,
  last_run_at timestamptz,
  -- JSON: by rule, since when it cannot be evaluated, or how many instances were left out.
  problems text NOT NULL DEFAULT '{}'
);
CREATE INDEX alert_evaluation_due ON alert_evaluation (due_at);

-- Instances over their threshold, but not yet for long enough.
CREATE TABLE alert_pending (
  org_id text NOT NULL REFERENCES org (id),
  key text NOT NULL,
  rule text NOT NULL,
  -- Sum of the times between evaluations, each at most two intervals: an outage or a clock that jumps does not fire.
  held_seconds integer NOT NULL,
  observed_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, key)
);

-- One time that something fired. At most one of a key is open (`firing` or `no_data`). `no_data` is not resolved: the
-- evaluation says so only when a value is below the threshold again. Ended ones are kept for 90 days.
CREATE TABLE alert_episode (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  -- Dedupe key of the notices, which Grafana's have too (schemas/alerts/rules.ts).
  key text NOT NULL,
  number integer NOT NULL,
  rule text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('rule', 'finding', 'drift', 'approval', 'review')),
  severity text NOT NULL CHECK (severity IN ('critical', 'warning')),
  repository text NOT NULL DEFAULT '',
  owners text[] NOT NULL DEFAULT '{}',
  -- JSON; values are untrusted.
  labels text NOT NULL DEFAULT '{}',
  title text NOT NULL,
  summary text NOT NULL,
  value double precision,
  threshold double precision,
  window_seconds integer,
  -- Of an event (a drift): its id.
  occurrence text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'firing' CHECK (state IN ('firing', 'no_data', 'resolved', 'expired', 'superseded')),
  since timestamptz NOT NULL,
  observed_at timestamptz NOT NULL,
  missing_since timestamptz,
  ended_at timestamptz,
  announced_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  assignee text,
  ticket_closed_at timestamptz,
  -- A notice is still to be decided about.
  is_unsettled boolean NOT NULL DEFAULT true,
  UNIQUE (org_id, key, number)
);
CREATE UNIQUE INDEX alert_episode_open ON alert_episode (org_id, key) WHERE state IN ('firing', 'no_data');
CREATE INDEX alert_episode_unsettled ON alert_episode (org_id) WHERE is_unsettled;
CREATE INDEX alert_episode_by_time ON alert_episode (org_id, since, id);
CREATE UNIQUE INDEX alert_episode_by_event ON alert_episode (org_id, occurrence) WHERE occurrence <> '';

-- What was decided about a notice of an episode, per destination; destination_id is empty where no destination was chosen.
-- Nothing is left out without a row here.
CREATE TABLE alert_decision (
  org_id text NOT NULL REFERENCES org (id),
  episode_id text NOT NULL REFERENCES alert_episode (id) ON DELETE CASCADE,
  destination_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('firing', 'still_firing', 'acknowledged', 'resolved')),
  outcome text NOT NULL CHECK (outcome IN ('queued', 'waiting', 'digested', 'suppressed')),
  reason text NOT NULL,
  route text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  -- Of a digest that is waiting.
  due_at timestamptz,
  delivery_id text,
  PRIMARY KEY (episode_id, destination_id, kind)
);
CREATE INDEX alert_decision_due ON alert_decision (org_id, due_at) WHERE outcome = 'waiting';

-- A key of which nothing is sent until a time.
CREATE TABLE alert_mute (
  org_id text NOT NULL REFERENCES org (id),
  key text NOT NULL,
  until timestamptz NOT NULL,
  reason text NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, key)
);

-- Row level security.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['alert_routes', 'alert_evaluation', 'alert_pending', 'alert_episode', 'alert_decision', 'alert_mute'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY one_org ON %I TO shieldwatch_app USING (org_id = current_setting(''shieldwatch.org_id'', true)) WITH CHECK (org_id = current_setting(''shieldwatch.org_id'', true))',
      table_name);
  END LOOP;
END $$;
CREATE POLICY every_org ON alert_evaluation TO shieldwatch_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_routes, alert_evaluation, alert_pending, alert_episode, alert_decision, alert_mute TO shieldwatch_app;
GRANT SELECT, UPDATE ON alert_evaluation TO shieldwatch_worker;
