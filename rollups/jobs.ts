import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeriesFact } from '#schemas/clickhouse/facts.js';
import { IS_ATTEMPT_BY_TEXT, IS_INJECTION_ATTEMPT } from '#schemas/clickhouse/injection-attempt.js';
import { isCounted, JUDGEMENTS_BY_STRICTNESS } from '#schemas/clickhouse/judged-call.js';
import {
  DECIDERS,
  OBEYS_DENIALS,
  OUR_HOOK_NAME,
  OUTCOME_SQL,
  RECORDS_DENIALS,
} from '#schemas/clickhouse/tool-call-outcome.js';
import { packageRoot } from '#schemas/root.js';

/**
 * One series and the job that maintains it. Its grain is the hour; where folding hours at each read would be too slow,
 * a second job maintains its days, from which weeks are folded.
 *
 * A job is due as soon as a mark is seen, and again when the mark has settled (see `worker.ts`).
 */
export interface RollupJob {
  /** Name of the series, of its table without `_v1`, and of its SQL file. */
  readonly name: string;
  /**
   * `bucket`: an hour depends on its own facts only, so the marked hours are recomputed. `interval`: facts of an hour
   * affect other hours too; `affected` finds them.
   */
  readonly kind: 'bucket' | 'interval';
  /** Dirty marks of these facts trigger it. */
  readonly facts: readonly SeriesFact[];
  /** Facts whose count and hash each of its buckets stores, for the nightly comparison. */
  readonly hashed: readonly SeriesFact[];
  /** Series of other jobs that it reads: it runs after them. */
  readonly reads: readonly string[];
  /** One that it reads, and whose buckets are never newer than its own. */
  readonly after?: string;
  /** A day's bucket is recomputed when any of its hours was. */
  readonly grain: 'hour' | 'day';
  /** Public name, under which its formula is switched: the name without the day. */
  readonly series: string;
  /**
   * What a marked key stands for: an hour of a repository, the same for a job whose buckets belong to the whole
   * organisation, or a session, whose key has the session's id for a repository and 0 for an hour.
   */
  readonly scope: 'repo' | 'org' | 'session';
  /** Number of the formula; 0 for the first. */
  readonly formula: number;
  /** INSERT that recomputes the given buckets. */
  readonly sql: string;
  /** SELECTs from keys to keys, applied one after another: the buckets that marked ones affect. */
  readonly affected: readonly string[];
  /**
   * Of a job of sessions: the INSERT for sessions that are too large to be joined, or, if it has `affected`, the SELECT of the
   * hours that these affect.
   */
  readonly over?: string;
}

/**
 * The decisions of the given keys. The end is in milliseconds, here and in every job: compared with whole seconds,
 * ClickHouse skips parts that hold only the last second of an hour.
 */
const OF_KEYS = `(org_id, repo, toStartOfHour(occurred_at)) IN {keys} AND occurred_at >= {from:DateTime('UTC')} AND occurred_at < toDateTime64({to:DateTime('UTC')}, 3, 'UTC') + toIntervalHour(1)`;

/** Every place (repository, hour) in which calls of the given sessions lie, or may have lain. Frozen hours are left out. */
const SESSION_PLACES = `SELECT org_id, place_repo AS repo, hour AS bucket_start, session_id
    FROM
    (
        SELECT org_id, session_id, arrayDistinct(arrayPushBack(groupUniqArray(repo), '')) AS place_repos, groupUniqArray(bucket_start) AS hours
        FROM session_hour_v1
        WHERE (org_id, session_id) IN {repos} AND bucket_start > now() - toIntervalDay(730)
        GROUP BY org_id, session_id
    )
    ARRAY JOIN place_repos AS place_repo
    ARRAY JOIN hours AS hour`;

const wordsSql = (words: readonly string[]): string => `(${words.map((word) => `'${word}'`).join(', ')})`;

/**
 * Reads a statement of `jobs/`. Replaces `{is_counted}` by the condition that a decision of the given keys is the one
 * that counts for its call.
 */
const file = (name: string): string =>
  readFileSync(join(packageRoot(), 'rollups/jobs', `${name}.sql`), 'utf8')
    .replaceAll('{is_counted}', isCounted(OF_KEYS))
    .replaceAll('{is_injection_attempt}', IS_INJECTION_ATTEMPT)
    .replaceAll('{is_attempt_by_text}', IS_ATTEMPT_BY_TEXT)
    .replaceAll('{judgements_by_strictness}', JUDGEMENTS_BY_STRICTNESS)
    .replaceAll('{session_places}', SESSION_PLACES)
    .replaceAll('{deciders_hook}', wordsSql(DECIDERS.hook))
    .replaceAll('{deciders_user}', wordsSql(DECIDERS.user))
    .replaceAll('{records_denials}', wordsSql(RECORDS_DENIALS))
    .replaceAll('{obeys_denials}', wordsSql(OBEYS_DENIALS))
    .replaceAll('{our_hook_name}', `'${OUR_HOOK_NAME}'`)
    .replaceAll(
      /\{(outcome|cause|missing|is_by_order|has_run|is_judged_in_time)\}/g,
      (_, name: keyof typeof OUTCOME_SQL) => OUTCOME_SQL[name],
    );

function job(name: string, facts: readonly SeriesFact[], more: Partial<RollupJob> = {}): RollupJob {
  const affected = more.affected ?? [];
  return {
    name,
    kind: affected.length === 0 ? 'bucket' : 'interval',
    facts,
    hashed: more.after === undefined ? facts : [],
    reads: more.after === undefined ? [] : [more.after],
    grain: 'hour',
    series: name,
    scope: 'repo',
    formula: 0,
    sql: file(name),
    ...more,
    affected: affected.map((of) => file(`${of}.affected`)),
  };
}

/** Defines the day job of a series whose hours another job maintains. */
function dayJob(of: string, facts: readonly SeriesFact[], affected: readonly string[] = []): RollupJob {
  return job(`${of}_day`, facts, { after: of, grain: 'day', series: of, affected });
}

/** A call may be judged in two hours, and counts in one. */
const JUDGED = { affected: ['judged_call'] } as const;
/** Found by the sessions that changed. */
const ofSessions = (name: string): Partial<RollupJob> => ({ scope: 'session', hashed: [], over: file(`${name}.over`) });
/** Counts of the ledger, in the hours and days in which calls of these sessions lie or lay. */
const LEDGER_COUNTS: Partial<RollupJob> = { ...ofSessions('tool_call_outcomes'), affected: ['tool_call_outcomes'] };
const SCANS: readonly SeriesFact[] = ['scan', 'finding'];

/**
 * All jobs, in dependency order. To add a series: its table and views in a migration, its SQL here, a line in this
 * list. To change a formula: add a second line with the next `formula` and its own SQL, backfill, and remove the first
 * in the next release.
 */
export function rollupJobs(): RollupJob[] {
  return [
    job('blocked_command_rate', ['runtime_event'], JUDGED),
    dayJob('blocked_command_rate', ['runtime_event'], JUDGED.affected),
    job('decision_duration', ['runtime_event'], JUDGED),
    dayJob('decision_duration', ['runtime_event'], JUDGED.affected),
    job('injection_attempt_rate', ['runtime_event', 'finding'], JUDGED),
    dayJob('injection_attempt_rate', ['runtime_event', 'finding'], JUDGED.affected),
    job('score_trend', ['scan']),
    job('coverage', ['runtime_event', 'scan', 'drift_event', 'agent_event']),
    dayJob('coverage', ['runtime_event', 'scan', 'drift_event', 'agent_event']),
    job('masked_value', ['masking_event']),
    job('scan_posture', SCANS),
    job('posture_interval', SCANS, { after: 'scan_posture', affected: ['posture_interval'] }),
    job('finding_transition', SCANS, { after: 'scan_posture', affected: ['finding_transition'] }),
    job('finding_lifecycle', SCANS, {
      after: 'finding_transition',
      affected: ['finding_transition', 'finding_lifecycle'],
    }),
    dayJob('finding_lifecycle', SCANS, ['finding_transition', 'finding_lifecycle']),
    job('drift_history', ['drift_event', ...SCANS], {
      after: 'finding_transition',
      hashed: ['drift_event'],
      affected: ['finding_transition'],
    }),
    job('cross_repo_org_rollup', SCANS, {
      after: 'scan_posture',
      reads: ['posture_interval'],
      scope: 'org',
      affected: ['cross_repo_org_rollup'],
    }),
    job('tool_call_outcome', ['session_event'], { ...ofSessions('tool_call_outcome'), kind: 'interval' }),
    job('agent_session', ['session_event'], {
      ...ofSessions('agent_session'),
      kind: 'interval',
      after: 'tool_call_outcome',
    }),
    job('tool_call_outcomes', ['session_event'], { ...LEDGER_COUNTS, after: 'tool_call_outcome' }),
    job('tool_call_outcomes_day', ['session_event'], {
      ...LEDGER_COUNTS,
      after: 'tool_call_outcomes',
      grain: 'day',
      series: 'tool_call_outcomes',
    }),
  ];
}

/** Returns the key of a job's progress: formulas and shards progress independently. */
export function jobId(job: RollupJob, shard?: Shard): string {
  const formula = job.formula === 0 ? '' : `@${job.formula}`;
  return `${job.name}${formula}${shard === undefined ? '' : `#${shard.index}/${shard.count}`}`;
}

/** A worker's share of the organisations: those whose hash modulo `count` is `index`, counted from 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}
