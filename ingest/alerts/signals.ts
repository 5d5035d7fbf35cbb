import { ALERT_SIGNALS, type AlertSignal } from '#schemas/alerts/signals.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Session } from '#schemas/postgres/session.js';
import { idOf } from '#schemas/records/ids.js';
import { quote } from '../boards/macros.js';
import type { RepositoryFilter } from '../boards/repository-filter.js';
import { MAX_OPEN } from './advance.js';
import type { Observation, Reading } from './observation.js';
import { ask, keyOf, timeOf, type ReadContext } from './observe.js';

const DAY_MS = 86_400_000;
/** Milliseconds before the last evaluation from which arrived drifts are read again: the longest INSERT, and more. */
const OVERLAP_MS = 600_000;
/** Milliseconds back to which drifts are read after an outage of the evaluation. */
const MAX_BACK_MS = 7 * DAY_MS;

export const signal = (uid: string): AlertSignal => {
  const found = ALERT_SIGNALS.find((each) => each.uid === uid);
  if (found === undefined) throw new Error(`there is no signal ${uid}`);
  return found;
};

export const FINDING = 'shieldwatch-new-finding';
export const DRIFT = 'shieldwatch-drift';
export const APPROVAL = 'shieldwatch-policy-approval';
export const REVIEW = 'shieldwatch-review-item';

type Named = Pick<Observation, 'severity' | 'repository' | 'title' | 'summary'> & Partial<Observation>;

function observation(uid: string, id: readonly string[], named: Named): Observation {
  return {
    key: keyOf([uid, ...id].join('/')),
    rule: uid,
    kind: signal(uid).kind,
    owners: [],
    labels: {},
    value: null,
    threshold: null,
    windowSeconds: null,
    isFiring: true,
    canOpen: true,
    occurrence: '',
    ...named,
  };
}

/** Returns the key of a finding's alerts: a hash instead of the finding's own key, which holds texts of any length. */
const findingKeyOf = (orgId: string, repo: string, key: string, severity: string, category: string): string[] => [
  orgId,
  idOf('finding', repo, key, severity, category),
  repo,
];

/**
 * Reads the critical findings and the secrets that are open, or that a scan has found fixed within 30 days. One opens an
 * episode if it was found after a day before `since`, and is neither accepted nor muted. It is resolved when a scan that
 * covers it no longer reports it. A finding that got a new key has no data under its old one.
 */
export async function readFindings(
  client: ClickHouseClient,
  { orgId, at }: ReadContext,
  since: number,
  filters?: RepositoryFilter,
): Promise<Reading> {
  const scope = `org_id = ${quote(orgId)}`;
  const rows = await ask<{
    repo: string;
    finding_key: string;
    severity: string;
    category: string;
    name: string;
    path: string;
    is_open: boolean;
    can_open: boolean;
  }>(
    client,
    `SELECT repo, finding_key, severity, category, name, path, is_open,
    opened_at > ${timeOf(since - DAY_MS)} AND NOT was_rekeyed AND (repo, finding_key) NOT IN
    (
        SELECT repo, finding_key FROM finding_triage
        WHERE ${scope} AND status IN ('accepted', 'muted') AND (until = '' OR parseDateTime64BestEffortOrZero(until, 3, 'UTC') > ${timeOf(at)})
    ) AS can_open
FROM
(
    SELECT repo, finding_key, severity, category, any(title) AS name, any(file) AS path, sum(change) > 0 AS is_open,
        maxIf(scan_at, change = 1) AS opened_at, max(scan_at) AS changed_at, argMax(is_rekeyed, (scan_at, scan_id)) AS was_rekeyed
    FROM finding_transition
    WHERE ${scope} AND (severity = 'critical' OR category = 'secrets') AND scan_at <= ${timeOf(at + DAY_MS)}
    GROUP BY repo, finding_key, severity, category
    HAVING (is_open OR NOT was_rekeyed) AND (is_open OR changed_at > ${timeOf(at - 30 * DAY_MS)})
        AND opened_at > ${timeOf(since - 400 * DAY_MS)}
)
ORDER BY opened_at > ${timeOf(since - DAY_MS)} DESC, is_open DESC, opened_at DESC, repo, finding_key
LIMIT ${String(MAX_OPEN * 2 + 1)}`,
    filters,
  );
  return {
    rule: FINDING,
    forSeconds: 0,
    isComplete: rows.length <= MAX_OPEN * 2,
    observations: rows.map((row) =>
      observation(FINDING, findingKeyOf(orgId, row.repo, row.finding_key, row.severity, row.category), {
        severity: row.severity === 'critical' ? 'critical' : 'warning',
        repository: row.repo,
        title: `${row.category === 'secrets' ? 'Secret' : 'Critical finding'} in ${row.repo}: ${row.name}`,
        summary: `A scan found it in ${row.path}.`,
        labels: { severity: row.severity, category: row.category },
        isFiring: row.is_open,
        canOpen: row.can_open,
      }),
    ),
  };
}

/** A drift that is an alert. */
export interface BadDrift {
  repository: string;
  eventId: string;
  /** ISO 8601, by the sender's clock. */
  occurredAt: string;
  hasCritical: boolean;
  scorePrevious: number;
  scoreCurrent: number;
  newFindings: number;
  /** Drifts of the repository that arrived at the same time and are not named. */
  others?: number;
}

/** Makes the observation of a drift: the same for one by REST and for its fact. */
export function driftObservation(orgId: string, drift: BadDrift): Observation {
  const { repository, eventId, occurredAt, hasCritical, scorePrevious, scoreCurrent, newFindings, others = 0 } = drift;
  return observation(DRIFT, [orgId, repository], {
    severity: hasCritical ? 'critical' : 'warning',
    repository,
    title: `${hasCritical ? 'Critical findings' : 'Regression'} since the last check of ${repository}`,
    summary: `The score went from ${String(scorePrevious)} to ${String(scoreCurrent)}, with ${String(newFindings)} new findings.${
      others > 0 ? ` ${String(others)} more drifts of this repository came at the same time.` : ''
    }`,
    labels: { occurredAt },
    value: scoreCurrent - scorePrevious,
    // The id comes from the sender: one of another repository must not make this one look known.
    occurrence: idOf('drift', repository, eventId),
  });
}

/** Returns when the drift of an open episode occurred, or was accepted if that is earlier. */
export const driftTime = ({ since, labels }: { since: number; labels: Readonly<Record<string, string>> }): number =>
  Math.min(since, Date.parse(labels['occurredAt'] ?? '') || since);

/**
 * Reads the drifts that arrived since `from` and have a regression or critical findings, and which repositories of open
 * episodes have a newer drift without.
 */
export async function readDrifts(
  client: ClickHouseClient,
  { orgId, at, tracked }: ReadContext,
  from: number,
  openSince: ReadonlyMap<string, number>,
  filters?: RepositoryFilter,
): Promise<Reading> {
  const scope = `org_id = ${quote(orgId)}`;
  const start = Math.max(from - OVERLAP_MS, at - MAX_BACK_MS);
  const bad = await ask<{
    repo: string;
    event: string;
    occurred: number;
    critical: boolean;
    previous: number;
    current: number;
    found: number;
    drifts: number;
  }>(
    client,
    `SELECT repo, argMax(event_id, place) AS event, toUnixTimestamp64Milli(argMax(occurred_at, place)) AS occurred, argMax(has_critical, place) AS critical, argMax(score_previous, place) AS previous,
    argMax(score_current, place) AS current, argMax(new_findings, place) AS found, count() AS drifts
FROM (SELECT *, (ingested_at, event_id) AS place FROM drift_event WHERE ${scope} AND ingested_at > ${timeOf(start)} AND ingested_at <= ${timeOf(at)} AND (is_regression OR has_critical))
GROUP BY repo
ORDER BY repo
LIMIT ${String(MAX_OPEN)}`,
    filters,
  );
  const repositories = [...(tracked.get(DRIFT) ?? [])];
  const newest =
    repositories.length === 0
      ? []
      : await ask<{ repo: string; at: number }>(
          client,
          `SELECT repo, toUnixTimestamp64Milli(max(occurred_at)) AS at, argMax(is_regression OR has_critical, (occurred_at, ingested_at)) AS is_bad
FROM drift_event
WHERE ${scope} AND repo IN (${repositories.map((name) => quote(name)).join(', ')}) AND occurred_at > ${timeOf(at - 30 * DAY_MS)} AND ingested_at <= ${timeOf(at)}
GROUP BY repo
HAVING NOT is_bad`,
          filters,
        );
  const ended = newest
    .filter(({ repo, at: time }) => time > (openSince.get(repo) ?? Infinity))
    .map(({ repo }) => ({
      ...driftObservation(orgId, {
        ...{
          repository: repo,
          eventId: '',
          occurredAt: '',
          hasCritical: false,
          scorePrevious: 0,
          scoreCurrent: 0,
          newFindings: 0,
        },
      }),
      isFiring: false,
    }));
  return {
    rule: DRIFT,
    forSeconds: 0,
    // A repository without a new drift is as it was.
    isComplete: false,
    observations: [
      ...ended,
      ...bad.map((row) =>
        driftObservation(orgId, {
          repository: row.repo,
          eventId: row.event,
          occurredAt: new Date(row.occurred).toISOString(),
          hasCritical: row.critical,
          scorePrevious: row.previous,
          scoreCurrent: row.current,
          newFindings: row.found,
          others: row.drifts - 1,
        }),
      ),
    ],
  };
}

/** Reads what waits for people, in Postgres: policy packs and review items. What no longer waits is resolved. */
export async function readWaiting(
  tx: Session,
  orgId: string,
  since: number,
  open: readonly { rule: string; key: string; repository: string }[],
): Promise<Reading[]> {
  const from = new Date(since - DAY_MS).toISOString();
  const packs = await tx.query<{ id: string; pack: string; policy_name: string; owners: string[] }>(
    "SELECT id, pack, policy_name, owners FROM policy_promotion WHERE status = 'open' ORDER BY requested_at, id LIMIT $1",
    [MAX_OPEN + 1],
  );
  const items = await tx.query<{ id: string; route: string; full_name: string; can_open: boolean }>(
    `SELECT review_item.id, route, full_name, opened_at > $2 AS can_open FROM review_item JOIN repo ON repo.id = review_item.repo_id
     WHERE status = 'open' AND superseded_at IS NULL ORDER BY opened_at, review_item.id LIMIT $1`,
    [MAX_OPEN + 1, from],
  );
  const waiting: [string, Observation[]][] = [
    [
      APPROVAL,
      packs.map((row) =>
        observation(APPROVAL, [orgId, row.id], {
          severity: 'warning',
          repository: '',
          title: `Policy pack ${row.pack} waits for approval`,
          summary: `${row.policy_name}: an owner approves or rejects it.`,
          owners: row.owners,
          labels: { pack: row.pack, approvalId: row.id },
        }),
      ),
    ],
    [
      REVIEW,
      items.map((row) =>
        observation(REVIEW, [orgId, row.id], {
          severity: row.route === 'invalid' || row.route === 'security-blocker' ? 'critical' : 'warning',
          repository: row.full_name,
          title: `${row.full_name} waits for a decision (${row.route})`,
          summary: 'Approve or dismiss the review item, or fix what the scan found.',
          labels: { route: row.route, approvalId: row.id },
          canOpen: row.can_open,
        }),
      ),
    ],
  ];
  return waiting.map(([rule, observations]) => {
    const isComplete = observations.length <= MAX_OPEN;
    const seen = new Set(observations.map(({ key }) => key));
    const over = isComplete ? open.filter((each) => each.rule === rule && !seen.has(each.key)) : [];
    return {
      rule,
      forSeconds: 0,
      isComplete: false,
      observations: [
        ...observations,
        ...over.map(({ key, repository }) => ({
          ...observation(rule, [], { severity: 'warning', repository, title: '', summary: '' }),
          key,
          isFiring: false,
        })),
      ],
    };
  });
}
