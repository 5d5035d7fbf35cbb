import { randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, inOrg, type Session } from '#schemas/postgres/session.js';
import { advance, INTERVAL_S, MAX_OPEN, type Advanced } from './advance.js';
import { recordEpisodes } from './facts.js';
import type { Reading } from './observation.js';
import { readRules, type ReadContext } from './observe.js';
import { lockEpisodes, settle } from './settle.js';
import { DRIFT, driftTime, FINDING, readDrifts, readFindings, readWaiting } from './signals.js';
import {
  knownEvents,
  ms,
  readOpen,
  readPending,
  removeOld,
  writeAdvanced,
  type Time,
  type TrackedEpisode,
} from './store.js';

/** Seconds after which another gateway evaluates an organisation, if the one that began has not finished. */
const LEASE_S = 180;
/** Maximum organisations that one round evaluates. */
const MAX_ORGANISATIONS = 1_000;

const COULD_NOT_READ = 'could not be read';

interface Claim {
  orgId: string;
  orgName: string;
  lease: string;
  /** Evaluation time: the database's clock, which all gateways share. */
  at: number;
  since: number;
  lastRunAt: number | null;
}

/**
 * Creates a round that evaluates every organisation that is due. An organisation that fails does not keep the others from
 * being evaluated; it is evaluated again when its lease has ended.
 */
export function createEvaluation(
  postgres: Postgres,
  clickhouse: ClickHouseClient,
  onNotice: () => void = () => undefined,
): () => Promise<void> {
  return async () => {
    const errors: unknown[] = [];
    for (let count = 0; count < MAX_ORGANISATIONS; count += 1) {
      const claim = await claimDue(postgres);
      if (claim === undefined) break;
      await evaluate(postgres, clickhouse, claim).then(
        (hasNotices) => {
          if (hasNotices) onNotice();
        },
        (error: unknown) => errors.push(error),
      );
    }
    if (errors.length > 0) throw errors[0];
  };
}

/**
 * Leases the organisation that has been due for the longest time. A lease or a due time further ahead than either can be
 * comes from a clock that was turned back, and does not count.
 */
async function claimDue(postgres: Postgres): Promise<Claim | undefined> {
  const lease = randomUUID();
  const [row] = await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
    tx.query<{ org_id: string; name: string; at: Time; since: Time; last_run_at: Time | null }>(
      `UPDATE alert_evaluation AS e SET lease = $1, leased_until = now() + make_interval(secs => $2), due_at = now() + make_interval(secs => $3)
       FROM org WHERE org.id = e.org_id AND e.org_id =
       (
         SELECT due.org_id FROM alert_evaluation AS due JOIN org AS live ON live.id = due.org_id
         WHERE live.deleted_at IS NULL
           AND (due.due_at <= now() OR due.due_at > now() + make_interval(secs => $3))
           AND (due.leased_until IS NULL OR due.leased_until <= now() OR due.leased_until > now() + make_interval(secs => $2))
         ORDER BY due.due_at LIMIT 1 FOR UPDATE OF due SKIP LOCKED
       )
       RETURNING e.org_id, org.name, now() AS at, e.since, e.last_run_at`,
      [lease, LEASE_S, INTERVAL_S],
    ),
  );
  return row === undefined
    ? undefined
    : {
        orgId: row.org_id,
        orgName: row.name,
        lease,
        at: ms(row.at),
        since: ms(row.since),
        lastRunAt: row.last_run_at === null ? null : ms(row.last_run_at),
      };
}

/**
 * Evaluates one organisation. Reads ClickHouse without holding a transaction, and then writes everything in one: a gateway
 * that dies before leaves nothing, and one that took too long finds that its lease is gone and writes nothing.
 *
 * @returns whether notices may have been queued
 */
async function evaluate(postgres: Postgres, clickhouse: ClickHouseClient, claim: Claim): Promise<boolean> {
  const { orgId, at } = claim;
  const open = await inOrg(postgres, orgId, (tx) => readOpen(tx));
  const problems: Record<string, string> = {};
  const readings = await readAll(clickhouse, claim, open, (rule) => {
    problems[rule] = COULD_NOT_READ;
  });
  return inOrg(postgres, orgId, async (tx) => {
    if ((await lockEpisodes(tx))?.lease !== claim.lease) return false;
    const current = await readOpen(tx);
    const all = [...readings, ...(await readWaiting(tx, orgId, claim.since, current))];
    const occurrences = all.flatMap(({ observations }) => observations.flatMap((each) => each.occurrence || []));
    const advanced = advance(
      all,
      {
        open: withoutLater(current, at),
        pending: await readPending(tx),
        knownEvents: await knownEvents(tx, occurrences),
      },
      at,
    );
    for (const { rule, isComplete, observations } of readings)
      if (rule === DRIFT ? observations.length >= MAX_OPEN : !isComplete)
        problems[rule] = 'has too many instances: those beyond are left out';
    for (const [rule, count] of advanced.notOpened)
      problems[rule] = `has too many open alerts: ${String(count)} more are left out`;
    await writeAdvanced(tx, orgId, advanced, at);
    const touched = await settle(tx, orgId, at);
    await recordEpisodes(tx, orgId, at);
    await removeOld(tx, at);
    await finish(tx, problems, at);
    return touched.size > 0 || hasChanges(advanced);
  });
}

const hasChanges = ({ opened, ended }: Advanced): boolean => opened.length + ended.length > 0;

/** Episodes that began after the evaluation read the store (a drift by REST) are left as they are. */
const withoutLater = (open: readonly TrackedEpisode[], at: number): TrackedEpisode[] =>
  open.filter(({ since }) => since <= at);

/** Ends the lease. Where drifts could not be read, the next evaluation reads them from the same time. */
async function finish(tx: Session, problems: Readonly<Record<string, string>>, at: number): Promise<void> {
  await tx.query(
    `UPDATE alert_evaluation SET lease = NULL, leased_until = NULL, problems = $2,
       last_run_at = CASE WHEN $3 THEN last_run_at ELSE $1::timestamptz END`,
    [new Date(at).toISOString(), JSON.stringify(problems), problems[DRIFT] === COULD_NOT_READ],
  );
}

async function readAll(
  clickhouse: ClickHouseClient,
  claim: Claim,
  open: readonly TrackedEpisode[],
  onFailure: (rule: string) => void,
): Promise<Reading[]> {
  const tracked = new Map<string, Set<string>>();
  for (const { rule, repository } of open) tracked.set(rule, (tracked.get(rule) ?? new Set()).add(repository));
  const context: ReadContext = { orgId: claim.orgId, orgName: claim.orgName, at: claim.at, tracked };
  const readings = await readRules(clickhouse, context, onFailure);
  const drifts = new Map(open.filter(({ rule }) => rule === DRIFT).map((each) => [each.repository, driftTime(each)]));
  const from = Math.max(claim.since, claim.lastRunAt ?? claim.since);
  for (const [rule, reading] of [
    [FINDING, () => readFindings(clickhouse, context, claim.since)],
    [DRIFT, () => readDrifts(clickhouse, context, from, drifts)],
  ] as const)
    await reading().then(
      (read) => readings.push(read),
      () => {
        onFailure(rule);
      },
    );
  return readings;
}
