import {
  keyOf,
  momentOf,
  POOL,
  SEVERITIES,
  shownBy,
  type CallEvent,
  type DriftEvent,
  type History,
  type ScanEvent,
  type Stage,
  type TriageEvent,
  type ReviewEvent,
  digestOf,
} from './history.js';

/*
 * What every quantity has to be, computed the plain way from the history that was sent: no SQL, no buckets kept, nothing
 * shared with jobs, views or panels. The definitions are those of the READMEs of rollups and ingest.
 */

export type Grain = 'hour' | 'day' | 'week';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Start of the bucket of a moment, milliseconds since 1970; weeks begin on Monday. */
export function bucketOf(at: number, grain: Grain): number {
  if (grain === 'hour') return at - (at % HOUR);
  const date = new Date(at);
  const day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return grain === 'day' ? day : day - ((date.getUTCDay() + 6) % 7) * DAY;
}

export const endOf = (start: number, grain: Grain): number =>
  start + (grain === 'hour' ? HOUR : grain === 'day' ? DAY : 7 * DAY);

/** Groups in the order of their first member. */
export function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()];
}

export interface Call extends CallEvent {
  readonly at: number;
  /** The call was blocked as an injection, recognised by its rule or only by the text of its reason. */
  readonly attempt: 'rule' | 'text' | null;
}

export interface Shown {
  readonly key: string;
  readonly severity: string;
  readonly category: string;
  readonly title: string;
  /** 1 and up among equal keys of the scan. */
  readonly occurrence: number;
}

export interface Scan extends ScanEvent {
  readonly at: number;
  readonly id: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly total: number;
  /** Its findings; none where it only counts them. */
  readonly findings: readonly Shown[];
  /** It looked at a file. */
  readonly isCounted: boolean;
  /** It looked at a file and lists all that it counts. */
  readonly isDetailed: boolean;
  /** How its keys were made; null: it has none. */
  readonly scheme: 'source' | 'gateway' | null;
}

/** A finding that came (1) or went (-1) at a scan. */
export interface Change extends Shown {
  readonly repo: string;
  readonly at: number;
  readonly change: 1 | -1;
  /** The two scans make their keys differently: nothing is new and nothing fixed. */
  readonly isRekeyed: boolean;
  /** The repository's first scan of that severity: what it shows is no drift. */
  readonly isFirst: boolean;
}

export interface Episode {
  readonly repo: string;
  readonly key: string;
  readonly title: string;
  readonly episode: number;
  readonly since: number;
  readonly until: number | null;
}

const BY_TIME = (one: { at: number }, other: { at: number }): number => one.at - other.at;
const STRICTNESS = ['block', 'ask', 'allow'];

export class Reference {
  readonly stage: Stage;
  /** Every judgement. */
  readonly judgements: readonly Call[];
  /** Every call once, by its strictest judgement, of equally strict ones the earliest. */
  readonly calls: readonly Call[];
  readonly scans: readonly Scan[];
  readonly drifts: readonly (DriftEvent & { readonly at: number })[];
  readonly changes: readonly Change[];
  readonly repos: readonly string[];
  readonly #triage: readonly TriageEvent[];
  readonly #reviews: readonly ReviewEvent[];

  constructor(history: History, stage: Stage) {
    this.stage = stage;
    const timed = history.map((each, index) => ({ ...each, at: momentOf(stage, each, index), index }));
    this.judgements = timed.flatMap((each) => (each.kind === 'call' ? [callOf(each)] : [])).sort(BY_TIME);
    this.calls = groupBy(this.judgements, (call) =>
      call.call === null ? String(call.at) : JSON.stringify([call.repo, call.session, call.call]),
    )
      .map((group) =>
        STRICTNESS.map((decision) => group.find((call) => call.decision === decision)).find(
          (call) => call !== undefined,
        ),
      )
      .filter((call): call is Call => call !== undefined)
      .sort(BY_TIME);
    this.scans = timed.flatMap((each) => (each.kind === 'scan' ? [scanOf(each)] : [])).sort(BY_TIME);
    this.drifts = timed.flatMap((each) => (each.kind === 'drift' ? [each] : [])).sort(BY_TIME);
    this.changes = groupBy(
      this.scans.filter(({ isDetailed }) => isDetailed),
      ({ repo }) => repo,
    )
      .flatMap(changesOf)
      .sort(BY_TIME);
    this.repos = [...new Set([...this.judgements, ...this.scans, ...this.drifts].map(({ repo }) => repo))].sort();
    this.#triage = history.filter((each) => each.kind === 'triage').filter(({ repo }) => this.repos.includes(repo));
    this.#reviews = history.filter((each) => each.kind === 'review');
  }

  /** The newest scan of each repository that looked at a file, before a moment. */
  newest(before = Number.POSITIVE_INFINITY): Scan[] {
    return groupBy(
      this.scans.filter(({ isCounted, at }) => isCounted && at < before),
      ({ repo }) => repo,
    )
      .map((scans) => scans.at(-1))
      .filter((scan): scan is Scan => scan !== undefined)
      .sort((one, other) => (one.repo < other.repo ? -1 : 1));
  }

  /** What stands open at a moment: of each repository and severity what the newest scan shows that reports the severity and lists its findings. */
  open(before = Number.POSITIVE_INFINITY): (Shown & { repo: string; openedAt: number; recurrences: number })[] {
    return groupBy(
      this.changes.filter(({ at }) => at < before),
      identityOf,
    ).flatMap((life) => {
      const last = life.at(-1);
      return last?.change === 1
        ? [
            {
              ...last,
              openedAt: last.at,
              recurrences: life.filter(({ change, isRekeyed }) => change === -1 && !isRekeyed).length,
            },
          ]
        : [];
    });
  }

  /** The state somebody gave a finding, all decisions being made at the end of the history. */
  triageOf(repo: string, key: string): 'open' | 'accepted' | 'muted' {
    return (
      this.#triage
        .filter((each) => each.repo === repo && keyOf(POOL[each.finding] ?? { id: '', category: '' }) === key)
        .at(-1)?.state ?? 'open'
    );
  }

  /** AgentShield's route of a scan. `now`: what is accepted does not block. */
  routeOf(scan: Scan, when: 'then' | 'now'): string {
    if (scan.isBroken) return 'invalid';
    const accepted = (severity: string): number =>
      when === 'then'
        ? 0
        : scan.findings.filter(
            (each) => each.severity === severity && this.triageOf(scan.repo, each.key) === 'accepted',
          ).length;
    if (['critical', 'high'].some((severity) => (scan.counts[severity] ?? 0) > accepted(severity)))
      return 'security-blocker';
    if (scan.policy === 'failed') return 'policy-review';
    if (scan.baseline === 'regressed') return 'baseline-regression';
    return scan.risky > 0 ? 'supply-chain-review' : 'ready';
  }

  /** Review items of the newest scans, with what was decided about them. */
  reviewItems(): { repo: string; route: string; status: string }[] {
    return this.newest().flatMap((scan) => {
      const route = this.routeOf(scan, 'now');
      return route === 'ready'
        ? []
        : [
            {
              repo: scan.repo,
              route,
              status: this.#reviews.filter(({ repo }) => repo === scan.repo).at(-1)?.status ?? 'open',
            },
          ];
    });
  }

  /** Critical secrets from the first scan that shows one to the next that lists its findings and does not. */
  episodes(): Episode[] {
    return groupBy(
      this.scans.filter(({ isDetailed }) => isDetailed),
      ({ repo }) => repo,
    ).flatMap((scans) => {
      const secrets = new Map(
        scans.flatMap(({ findings }) => findings.filter(isSecret)).map(({ key, title }) => [key, title]),
      );
      return [...secrets].flatMap(([key, title]) => {
        const episodes: Episode[] = [];
        let current: { since: number } | undefined;
        for (const scan of scans) {
          const isShown = scan.findings.some((each) => isSecret(each) && each.key === key);
          if (isShown) current ??= { since: scan.at };
          else if (current !== undefined) {
            episodes.push({
              repo: scan.repo,
              key,
              title,
              episode: episodes.length + 1,
              since: current.since,
              until: scan.at,
            });
            current = undefined;
          }
        }
        if (current !== undefined)
          episodes.push({
            repo: scans[0]?.repo ?? '',
            key,
            title,
            episode: episodes.length + 1,
            since: current.since,
            until: null,
          });
        return episodes;
      });
    });
  }

  /** What the scans of a window show to have come, come back and gone, with the time each fix took. */
  lifecycle(): (Change & { what: 'new' | 'regressed' | 'fixed'; seconds: number })[] {
    return groupBy(this.changes, identityOf).flatMap((life) =>
      life.flatMap((change, index): (Change & { what: 'new' | 'regressed' | 'fixed'; seconds: number })[] => {
        const before = life[index - 1];
        if (change.isRekeyed) return [];
        if (change.change === 1) return [{ ...change, what: before === undefined ? 'new' : 'regressed', seconds: 0 }];
        return [
          { ...change, what: 'fixed', seconds: Math.floor(change.at / 1_000) - Math.floor((before?.at ?? 0) / 1_000) },
        ];
      }),
    );
  }
}

export const isSecret = ({ severity, category }: { severity: string; category: string }): boolean =>
  severity === 'critical' && category === 'secrets';
export const identityOf = ({ repo, severity, category, key, occurrence }: Shown & { repo: string }): string =>
  JSON.stringify([repo, severity, category, key, occurrence]);

function callOf(event: CallEvent & { at: number }): Call {
  const { decision, category, reason } = event;
  const isByText = category === '' && reason.includes('injection');
  return {
    ...event,
    attempt: decision !== 'block' ? null : category === 'injection' ? 'rule' : isByText ? 'text' : null,
  };
}

function scanOf(event: ScanEvent & { at: number; index: number }): Scan {
  const shown = shownBy(event);
  const isListed = event.way !== 'counts';
  const seen = new Map<string, number>();
  const findings = shown.map((each): Shown => {
    const key = keyOf(each, event.way === 'rest' ? 'gateway' : 'source');
    const occurrence = (seen.get(key) ?? 0) + 1;
    seen.set(key, occurrence);
    return { key, severity: each.severity, category: each.category, title: each.id, occurrence };
  });
  return {
    ...event,
    id: digestOf(event.index),
    counts: Object.fromEntries(
      SEVERITIES.map((severity) => [severity, shown.filter((each) => each.severity === severity).length]),
    ),
    total: shown.length,
    findings: isListed ? findings : [],
    isCounted: event.files > 0,
    isDetailed: event.files > 0 && (isListed || shown.length === 0),
    scheme: shown.length === 0 || !isListed ? null : event.way === 'rest' ? 'gateway' : 'source',
  };
}

/** Compares, severity by severity, each detailed scan of a repository with the one before it that reports the severity. */
function changesOf(scans: readonly Scan[]): Change[] {
  return SEVERITIES.flatMap((severity, rank) => {
    const chain = scans.filter(({ floor }) => SEVERITIES.indexOf(floor) >= rank);
    return chain.flatMap((scan, index) => {
      const before = chain[index - 1];
      const isRekeyed =
        before !== undefined && scan.scheme !== null && before.scheme !== null && scan.scheme !== before.scheme;
      const of = (each: Scan | undefined): Shown[] =>
        (each?.findings ?? []).filter((finding) => finding.severity === severity);
      const isIn = (list: readonly Shown[], finding: Shown): boolean =>
        list.some(
          (each) =>
            each.key === finding.key && each.category === finding.category && each.occurrence === finding.occurrence,
        );
      const common = { repo: scan.repo, at: scan.at, isRekeyed, isFirst: before === undefined };
      return [
        ...of(scan)
          .filter((finding) => !isIn(of(before), finding))
          .map((finding): Change => ({ ...finding, ...common, change: 1 })),
        ...of(before)
          .filter((finding) => !isIn(of(scan), finding))
          .map((finding): Change => ({ ...finding, ...common, change: -1 })),
      ];
    });
  });
}
