import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { createEvaluation } from './alerts/evaluate.js';
import type { TokenUse } from './auth/token-use.js';
import { runInBackground, type Background } from './control/background.js';
import type { ControlPlane } from './control/control-plane.js';
import { createDiscovery } from './control/discovery.js';
import { forMarkedOrganisations } from './control/marked-organisations.js';
import { drainOutbox } from './control/outbox.js';
import { linkFromScans } from './control/repo-links.js';
import { runMerges } from './control/merges.js';
import { runPurges } from './control/purges.js';
import { startDelivery, type Delivery, type DeliverySettings } from './delivery/engine.js';
import { openReviewItems } from './fleet/review-items.js';

/** Jobs that run beside requests. */
export interface BackgroundWork {
  outbox: Background;
  reviewItems: Background;
  purges: Background;
  merges: Background;
  alerts: Background;
  /** Sends queued notices. */
  delivery: Delivery;
  stop(): Promise<void>;
}

/** Milliseconds between scheduled rounds. `wake` starts a round earlier. */
const OUTBOX_MS = 5_000;
const DISCOVERY_MS = 5_000;
const REVIEW_MS = 15_000;
const PURGE_MS = 60_000;
const MERGE_MS = 60_000;
const USE_MS = 60_000;
/** An organisation is evaluated once a minute (`alerts/advance.ts`). */
const ALERTS_MS = 15_000;

export function startBackgroundWork(
  parts: {
    postgres: Postgres;
    clickhouse: ClickHouseClient;
    plane: ControlPlane;
    tokenUse: TokenUse;
    delivery: DeliverySettings;
  },
  onError: (work: string, error: unknown) => void,
): BackgroundWork {
  const { postgres, clickhouse, plane, tokenUse } = parts;
  const run = (name: string, intervalMs: number, round: () => Promise<unknown>): Background =>
    runInBackground(intervalMs, round, (error) => {
      onError(name, error);
    });
  const outbox = run('outbox', OUTBOX_MS, () => drainOutbox(postgres, clickhouse));
  const reviewItems = run('review items', REVIEW_MS, reviewNewScans(clickhouse, plane));
  const repositories = run('repositories', DISCOVERY_MS, createDiscovery(clickhouse, plane));
  const purges = run('purges', PURGE_MS, () => runPurges(postgres, clickhouse, plane));
  const merges = run('merges', MERGE_MS, () => runMerges(postgres, clickhouse, plane));
  const uses = run('last use of tokens', USE_MS, () => tokenUse.flush(postgres));
  const delivery = startDelivery(postgres, parts.delivery, (error) => {
    onError('delivery of notices', error);
  });
  const alerts = run('alerts', ALERTS_MS, createEvaluation(postgres, clickhouse, delivery.wake));
  plane.onFact(() => {
    outbox.wake();
  });
  return {
    outbox,
    reviewItems,
    purges,
    merges,
    alerts,
    delivery,
    async stop() {
      await Promise.all([
        outbox.stop(),
        reviewItems.stop(),
        repositories.stop(),
        purges.stop(),
        merges.stop(),
        alerts.stop(),
        uses.stop(),
        delivery.stop(),
      ]);
      // Flushes what the last requests left behind.
      await Promise.allSettled([drainOutbox(postgres, clickhouse), tokenUse.flush(postgres)]);
    },
  };
}

/** Opens review items for scans that arrived since the last round by any path, and links their repositories. */
function reviewNewScans(clickhouse: ClickHouseClient, plane: ControlPlane): () => Promise<void> {
  return forMarkedOrganisations(clickhouse, "fact = 'scan'", async (orgId, from) => {
    await openReviewItems(plane, clickhouse, orgId);
    await linkFromScans(clickhouse, plane, orgId, from);
  });
}
