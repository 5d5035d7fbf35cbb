-- Delivery of notices to services outside (ingest/delivery/): where they go, what is on its way, and the tickets they opened.
--
-- A notice is a row of alert_delivery, inserted in the transaction that decided to send it. Background work of every
-- gateway leases rows and sends them; a gateway that dies leaves a lease that ends, and another one sends again.

-- A destination of notices. Writer: the gateway. Background work writes only the counters at the end.
-- The row of a removed destination stays, without its secret, because deliveries name it.
CREATE TABLE alert_destination (
  id text PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'slack-bot', 'pagerduty', 'alertmanager', 'github', 'email', 'linear', 'teams', 'jira')),
  -- JSON of what is no secret.
  config text NOT NULL,
  -- JSON of the secrets, encrypted by AES-256-GCM (ingest/delivery/seal.ts), and the id of the key; null: removed.
  sealed text,
  seal_key_id text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  -- Notices sent in the minute that began at minute_at, by all gateways: the rate limit.
  minute_at timestamptz,
  minute_sent integer NOT NULL DEFAULT 0,
  -- The service asked for silence until then.
  paused_until timestamptz,
  UNIQUE (org_id, id)
);
CREATE UNIQUE INDEX alert_destination_by_name ON alert_destination (org_id, name) WHERE removed_at IS NULL;

-- The outbox of notices. Writer: queueNotice (ingest/delivery/queue.ts). Reader: background work, which leases rows and
-- writes what became of them; administrators, who see dead ones and send them again.
-- A repeated idempotency key of a destination is the same notice. Notices of one key go out in the order of their ids.
CREATE TABLE alert_delivery (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id text NOT NULL REFERENCES org (id),
  destination_id text NOT NULL,
  idempotency_key text NOT NULL,
  -- Dedupe key of the notice.
  key text NOT NULL,
  -- Of the notice; null: the organisation. The purge of a repository removes its rows.
  repository text,
  -- JSON of ingest/delivery/notice.ts; its texts are untrusted.
  notice text NOT NULL,
  -- Whether it concerns the one ticket of its key.
  is_ticket boolean NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  -- The attempt that is running; null: none.
  lease_id text,
  lease_until timestamptz,
  queued_at timestamptz NOT NULL DEFAULT now(),
  -- When it was sent or given up.
  ended_at timestamptz,
  -- HTTP status of the last attempt, and what went wrong, without secrets.
  last_status integer,
  last_error text,
  UNIQUE (destination_id, idempotency_key),
  FOREIGN KEY (org_id, destination_id) REFERENCES alert_destination (org_id, id)
);
CREATE INDEX alert_delivery_waiting ON alert_delivery (destination_id, key, id) WHERE state = 'waiting';
CREATE INDEX alert_delivery_by_org ON alert_delivery (org_id, id);
CREATE INDEX alert_delivery_ended ON alert_delivery (ended_at) WHERE state <> 'waiting';

-- The ticket, or thread, of a key at a destination. Writer: background work, and the routes by which services report a
-- changed ticket. The row is written before the ticket is created: without an external_id it may or may not exist, and
-- who sends next searches for it first.
CREATE TABLE alert_ticket (
  org_id text NOT NULL REFERENCES org (id),
  destination_id text NOT NULL,
  key text NOT NULL,
  external_id text,
  url text,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  episode integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (destination_id, key),
  FOREIGN KEY (org_id, destination_id) REFERENCES alert_destination (org_id, id)
);

-- Row level security.
DO $$
DECLARE table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['alert_destination', 'alert_delivery', 'alert_ticket'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY one_org ON %I TO shieldwatch_app USING (org_id = current_setting(''shieldwatch.org_id'', true)) WITH CHECK (org_id = current_setting(''shieldwatch.org_id'', true))',
      table_name);
    EXECUTE format('CREATE POLICY every_org ON %I TO shieldwatch_worker USING (true) WITH CHECK (true)', table_name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_destination, alert_delivery, alert_ticket TO shieldwatch_app;
GRANT SELECT, UPDATE (minute_at, minute_sent, paused_until) ON alert_destination TO shieldwatch_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_delivery TO shieldwatch_worker;
GRANT SELECT, INSERT, UPDATE ON alert_ticket TO shieldwatch_worker;
