import type { Fleet } from '#schemas/http/fleet.js';
import type { Posture } from '#schemas/http/posture.js';
import { ALERT_RULES, BLOCKED_BUDGET } from '#schemas/alerts/rules.js';
import { DECISION_MS, gradeOf, PARTS, SEVERITIES, VERSION } from './history.js';
import { bucketOf, endOf, groupBy, identityOf, type Call, type Grain, type Reference, type Scan } from './reference.js';
import { RANGES, rangeOf, type RangeName, type Row, type Subject } from './subject.js';

/** Boards with a variable for repositories. */
const REPOSITORY_BOARDS = [
  'agents',
  'coverage',
  'enforcement',
  'fleet',
  'ledger',
  'mcp',
  'pipeline',
  'posture',
  'repository',
  'runtime',
  'secrets',
  'sessions',
];

/*
 * The registry: every quantity that is shown, every place that shows it, how it is read there, and what it has to be by
 * the reference. Places are named as `places.ts` finds them.
 */

/** One reading of a quantity. */
export interface Reading {
  /** The quantity, in words. Two that have a right to differ have two names, and so have their panels and fields. */
  readonly of: string;
  /** Places that it covers; a `*` stands for anything but a blank. */
  readonly shows: readonly string[];
  readonly read: (org: Subject) => Promise<unknown>;
  readonly expect: (ref: Reference) => unknown;
}

const HOUR = 3_600_000;
const MINUTE = 60_000;
const GRAINS: readonly Grain[] = ['hour', 'day', 'week'];
/** Decisions below which boards show no rate. */
const MIN_DECISIONS = 20;

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
/** Parses a time of a response, in any format. */
function time(value: unknown): string | null {
  if (typeof value === 'number') return iso(value < 1e11 ? value * 1_000 : value);
  if (typeof value !== 'string') return null;
  return new Date(/[zZ]$|[+-]\d\d:\d\d$/.test(value) ? value : `${value.replace(' ', 'T')}Z`).toISOString();
}
const number = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(Number(value).toPrecision(9));
const sorted = <T>(rows: readonly T[]): T[] =>
  rows
    .map((row) => JSON.stringify(row))
    .sort()
    .map((row) => JSON.parse(row) as T);
const count = <T>(all: readonly T[], is: (each: T) => boolean): number => all.filter(is).length;
const total = <T>(all: readonly T[], of: (each: T) => number): number => all.reduce((sum, each) => sum + of(each), 0);
const within = <T extends { at: number }>(all: readonly T[], { from, to }: { from: number; to: number }): T[] =>
  all.filter(({ at }) => at >= from && at <= to);
const rowOf = (row: Row, columns: readonly string[]): unknown[] => columns.map((column) => row[column] ?? null);

/** The rows of a series by every bucket, of the repositories and of the organisation. */
function bySeries(
  of: string,
  name: string,
  columns: readonly string[],
  groups: readonly string[],
  points: (ref: Reference, grain: Grain, isOrg: boolean) => readonly Readonly<Record<string, unknown>>[],
  scopes: readonly ('' | '_org')[] = ['', '_org'],
  isShown: (point: Row) => boolean = () => true,
): Reading[] {
  return scopes.flatMap((scope) =>
    GRAINS.map((grain): Reading => {
      const keys = ['bucketStart', ...(scope === '' ? ['repository'] : []), ...groups];
      const shape = (row: Row): unknown[] => [
        time(row['bucketStart']),
        ...rowOf(row, keys.slice(1)),
        ...columns.map((column) => (typeof row[column] === 'string' ? row[column] : number(row[column]))),
      ];
      return {
        of,
        shows: columns.map((column) => `series:${name}${scope}/${grain}.${column}`),
        read: async (org) => sorted((await org.series(`${name}${scope}`, grain)).filter(isShown).map(shape)),
        expect: (ref) =>
          sorted(
            points(ref, grain, scope === '_org')
              .filter(isShown)
              .map(shape),
          ),
      };
    }),
  );
}

/** Groups by bucket, repository (unless of the organisation) and more, and makes a point of each. */
function points<T extends { at: number; repo: string }>(
  all: readonly T[],
  grain: Grain,
  isOrg: boolean,
  groups: readonly (keyof T & string)[],
  names: readonly string[],
  of: (group: readonly T[]) => Row,
): Row[] {
  return groupBy(all, (each) =>
    JSON.stringify([bucketOf(each.at, grain), isOrg ? '' : each.repo, ...groups.map((group) => each[group])]),
  ).map((group) => {
    const first = group[0] as T;
    return {
      bucketStart: iso(bucketOf(first.at, grain)),
      ...(isOrg ? {} : { repository: first.repo }),
      ...Object.fromEntries(groups.map((key, index) => [names[index] ?? key, first[key]])),
      ...of(group),
    };
  });
}

const verdicts = (calls: readonly Call[]): { allowed: number; blocked: number; asked: number; total: number } => ({
  allowed: count(calls, ({ decision }) => decision === 'allow'),
  blocked: count(calls, ({ decision }) => decision === 'block'),
  asked: count(calls, ({ decision }) => decision === 'ask'),
  total: calls.length,
});

const rateOf = (calls: readonly Call[]): (number | null)[] => {
  const { blocked, total: all } = verdicts(calls);
  return [all === 0 ? null : all < MIN_DECISIONS ? -1 : number(blocked / all), all === 0 ? null : all];
};

/** One reading for each range a panel may be drawn over. */
function byRange(
  of: string,
  panel: string,
  read: (org: Subject, range: RangeName) => Promise<unknown>,
  expect: (ref: Reference, range: { from: number; to: number }) => unknown,
  ranges: readonly RangeName[] = RANGES,
): Reading[] {
  return ranges.map((range) => ({
    of: `${of} (${range})`,
    shows: [`panel:${panel}`],
    read: (org) => read(org, range),
    expect: (ref) => expect(ref, rangeOf(ref.stage, range)),
  }));
}

const postureUrl = (org: Subject, repo: string): string =>
  `/v1/repo/${encodeURIComponent(repo)}/posture?bucket=hour&from=${new Date(org.stage.from).toISOString()}&to=${new Date(org.stage.to).toISOString()}`;
const reposOf = async (org: Subject): Promise<string[]> =>
  (await org.list('/v1/repos', 'repos')).map(({ repository }) => String(repository)).sort();
/** Of every repository. */
const each = async <T>(org: Subject, read: (repo: string) => Promise<T>): Promise<T[]> =>
  Promise.all((await reposOf(org)).map(read));
const postures = (org: Subject): Promise<Posture[]> => each(org, (repo) => org.get<Posture>(postureUrl(org, repo)));
const fleet = (org: Subject): Promise<Fleet> => org.get<Fleet>(`/v1/org/${org.id}/fleet`);
const api = (url: string, ...fields: readonly string[]): string[] => fields.map((field) => `GET ${url} ${field}`);
const FLEET = '/v1/org/{orgId}/fleet';
const POSTURE = '/v1/repo/{repoId}/posture';

const CALLS = 'calls that guards judged, each once, by verdict';
const byTool = (
  org: Subject,
  panel: string,
  column: string,
  range: RangeName,
  repo: 'all' | string[] = 'all',
): Promise<unknown[]> =>
  org
    .panel(panel, range, repo)
    .then((rows) =>
      rows.map((row) => [row[column], number(row['blocked_calls']), number(row['total']), number(row['rate'])]),
    );
const toolRows = (calls: readonly Call[], key: 'tool' | 'agent'): unknown[] =>
  groupBy(calls, (call) => call[key]).map((group) => [
    group[0]?.[key],
    verdicts(group).blocked,
    group.length,
    rateOf(group)[0],
  ]);

const calls: Reading[] = [
  ...bySeries(
    CALLS,
    'blocked_command_rate',
    ['allowed', 'blocked', 'asked', 'total'],
    ['tool', 'agent', 'ruleCategory'],
    (ref, grain, isOrg) =>
      points(ref.calls, grain, isOrg, ['tool', 'agent', 'category'], ['tool', 'agent', 'ruleCategory'], verdicts),
  ),
  {
    of: CALLS,
    shows: api(POSTURE, '.runtime.*'),
    read: async (org) =>
      (await postures(org)).map(({ repository, runtime: { blockedCommandRate, totals } }) => [
        repository,
        [totals.allowed, totals.blocked, totals.asked, totals.total, number(totals.rate)],
        sorted(
          blockedCommandRate.map((point) => [
            time(point.bucketStart),
            point.tool,
            point.agent,
            point.ruleCategory,
            point.allowed,
            point.blocked,
            point.asked,
            point.total,
          ]),
        ),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const mine = ref.calls.filter((call) => call.repo === repo);
        const { allowed, blocked, asked, total: all } = verdicts(mine);
        return [
          repo,
          [allowed, blocked, asked, all, all === 0 ? null : number(blocked / all)],
          sorted(
            points(mine, 'hour', false, ['tool', 'agent', 'category'], [], verdicts).map((point) =>
              rowOf(point, ['bucketStart', 'tool', 'agent', 'category', 'allowed', 'blocked', 'asked', 'total']),
            ),
          ),
        ];
      }),
  },
  ...byRange(
    CALLS,
    'runtime/1',
    async (org, range) => (await org.stat('runtime/1', range)).map(number),
    (ref, range) => rateOf(within(ref.calls, range)),
  ),
  ...byRange(
    CALLS,
    'runtime/2',
    async (org, range) => number((await org.stat('runtime/2', range))[0]),
    (ref, range) => {
      const mine = within(ref.calls, range);
      return mine.length === 0 ? null : verdicts(mine).blocked;
    },
  ),
  ...byRange(
    CALLS,
    'runtime/3',
    async (org, range) => number((await org.stat('runtime/3', range))[0]),
    (ref, range) => within(ref.calls, range).length || null,
  ),
  ...byRange(
    CALLS,
    'posture/2',
    async (org, range) => number((await org.stat('posture/2', range))[0]),
    (ref, range) => {
      const mine = within(ref.calls, range);
      return mine.length === 0 ? null : number(verdicts(mine).blocked / mine.length);
    },
  ),
  ...byRange(
    CALLS,
    'posture/4',
    async (org, range) => number((await org.stat('posture/4', range))[0]),
    (ref, range) => within(ref.calls, range).length || null,
  ),
  ...byRange(
    CALLS,
    'runtime/8',
    async (org, range) => sorted(await byTool(org, 'runtime/8', 'tool', range)),
    (ref, range) => sorted(toolRows(within(ref.calls, range), 'tool')),
  ),
  ...byRange(
    CALLS,
    'runtime/9',
    async (org, range) => sorted(await byTool(org, 'runtime/9', 'agent', range)),
    (ref, range) => sorted(toolRows(within(ref.calls, range), 'agent')),
  ),
  ...byRange(
    CALLS,
    'runtime/10',
    async (org, range) =>
      sorted((await org.panel('runtime/10', range)).map((row) => [row['category'], number(row['blocked_calls'])])),
    (ref, range) =>
      sorted(
        groupBy(
          within(ref.calls, range).filter(({ decision }) => decision === 'block'),
          ({ category }) => category,
        ).map((group) => [group[0]?.category === '' ? 'no category' : group[0]?.category, group.length]),
      ),
  ),
  {
    of: CALLS,
    shows: ['panel:runtime/6'],
    read: async (org) =>
      sorted((await org.panel('runtime/6')).map((row) => [time(row['time']), row['kind'], number(row['rate'])])),
    expect: (ref) =>
      sorted(
        groupBy(ref.calls, ({ at }) => String(bucketOf(at, 'hour'))).map((group) => [
          iso(bucketOf(group[0]?.at ?? 0, 'hour')),
          group.length < MIN_DECISIONS ? `fewer than ${String(MIN_DECISIONS)} decisions` : 'blocked rate',
          number(verdicts(group).blocked / group.length),
        ]),
      ),
  },
  ...['runtime/7', 'posture/7'].map((panel): Reading => ({
    of: CALLS,
    shows: [`panel:${panel}`],
    read: async (org) =>
      sorted((await org.panel(panel)).map((row) => [time(row['time']), row['verdict'], number(row['decisions'])])),
    expect: (ref) =>
      sorted(
        groupBy(ref.calls, ({ at, decision }) => `${String(bucketOf(at, 'hour'))} ${decision}`).map((group) => [
          iso(bucketOf(group[0]?.at ?? 0, 'hour')),
          { allow: 'allowed', block: 'blocked', ask: 'asked' }[group[0]?.decision ?? 'ask'],
          group.length,
        ]),
      ),
  })),
  {
    of: CALLS,
    shows: ['panel:posture/6'],
    read: async (org) =>
      sorted((await org.panel('posture/6')).map((row) => [time(row['time']), row['tool_name'], number(row['rate'])])),
    expect: (ref) =>
      sorted(
        groupBy(ref.calls, ({ at, tool }) => `${String(bucketOf(at, 'hour'))} ${tool}`).map((group) => [
          iso(bucketOf(group[0]?.at ?? 0, 'hour')),
          group[0]?.tool,
          number(verdicts(group).blocked / group.length),
        ]),
      ),
  },
  {
    of: CALLS,
    shows: ['panel:posture/8'],
    read: async (org) =>
      sorted(
        (await org.panel('posture/8')).map((row) => [
          row['rule_name'],
          row['rule_category'],
          row['tool'],
          number(row['blocked']),
          number(row['repositories']),
          time(row['last_at']),
        ]),
      ),
    expect: (ref) =>
      sorted(
        groupBy(
          newestDays(ref, 3).filter(({ decision }) => decision === 'block'),
          ({ category, tool }) => `${category} ${tool}`,
        ).map((group) => [
          ruleOf(group[0]),
          group[0]?.category,
          group[0]?.tool,
          group.length,
          new Set(group.map(({ repo }) => repo)).size,
          iso(group.at(-1)?.at ?? 0),
        ]),
      ),
  },
  {
    of: CALLS,
    shows: ['panel:runtime/11'],
    read: async (org) =>
      sorted(
        (await org.panel('runtime/11')).map((row) => [
          row['rule'],
          row['rule_category'],
          number(row['blocked_calls']),
          number(row['repositories']),
          time(row['last_at']),
        ]),
      ),
    expect: (ref) =>
      sorted(
        groupBy(
          newestDays(ref, 3).filter(({ decision }) => decision === 'block'),
          ({ category }) => category,
        ).map((group) => [
          ruleOf(group[0]) || 'no rule named',
          group[0]?.category,
          group.length,
          new Set(group.map(({ repo }) => repo)).size,
          iso(group.at(-1)?.at ?? 0),
        ]),
      ),
  },
  {
    of: CALLS,
    shows: ['panel:repository/5', 'panel:repository/13'],
    read: (org) =>
      each(org, async (repo) => [
        repo,
        (await org.stat('repository/5', 'hours', [repo])).map(number),
        sorted(await byTool(org, 'repository/13', 'tool', 'hours', [repo])),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const mine = ref.calls.filter((call) => call.repo === repo);
        return [repo, rateOf(mine), sorted(toolRows(mine, 'tool'))];
      }),
  },
  ...(
    [
      ['fast', 60, 5, 20],
      ['slow', 360, 30, 60],
    ] as const
  ).map(([name, long, short, least]): Reading => ({
    of: CALLS,
    shows: [`alert:shieldwatch-blocked-${name}`],
    read: async (org) =>
      sorted((await org.alert(`shieldwatch-blocked-${name}`)).map((row) => [row['repo'], number(row['burn'])])),
    expect: (ref) =>
      sorted(
        groupBy(
          ref.calls.filter(({ at }) => at > ref.stage.to - long * MINUTE && at <= ref.stage.to),
          ({ repo }) => repo,
        ).flatMap((group) => {
          const recent = group.filter(({ at }) => at > ref.stage.to - short * MINUTE);
          const share = (some: readonly Call[]): number => verdicts(some).blocked / some.length;
          return group.length < least || recent.length === 0
            ? []
            : [[group[0]?.repo, Math.round((Math.min(share(group), share(recent)) / BLOCKED_BUDGET) * 10) / 10]];
        }),
      ),
  })),
  {
    of: CALLS,
    shows: api(
      '/v1/explain',
      '.total',
      '.evidence[].count',
      '.evidence[].counted',
      '.duplicatesIgnored',
      '.evidence[].duplicatesIgnored',
      '.evidence[].isCutOff',
      '.computed[].facts',
    ),
    // Of each repository the hour of its newest judgement.
    read: (org) =>
      each(org, async (repo) => {
        const newest = (await org.series('coverage', 'hour'))
          .filter((row) => row['repository'] === repo && row['producer'] === 'guard' && Number(row['events']) > 0)
          .map((row) => String(row['bucketStart']))
          .sort()
          .at(-1);
        if (newest === undefined) return [repo];
        const answer = await org.get<{
          total: number;
          evidence: { fact: string; count: number; counted: number; isCutOff: boolean }[];
          computed: { facts: number | null }[];
          points: Row[];
        }>(`/v1/explain?series=blocked_command_rate&repository=${encodeURIComponent(repo)}&at=${time(newest) ?? ''}`);
        return [
          repo,
          time(newest),
          answer.total,
          answer.evidence.map(({ count: all, counted, isCutOff }) => [all, counted, isCutOff]),
          answer.computed.map(({ facts }) => facts),
          total(answer.points, (point) => Number(point['total'])),
        ];
      }),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const mine = ref.judgements.filter((call) => call.repo === repo);
        const last = mine.at(-1);
        if (last === undefined) return [repo];
        const hour = bucketOf(last.at, 'hour');
        const isThen = ({ at }: Call): boolean => bucketOf(at, 'hour') === hour;
        const counted = count(
          ref.calls.filter((call) => call.repo === repo),
          isThen,
        );
        return [
          repo,
          iso(hour),
          count(mine, isThen),
          [[count(mine, isThen), counted, false]],
          [count(mine, isThen)],
          counted,
        ];
      }),
  },
];

function newestDays(ref: Reference, days: number): Call[] {
  return ref.calls.filter(({ at }) => at >= ref.stage.to - days * 24 * HOUR && at <= ref.stage.to);
}
const ruleOf = (call: Call | undefined): string =>
  call === undefined || call.category === '' ? '' : `rule-${call.category}`;

const INJECTIONS = 'injection attempts: calls blocked as such';
const injections: Reading[] = [
  ...bySeries(
    INJECTIONS,
    'injection_attempt_rate',
    ['attempts', 'attemptsByText', 'decisions', 'findings'],
    [],
    (ref, grain, isOrg) => {
      const findings = ref.scans.flatMap((scan) =>
        scan.findings
          .filter(({ category }) => category === 'injection')
          .map((finding) => ({ at: scan.at, repo: scan.repo, call: null, finding })),
      );
      return points(
        [...ref.calls.map((call) => ({ at: call.at, repo: call.repo, call, finding: null })), ...findings],
        grain,
        isOrg,
        [],
        [],
        (group) => {
          const mine = group.flatMap(({ call }) => call ?? []);
          const perRepo = groupBy(group, ({ repo }) => repo);
          return {
            attempts: count(mine, ({ attempt }) => attempt !== null),
            attemptsByText: count(mine, ({ attempt }) => attempt === 'text'),
            decisions: mine.length,
            findings: total(
              perRepo,
              (some) =>
                new Set(
                  some.flatMap(({ finding }) =>
                    finding === null ? [] : `${finding.key} ${String(finding.occurrence)}`,
                  ),
                ).size,
            ),
          };
        },
      );
    },
  ),
  ...byRange(
    INJECTIONS,
    'runtime/4',
    async (org, range) => number((await org.stat('runtime/4', range))[0]),
    (ref, { from, to }) => {
      // The range by whole hours, over 14 days by whole days.
      const mine = ref.calls.filter(({ at }) => at >= bucketOf(from, 'hour') && at <= to);
      return mine.length === 0 ? null : count(mine, ({ attempt }) => attempt !== null);
    },
  ),
  {
    of: INJECTIONS,
    shows: ['panel:runtime/12'],
    read: async (org) =>
      (await org.panel('runtime/12'))
        .map((row) => [time(row['time']), number(row['by_rule']), number(row['by_text'])])
        .filter(([, rule, text]) => rule !== 0 || text !== 0),
    expect: (ref) =>
      groupBy(
        ref.calls.filter(({ attempt }) => attempt !== null),
        ({ at }) => String(bucketOf(at, 'hour')),
      ).map((group) => [
        iso(bucketOf(group[0]?.at ?? 0, 'hour')),
        count(group, ({ attempt }) => attempt === 'rule'),
        count(group, ({ attempt }) => attempt === 'text'),
      ]),
  },
  {
    of: INJECTIONS,
    shows: ['alert:shieldwatch-injection-spike'],
    read: async (org) =>
      sorted((await org.alert('shieldwatch-injection-spike')).map((row) => [row['repo'], number(row['spike'])])),
    expect: (ref) =>
      sorted(
        groupBy(
          ref.calls.filter(({ at }) => at > ref.stage.to - HOUR && at <= ref.stage.to),
          ({ repo }) => repo,
        ).map((group) => {
          const attempts = count(group, ({ attempt }) => attempt !== null);
          const hour = bucketOf(ref.stage.to, 'hour');
          const usual =
            count(
              ref.calls,
              ({ at, attempt, repo }) =>
                repo === group[0]?.repo &&
                attempt !== null &&
                bucketOf(at, 'hour') >= hour - 169 * HOUR &&
                bucketOf(at, 'hour') < hour - HOUR,
            ) / 168;
          return [group[0]?.repo, attempts < 5 ? 0 : Math.round((attempts / Math.max(1, usual)) * 10) / 10];
        }),
      ),
  },
];

const DURATION = 'time that decisions took';
/** Sketches have an error of 1 percent. */
const nearly = (value: unknown, exact: number): unknown =>
  value === null || value === undefined ? null : Math.abs(Number(value) / exact - 1) <= 0.011 ? exact : Number(value);
const durations: Reading[] = [
  ...bySeries(DURATION, 'decision_duration', ['decisions', 'durationUsMax'], [], (ref, grain, isOrg) =>
    points(ref.calls, grain, isOrg, [], [], (group) => ({
      decisions: group.length,
      durationUsMax: DECISION_MS * 1_000,
    })),
  ),
  ...['', '_org'].flatMap((scope) =>
    GRAINS.map((grain): Reading => ({
      of: DURATION,
      shows: ['durationUsP50', 'durationUsP95', 'durationUsP99'].map(
        (column) => `series:decision_duration${scope}/${grain}.${column}`,
      ),
      read: async (org) =>
        (await org.series(`decision_duration${scope}`, grain)).every((row) =>
          ['durationUsP50', 'durationUsP95', 'durationUsP99'].every(
            (column) => nearly(row[column], DECISION_MS * 1_000) === DECISION_MS * 1_000,
          ),
        ),
      expect: () => true,
    })),
  ),
  ...byRange(
    DURATION,
    'runtime/5',
    async (org, range) => nearly((await org.stat('runtime/5', range))[0], DECISION_MS),
    (ref, { from, to }) => (ref.calls.some(({ at }) => at >= bucketOf(from, 'hour') && at <= to) ? DECISION_MS : null),
  ),
  {
    of: DURATION,
    shows: ['panel:runtime/13'],
    read: async (org) =>
      (await org.panel('runtime/13')).map((row) => [
        time(row['time']),
        ...['p50', 'p95', 'p99'].map((column) => nearly(row[column], DECISION_MS)),
      ]),
    expect: (ref) =>
      groupBy(ref.calls, ({ at }) => String(bucketOf(at, 'hour'))).map((group) => [
        iso(bucketOf(group[0]?.at ?? 0, 'hour')),
        DECISION_MS,
        DECISION_MS,
        DECISION_MS,
      ]),
  },
];

const OPEN = 'findings that stand open';
const open = (ref: Reference): unknown[] =>
  sorted(ref.open().map((each) => [each.repo, each.severity, each.category, each.title]));
const bySeverity = (rows: readonly { severity: unknown }[]): unknown[] =>
  SEVERITIES.map((severity) => count(rows, (row) => row.severity === severity));
const panelFindings = (rows: readonly Row[]): unknown[] =>
  sorted(rows.map((row) => [row['repo'], row['severity'], row['category'], row['title']]));
/** What is open, accepted and muted at the end of every bucket in which that changed; decisions are made when all has arrived. */
const lifeOf = (list: readonly Row[]): unknown[] =>
  sorted(
    list.map((row) => [
      row['repository'],
      row['findingKey'],
      row['severity'],
      row['category'],
      row['occurrences'],
      time(row['resolvedAt']),
      (row['triage'] as { state: string } | null)?.state ?? 'open',
    ]),
  );
const openFindings: Reading[] = [
  {
    of: OPEN,
    shows: api('/v1/findings', '.findings[].occurrences', '.findings[].triage.state'),
    read: async (org) => lifeOf(await org.list('/v1/findings', 'findings')),
    expect: (ref) =>
      sorted(
        groupBy(ref.open(), ({ repo, key, severity, category }) => JSON.stringify([repo, key, severity, category])).map(
          (group) => {
            const [first] = group;
            return first === undefined
              ? null
              : [
                  first.repo,
                  first.key,
                  first.severity,
                  first.category,
                  group.length,
                  null,
                  ref.triageOf(first.repo, first.key),
                ];
          },
        ),
      ),
  },
  {
    of: 'findings that were fixed',
    shows: api('/v1/findings', '.findings[].scans', '.findings[].line'),
    read: async (org) =>
      sorted(
        (await org.list('/v1/findings?status=resolved', 'findings')).map((row) => [
          row['repository'],
          row['findingKey'],
          row['severity'],
          row['category'],
          time(row['resolvedAt']),
        ]),
      ),
    expect: (ref) =>
      sorted(
        groupBy(ref.changes, ({ repo, key, severity, category }) =>
          JSON.stringify([repo, key, severity, category]),
        ).flatMap((group) => {
          const [first] = group;
          const last = group.at(-1);
          const lives = groupBy(group, identityOf);
          return first === undefined ||
            last === undefined ||
            lives.some((life) => life.at(-1)?.change === 1) ||
            last.isRekeyed
            ? []
            : [[first.repo, first.key, first.severity, first.category, iso(last.at)]];
        }),
      ),
  },
  {
    of: OPEN,
    shows: ['series:open_finding.recurrences', 'series:open_finding.triage', 'series:open_finding.occurrence'],
    read: async (org) =>
      sorted(
        (await org.series('open_finding')).map((row) => [
          row['repository'],
          row['severity'],
          row['category'],
          row['findingKey'],
          row['occurrence'],
          time(row['openedAt']),
          number(row['recurrences']),
          row['triage'],
        ]),
      ),
    expect: (ref) =>
      sorted(
        ref
          .open()
          .map((each) => [
            each.repo,
            each.severity,
            each.category,
            each.key,
            each.occurrence,
            iso(each.openedAt),
            each.recurrences,
            ref.triageOf(each.repo, each.key),
          ]),
      ),
  },
  ...GRAINS.flatMap((grain) =>
    (['', '_org'] as const).map((scope): Reading => {
      const last = (rows: readonly Row[]): Row[] =>
        groupBy(rows, (row) => JSON.stringify([row['repository'], row['severity'], row['category']])).flatMap(
          (group): Row[] => {
            const row = group.at(-1);
            return row === undefined ? [] : [row];
          },
        );
      return {
        of: OPEN,
        shows: ['open', 'accepted', 'muted'].map((column) => `series:open_finding${scope}/${grain}.${column}`),
        read: async (org) =>
          sorted(
            last(await org.series(`open_finding${scope}`, grain, org.decidedAt)).map((row) => [
              row['repository'] ?? null,
              row['severity'],
              row['category'],
              number(row['open']),
              number(row['accepted']),
              number(row['muted']),
            ]),
          ),
        expect: (ref) =>
          sorted(
            groupBy(ref.changes, ({ repo, severity, category }) =>
              JSON.stringify([scope === '' ? repo : null, severity, category]),
            ).map((group) => {
              const [first] = group;
              const mine = ref
                .open()
                .filter(
                  ({ repo, severity, category }) =>
                    severity === first?.severity &&
                    category === first.category &&
                    (scope === '_org' || repo === first.repo),
                );
              return [
                scope === '' ? first?.repo : null,
                first?.severity,
                first?.category,
                mine.length,
                count(mine, ({ repo, key }) => ref.triageOf(repo, key) === 'accepted'),
                count(mine, ({ repo, key }) => ref.triageOf(repo, key) === 'muted'),
              ];
            }),
          ),
      };
    }),
  ),
  {
    of: OPEN,
    shows: ['panel:posture/9'],
    read: async (org) => panelFindings(await org.panel('posture/9')),
    expect: open,
  },
  {
    of: OPEN,
    shows: ['panel:ledger/9'],
    read: async (org) => panelFindings(await org.panel('ledger/9')),
    expect: open,
  },
  {
    of: OPEN,
    shows: ['panel:ledger/1'],
    read: async (org) => number((await org.stat('ledger/1'))[0]),
    expect: (ref) => (ref.newest().length === 0 ? null : count(ref.open(), ({ severity }) => severity === 'critical')),
  },
  {
    of: OPEN,
    shows: ['panel:ledger/2'],
    read: async (org) => number((await org.stat('ledger/2'))[0]),
    expect: (ref) => (ref.newest().length === 0 ? null : count(ref.open(), ({ severity }) => severity === 'high')),
  },
  {
    of: OPEN,
    shows: ['panel:ledger/6'],
    read: async (org) =>
      (await org.panel('ledger/6'))
        .map((row) => [time(row['time']), ...SEVERITIES.map((severity) => number(row[severity]))])
        .filter(([, ...counts]) => counts.some((each) => each !== 0)),
    expect: (ref) =>
      moments(ref)
        .map((at) => [iso(at), ...(bySeverity(ref.open(at + 1)) as number[])])
        .filter(([, ...counts]) => counts.some((each) => each !== 0)),
  },
  {
    of: OPEN,
    shows: ['panel:repository/9'],
    read: (org) =>
      each(org, async (repo) => [
        repo,
        sorted(
          (await org.panel('repository/9', 'hours', [repo])).map((row) => [
            row['state'],
            row['severity'],
            row['category'],
            row['title'],
            time(row['opened_at']),
            time(row['fixed_at']),
          ]),
        ),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => [
        repo,
        sorted(
          groupBy(
            ref.changes.filter((change) => change.repo === repo),
            identityOf,
          ).flatMap((life) => {
            const last = life.at(-1);
            if (last === undefined || (last.change === -1 && last.isRekeyed)) return [];
            const opened = life.filter(({ change }) => change === 1).at(-1);
            const fixes = count(life, ({ change, isRekeyed }) => change === -1 && !isRekeyed);
            const state =
              last.change === -1
                ? 'fixed'
                : (opened?.at ?? 0) < ref.stage.from || last.isRekeyed
                  ? 'open'
                  : fixes > 0
                    ? 'regressed'
                    : 'new';
            return [
              [
                state,
                last.severity,
                last.category,
                last.title,
                iso(opened?.at ?? null),
                last.change === -1 ? iso(last.at) : null,
              ],
            ];
          }),
        ),
      ]),
  },
  {
    of: OPEN,
    shows: ['panel:ledger/11'],
    read: async (org) =>
      sorted((await org.panel('ledger/11')).map((row) => [row['state'], row['repo'], row['title'], row['file']])),
    expect: (ref) =>
      sorted(
        groupBy(ref.open(), ({ repo, key }) => JSON.stringify([repo, key])).flatMap((group) => {
          const [first] = group;
          const state = first === undefined ? 'open' : ref.triageOf(first.repo, first.key);
          return first === undefined || state === 'open' ? [] : [[state, first.repo, first.title, 'CLAUDE.md']];
        }),
      ),
  },
];

/** The moments at which the boards draw what holds: whole hours back from the end of the range, 61 at most. */
function moments({ stage: { from, to } }: Reference): number[] {
  const end = Math.floor(to / 1_000);
  const step = Math.max(1, Math.ceil((end - Math.floor(from / 1_000)) / 216_000)) * 3_600;
  return Array.from(
    { length: Math.floor((end - Math.floor(from / 1_000)) / step) + 1 },
    (_, moment) => (end - step * moment) * 1_000,
  )
    .reverse()
    .slice(-61);
}

const LIFE = 'findings that appeared, came back and were fixed';
const lifecycle: Reading[] = [
  ...bySeries(
    LIFE,
    'finding_lifecycle',
    ['new', 'regressed', 'fixed', 'fixSeconds', 'open'],
    ['severity', 'category'],
    (ref, grain, isOrg) => {
      // A scan that shows a finding of a group makes a point too: what was open then.
      const shown = ref.scans
        .filter(({ isDetailed }) => isDetailed)
        .flatMap((scan) =>
          scan.findings.map((finding) => ({ ...finding, repo: scan.repo, at: scan.at, what: null, seconds: 0 })),
        );
      const rekeyed = ref.changes
        .filter(({ isRekeyed }) => isRekeyed)
        .map((change) => ({ ...change, what: null, seconds: 0 }));
      return points([...ref.lifecycle(), ...rekeyed, ...shown], grain, isOrg, ['severity', 'category'], [], (group) => {
        const [first] = group;
        const end = endOf(bucketOf(first?.at ?? 0, grain), grain);
        const last = ref
          .open(end)
          .filter(
            ({ severity, category, repo }) =>
              severity === first?.severity && category === first.category && (isOrg || repo === first.repo),
          );
        return {
          new: count(group, ({ what }) => what === 'new'),
          regressed: count(group, ({ what }) => what === 'regressed'),
          fixed: count(group, ({ what }) => what === 'fixed'),
          fixSeconds: total(group, ({ what, seconds }) => (what === 'fixed' ? seconds : 0)),
          open: last.length,
        };
      });
      // A change of keys alone makes a point of zeros.
    },
    ['', '_org'],
    (point) => ['new', 'regressed', 'fixed', 'open'].some((column) => Number(point[column]) !== 0),
  ),
  ...(
    [
      ['ledger/3', 'new'],
      ['ledger/4', 'regressed'],
      ['ledger/5', 'fixed'],
    ] as const
  ).flatMap(([panel, what]) =>
    byRange(
      LIFE,
      panel,
      async (org, range) => number((await org.stat(panel, range))[0]),
      (ref, { from, to }) => {
        const isIn = ({ at }: { at: number }): boolean => at >= bucketOf(from, 'hour') && at <= to;
        return ref.scans.some((scan) => scan.isDetailed && isIn(scan))
          ? count(ref.lifecycle(), (each) => each.what === what && isIn(each))
          : null;
      },
    ),
  ),
  {
    of: LIFE,
    shows: ['panel:ledger/7'],
    read: async (org) =>
      (await org.panel('ledger/7')).map((row) => [
        time(row['time']),
        number(row['appeared']),
        number(row['came_back']),
        number(row['fixed']),
      ]),
    expect: (ref) =>
      groupBy(
        ref.lifecycle().sort((one, other) => one.at - other.at),
        ({ at }) => String(bucketOf(at, 'hour')),
      ).map((group) => [
        iso(bucketOf(group[0]?.at ?? 0, 'hour')),
        count(group, ({ what }) => what === 'new'),
        count(group, ({ what }) => what === 'regressed'),
        count(group, ({ what }) => what === 'fixed'),
      ]),
  },
  {
    of: LIFE,
    shows: ['panel:ledger/8'],
    read: async (org) =>
      (await org.panel('ledger/8')).map((row) => [
        row['severity'],
        number(row['open_findings']),
        number(row['fixed_findings']),
        number(row['mttr']),
      ]),
    expect: (ref) =>
      SEVERITIES.flatMap((severity) => {
        const opened = count(ref.open(), (each) => each.severity === severity);
        const fixes = ref.lifecycle().filter((each) => each.severity === severity && each.what === 'fixed');
        const isKnown = ref.scans.some(
          (scan) => scan.isDetailed && scan.findings.some((each) => each.severity === severity),
        );
        return isKnown
          ? [
              [
                severity,
                opened,
                fixes.length,
                fixes.length === 0
                  ? null
                  : fixes.length < 3
                    ? -1
                    : number(total(fixes, ({ seconds }) => seconds) / fixes.length),
              ],
            ]
          : [];
      }),
  },
  {
    of: LIFE,
    shows: ['panel:repository/10'],
    read: (org) =>
      each(org, async (repo) => [
        repo,
        (await org.panel('repository/10', 'hours', [repo])).map((row) => [
          time(row['time']),
          number(row['appeared']),
          number(row['went_away']),
        ]),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => [
        repo,
        groupBy(
          ref.changes.filter((change) => change.repo === repo && !change.isFirst && !change.isRekeyed),
          ({ at }) => String(bucketOf(at, 'hour')),
        ).map((group) => [
          iso(bucketOf(group[0]?.at ?? 0, 'hour')),
          count(group, ({ change }) => change === 1),
          count(group, ({ change }) => change === -1),
        ]),
      ]),
  },
];

const DRIFTS = 'drifts as reported, and what scans show to have changed';
const driftColumns = SEVERITIES.flatMap((severity) => {
  const name = `${severity.charAt(0).toUpperCase()}${severity.slice(1)}`;
  return [`new${name}`, `resolved${name}`];
});
const drifts: Reading[] = [
  ...bySeries(
    DRIFTS,
    'drift_history',
    [
      'drifts',
      'regressions',
      'improvements',
      'criticalDrifts',
      'scoreDeltaMin',
      'scoreDeltaMax',
      'scoreDeltaSum',
      'newFindings',
      'resolvedFindings',
      ...driftColumns,
    ],
    [],
    (ref, grain, isOrg) =>
      points(
        [
          ...ref.drifts.map((drift) => ({ at: drift.at, repo: drift.repo, drift, change: null })),
          ...ref.changes
            .filter(({ isFirst, isRekeyed }) => !isFirst && !isRekeyed)
            .map((change) => ({ at: change.at, repo: change.repo, drift: null, change })),
        ],
        grain,
        isOrg,
        [],
        [],
        (group) => {
          const reported = group.flatMap(({ drift }) => drift ?? []);
          const changed = group.flatMap(({ change }) => change ?? []);
          const deltas = reported.map(({ previous, current }) => current - previous);
          return {
            drifts: reported.length,
            regressions: count(reported, ({ isRegression }) => isRegression),
            improvements: count(reported, ({ isRegression, previous, current }) => !isRegression && current > previous),
            criticalDrifts: count(reported, ({ fresh }) => fresh.includes(0)),
            scoreDeltaMin: deltas.length === 0 ? null : Math.min(...deltas),
            scoreDeltaMax: deltas.length === 0 ? null : Math.max(...deltas),
            scoreDeltaSum: total(deltas, (delta) => delta),
            newFindings: total(reported, ({ fresh }) => fresh.length),
            resolvedFindings: total(reported, ({ gone }) => gone.length),
            ...Object.fromEntries(
              SEVERITIES.flatMap((severity, index) =>
                [1, -1].map((change, which) => [
                  driftColumns[index * 2 + which] ?? '',
                  count(changed, (one) => one.severity === severity && one.change === change),
                ]),
              ),
            ),
          };
        },
      ),
  ),
  {
    of: DRIFTS,
    shows: [...api(POSTURE, '.latestDrift.*'), 'panel:repository/11'],
    read: (org) =>
      each(org, async (repo) => {
        const { latestDrift } = await org.get<Posture>(postureUrl(org, repo));
        const rows = await org.panel('repository/11', 'hours', [repo]);
        return [
          repo,
          latestDrift === null
            ? null
            : [
                time(latestDrift.timestamp),
                latestDrift.previousScore,
                latestDrift.currentScore,
                latestDrift.scoreDelta,
                latestDrift.isRegression,
                latestDrift.hasCritical,
                latestDrift.newFindingCount,
                latestDrift.resolvedFindingCount,
              ],
          rows.map((row) => [
            time(row['occurred_at']),
            row['verdict'],
            number(row['score_delta']),
            number(row['score']),
            number(row['new_findings']),
            number(row['resolved_findings']),
            row['critical'],
          ]),
        ];
      }),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const mine = ref.drifts.filter((drift) => drift.repo === repo).reverse();
        const [last] = mine;
        return [
          repo,
          last === undefined
            ? null
            : [
                iso(last.at),
                last.previous,
                last.current,
                last.current - last.previous,
                last.isRegression,
                last.fresh.includes(0),
                last.fresh.length,
                last.gone.length,
              ],
          mine.map((drift) => [
            iso(drift.at),
            drift.isRegression ? 'worse' : 'not worse',
            drift.current - drift.previous,
            drift.current,
            drift.fresh.length,
            drift.gone.length,
            drift.fresh.includes(0) ? 'yes' : 'no',
          ]),
        ];
      }),
  },
  ...['repository', 'runtime'].map((board): Reading => ({
    of: DRIFTS,
    shows: [`annotation:${board}/Drifts`],
    read: async (org) =>
      sorted((await org.annotation(board, 'Drifts')).map((row) => [time(row['time']), row['text'], row['tags']])),
    expect: (ref) =>
      sorted(
        ref.drifts.map((drift) => [
          iso(drift.at),
          `${drift.repo}: score ${String(drift.previous)} to ${String(drift.current)}, ${String(drift.fresh.length)} new, ${String(drift.gone.length)} gone`,
          drift.isRegression ? 'regression' : 'drift',
        ]),
      ),
  })),
];

const SECRETS = 'episodes of exposed critical secrets';
const secrets: Reading[] = [
  {
    of: SECRETS,
    shows: [
      'series:secret_exposure_events.episode',
      'series:secret_exposure_events.isOpen',
      'series:secret_exposure_events.exposureHours',
    ],
    read: async (org) =>
      sorted(
        (await org.series('secret_exposure_events')).map((row) => [
          row['repository'],
          row['findingKey'],
          number(row['episode']),
          time(row['firstSeenAt']),
          time(row['resolvedAt']),
          row['isOpen'],
        ]),
      ),
    expect: (ref) =>
      sorted(
        ref
          .episodes()
          .map(({ repo, key, episode, since, until }) => [repo, key, episode, iso(since), iso(until), until === null]),
      ),
  },
  ...GRAINS.map((grain): Reading => ({
    of: SECRETS,
    shows: ['exposed', 'resolved', 'open'].map((column) => `series:secret_exposure_events/${grain}.${column}`),
    read: async (org) =>
      sorted(
        (await org.series('secret_exposure_events', grain))
          .map((row) => [
            time(row['bucketStart']),
            row['repository'],
            number(row['exposed']),
            number(row['resolved']),
            number(row['open']),
          ])
          .filter(([, , exposed, resolved]) => exposed !== 0 || resolved !== 0),
      ),
    expect: (ref) => {
      const ends = ref
        .episodes()
        .flatMap((episode) => [
          { repo: episode.repo, at: episode.since, is: 'exposed' },
          ...(episode.until === null ? [] : [{ repo: episode.repo, at: episode.until, is: 'resolved' }]),
        ]);
      return sorted(
        points(ends, grain, false, [], [], (group) => {
          const end = endOf(bucketOf(group[0]?.at ?? 0, grain), grain);
          return {
            exposed: count(group, ({ is }) => is === 'exposed'),
            resolved: count(group, ({ is }) => is === 'resolved'),
            open: count(
              ref.episodes(),
              ({ repo, since, until }) => repo === group[0]?.repo && since < end && (until === null || until >= end),
            ),
          };
        }).map((point) => rowOf(point, ['bucketStart', 'repository', 'exposed', 'resolved', 'open'])),
      );
    },
  })),
  {
    of: SECRETS,
    shows: ['panel:secrets/1'],
    read: async (org) => number((await org.stat('secrets/1'))[0]),
    expect: (ref) => (ref.newest().length === 0 ? null : count(ref.episodes(), ({ until }) => until === null)),
  },
  {
    of: SECRETS,
    shows: ['panel:secrets/2'],
    read: async (org) => {
      const seconds = number((await org.stat('secrets/2'))[0]);
      return seconds === null ? null : seconds > 0;
    },
    expect: (ref) => (ref.episodes().some(({ until }) => until === null) ? true : null),
  },
  {
    of: SECRETS,
    shows: ['panel:secrets/3'],
    read: async (org) => number((await org.stat('secrets/3'))[0]),
    expect: (ref) =>
      ref.newest().length === 0
        ? null
        : count(ref.episodes(), ({ episode, since }) => episode > 1 && since >= ref.stage.from),
  },
  {
    of: SECRETS,
    shows: ['panel:secrets/6'],
    read: async (org) =>
      sorted(
        (await org.panel('secrets/6')).map((row) => [
          row['state'],
          row['repo'],
          row['title'],
          number(row['episode']),
          time(row['first_seen_at']),
          time(row['resolved_at']),
        ]),
      ),
    expect: (ref) =>
      sorted(
        ref
          .episodes()
          .filter(({ until }) => until === null || until >= ref.stage.from)
          .map(({ repo, title, episode, since, until }) => [
            until === null ? 'exposed' : 'resolved',
            repo,
            title,
            episode,
            iso(since),
            iso(until),
          ]),
      ),
  },
  {
    of: SECRETS,
    shows: ['panel:secrets/5'],
    // The lanes of what is exposed at the end of the range.
    read: async (org) => {
      const rows = await org.panel('secrets/5');
      const last = rows.at(-1)?.['time'];
      return sorted(
        rows
          .filter((row) => row['time'] === last && Number(row['exposed']) === 1)
          .map((row) => String(row['lane']).replace(/ [0-9a-f]{6}$/, '')),
      );
    },
    expect: (ref) => {
      const spans = groupBy(
        ref.episodes().filter(({ until }) => until === null || until >= ref.stage.from),
        ({ repo, key }) => `${repo} ${key}`,
      );
      const lengthOf = (group: (typeof spans)[number]): number =>
        total(
          group,
          ({ since, until }) =>
            Math.floor((until ?? ref.stage.to) / 1_000) - Math.floor(Math.max(since, ref.stage.from) / 1_000),
        );
      const name = (group: (typeof spans)[number]): string =>
        JSON.stringify([group[0]?.repo, group[0]?.title, group[0]?.key]);
      const longest = spans
        .sort((one, other) => lengthOf(other) - lengthOf(one) || (name(one) < name(other) ? -1 : 1))
        .slice(0, 12);
      return sorted(
        longest
          .filter((group) => group.at(-1)?.until === null)
          .map((group) => `${group[0]?.repo ?? ''} · ${group[0]?.title ?? ''}`),
      );
    },
  },
  {
    of: SECRETS,
    shows: ['alert:shieldwatch-new-secret'],
    read: async (org) =>
      sorted((await org.alert('shieldwatch-new-secret')).map((row) => [row['repo'], number(row['exposed'])])),
    expect: (ref) =>
      sorted(
        ref
          .newest()
          .map(({ repo }) => [
            repo,
            count(
              ref.episodes(),
              (episode) => episode.repo === repo && episode.until === null && episode.since > ref.stage.to - 24 * HOUR,
            ),
          ]),
      ),
  },
];

const SCORE = 'score of the newest scan that looked at a file';
const mean = (scans: readonly Scan[]): number | null =>
  scans.length === 0 ? null : number(total(scans, ({ score }) => score) / scans.length);
const lineOf = ({ repo, floor }: Scan): string => (floor === 'info' ? repo : `${repo} (${floor} and up)`);
const scores: Reading[] = [
  {
    of: SCORE,
    shows: [
      ...api(FLEET, '.entries[].score', '.entries[].grade'),
      'series:repo_route.score',
      'panel:fleet/9',
      'panel:repository/1',
      ...api('/v1/repo/{repoId}/baseline', '.*'),
    ],
    read: async (org) =>
      sorted(
        await Promise.all(
          (await fleet(org)).entries.map(async ({ repository, score, grade }) => [
            repository,
            score,
            grade,
            number((await org.series('repo_route')).find((row) => row['repository'] === repository)?.['score']),
            number((await org.panel('fleet/9')).find((row) => row['repo'] === repository)?.['score']),
            number((await org.stat('repository/1', 'hours', [repository]))[0]),
          ]),
        ),
      ),
    expect: (ref) => sorted(ref.newest().map(({ repo, score }) => [repo, score, gradeOf(score), score, score, score])),
  },
  ...bySeries(
    'scores of the scans of a bucket',
    'score_trend',
    [
      'scans',
      'emptyScans',
      'scoreSum',
      'scoreMin',
      'scoreMax',
      'scoreLast',
      'scoreMean',
      'gradeLast',
      'totalFindingsLast',
      'criticalLast',
      'highLast',
      'filesScannedLast',
      'scoreSecretsLast',
      'scorePermissionsLast',
      'scoreHooksLast',
      'scoreMcpLast',
      'scoreAgentsLast',
    ],
    ['minSeverity', 'producerVersion'],
    (ref, grain) =>
      points(ref.scans, grain, false, ['floor'], ['minSeverity'], (group) => {
        const looked = group.filter(({ isCounted }) => isCounted);
        const last = looked.at(-1);
        const all = looked.map(({ score }) => score);
        // By hour what only a scan can say is 0 where none looked at a file; by day and week it is null.
        const none = grain === 'hour' ? 0 : null;
        return {
          producerVersion: VERSION,
          scans: looked.length,
          emptyScans: group.length - looked.length,
          scoreSum: total(all, (score) => score),
          scoreMin: last === undefined ? null : Math.min(...all),
          scoreMax: last === undefined ? null : Math.max(...all),
          scoreLast: last?.score ?? null,
          scoreMean: mean(looked),
          gradeLast: last === undefined ? (grain === 'hour' ? '' : null) : gradeOf(last.score),
          totalFindingsLast: last?.total ?? none,
          criticalLast: last?.counts['critical'] ?? none,
          highLast: last?.counts['high'] ?? none,
          filesScannedLast: last?.files ?? none,
          scoreSecretsLast: last === undefined ? null : PARTS.secrets,
          scorePermissionsLast: last === undefined ? null : PARTS.permissions,
          scoreHooksLast: last === undefined ? null : PARTS.hooks,
          scoreMcpLast: last === undefined ? null : PARTS.mcp,
          scoreAgentsLast: last === undefined ? null : PARTS.agents,
        };
      }),
    [''],
  ),
  {
    of: 'scores of the scans of a bucket',
    shows: api(POSTURE, '.scoreTrend[].*'),
    read: async (org) =>
      (await postures(org)).map(({ repository, scoreTrend }) => [
        repository,
        sorted(
          scoreTrend.map((point) => [
            time(point.bucketStart),
            point.minSeverity,
            point.last,
            point.min,
            point.max,
            number(point.mean),
            point.grade,
            point.scans,
            point.emptyScans,
          ]),
        ),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => [
        repo,
        sorted(
          points(
            ref.scans.filter((scan) => scan.repo === repo),
            'hour',
            false,
            ['floor'],
            [],
            (group) => {
              const looked = group.filter(({ isCounted }) => isCounted);
              const last = looked.at(-1);
              const all = looked.map(({ score }) => score);
              return {
                row: [
                  last?.score ?? null,
                  last === undefined ? null : Math.min(...all),
                  last === undefined ? null : Math.max(...all),
                  mean(looked),
                  last === undefined ? null : gradeOf(last.score),
                  looked.length,
                  group.length - looked.length,
                ],
              };
            },
          ).map((point) => [point['bucketStart'], point['floor'], ...(point['row'] as unknown[])]),
        ),
      ]),
  },
  ...bySeries(
    'scores of the newest scans at the end of a bucket, of the organisation',
    'score_trend',
    ['repos', 'scoreMean', 'scoreMin', 'grade'],
    [],
    (ref, grain) =>
      groupBy(
        ref.scans.filter(({ isCounted }) => isCounted),
        ({ at }) => String(bucketOf(at, grain)),
      ).map((group) => {
        const start = bucketOf(group[0]?.at ?? 0, grain);
        const newest = ref.newest(endOf(start, grain));
        return {
          bucketStart: iso(start),
          repos: newest.length,
          scoreMean: mean(newest),
          scoreMin: Math.min(...newest.map(({ score }) => score)),
          grade: gradeOf(mean(newest) ?? 0),
        };
      }),
    ['_org'],
  ),
  {
    of: 'mean score of the newest scans',
    shows: ['panel:fleet/2'],
    read: async (org) => number((await org.stat('fleet/2'))[0]),
    expect: (ref) => mean(ref.newest()),
  },
  {
    of: 'score over time',
    shows: ['panel:fleet/7'],
    read: async (org) =>
      (await org.panel('fleet/7')).map((row) => [
        time(row['time']),
        number(row['highest']),
        number(row['mean']),
        number(row['lowest']),
      ]),
    // Hours of the series: a scan holds from the begin of its hour.
    expect: (ref) =>
      moments(ref).flatMap((at) => {
        const newest = heldAt(ref, at);
        return newest.length === 0
          ? []
          : [
              [
                iso(at),
                Math.max(...newest.map(({ score }) => score)),
                mean(newest),
                Math.min(...newest.map(({ score }) => score)),
              ],
            ];
      }),
  },
  ...['posture/1', 'posture/5', 'repository/7'].map((panel): Reading => ({
    of: 'score over time',
    shows: [`panel:${panel}`],
    read: async (org) => {
      const rows = await org.panel(panel);
      const last = rows
        .map((row) => time(row['time']))
        .sort()
        .at(-1);
      return sorted(rows.filter((row) => time(row['time']) === last).map((row) => [row['line'], number(row['score'])]));
    },
    expect: (ref) => {
      const lines = groupBy(
        ref.scans.filter(({ isCounted }) => isCounted),
        lineOf,
      )
        .flatMap((scans) => scans.at(-1) ?? [])
        .map((scan) => [lineOf(scan), scan.score] as const);
      return sorted(lines.sort((one, other) => one[1] - other[1] || (one[0] < other[0] ? -1 : 1)).slice(0, 12));
    },
  })),
  {
    of: 'parts of the score',
    shows: ['panel:repository/8'],
    read: (org) =>
      each(org, async (repo) => [
        repo,
        (await org.panel('repository/8', 'hours', [repo])).map((row) => [
          time(row['time']),
          ...Object.keys(PARTS).map((part) => number(row[part])),
        ]),
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => [
        repo,
        groupBy(
          ref.scans.filter((scan) => scan.repo === repo && scan.isCounted),
          ({ at }) => String(bucketOf(at, 'hour')),
        ).map((group) => [iso(bucketOf(group[0]?.at ?? 0, 'hour')), ...Object.values(PARTS)]),
      ]),
  },
  {
    of: 'change of the score',
    shows: ['panel:fleet/10'],
    read: async (org) => sorted((await org.panel('fleet/10')).map((row) => [row['repo'], number(row['change'])])),
    expect: (ref) =>
      sorted(
        ref
          .newest()
          .map((scan) => [scan.repo, scan.score - (firstHeld(ref, scan.repo)?.score ?? scan.score)] as const)
          .filter(([, change]) => change !== 0)
          .sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]) || (one[0] < other[0] ? -1 : 1))
          .slice(0, 10),
      ),
  },
  {
    of: 'change of the score',
    shows: ['alert:shieldwatch-score-drop'],
    read: async (org) =>
      sorted((await org.alert('shieldwatch-score-drop')).map((row) => [row['repo'], number(row['points'])])),
    expect: (ref) =>
      sorted(
        ref.newest().flatMap((scan) => {
          const before = heldAt(ref, ref.stage.to - 24 * HOUR).find(({ repo }) => repo === scan.repo);
          return before === undefined ? [] : [[scan.repo, before.score - scan.score]];
        }),
      ),
  },
];

/** The newest scan of each repository in the hours that began until a moment: what the posture of a board at that moment is. */
function heldAt(ref: Reference, at: number): Scan[] {
  return ref.newest(endOf(bucketOf(at, 'hour'), 'hour'));
}

/** What a repository's posture was when the range began, or the first in it. */
function firstHeld(ref: Reference, repo: string): Scan | undefined {
  const mine = ref.scans.filter((scan) => scan.repo === repo && scan.isCounted);
  const first = mine[0];
  return first === undefined
    ? undefined
    : mine.filter(({ at }) => bucketOf(at, 'hour') === bucketOf(first.at, 'hour')).at(-1);
}

const COUNTED = 'findings that the newest scans count';
const counted: Reading[] = [
  {
    of: COUNTED,
    shows: api(
      FLEET,
      '.summary.totalPacks',
      '.summary.totalFindings',
      ...SEVERITIES.map((severity) => `.summary.${severity}`),
      '.summary.riskyPackages',
      '.summary.policyFailures',
      '.summary.baselineRegressions',
      '.summary.verifiedPacks',
      '.summary.invalidPacks',
      '.ok',
    ),
    read: async (org) => {
      const { summary, ok } = await fleet(org);
      return [
        summary.totalPacks,
        summary.totalFindings,
        SEVERITIES.map((severity) => summary[severity]),
        summary.riskyPackages,
        summary.policyFailures,
        summary.baselineRegressions,
        summary.verifiedPacks,
        summary.invalidPacks,
        ok,
      ];
    },
    expect: (ref) => {
      const newest = ref.newest();
      return [
        newest.length,
        total(newest, (scan) => scan.total),
        SEVERITIES.map((severity) => countedOf(newest, severity)),
        total(newest, ({ risky }) => risky),
        count(newest, ({ policy }) => policy === 'failed'),
        count(newest, ({ baseline }) => baseline === 'regressed'),
        count(newest, ({ isBroken }) => !isBroken),
        count(newest, ({ isBroken }) => isBroken),
        newest.every(({ isBroken }) => !isBroken),
      ];
    },
  },
  {
    of: COUNTED,
    shows: api(
      FLEET,
      '.entries[].ok',
      '.entries[].totalFindings',
      ...SEVERITIES.map((severity) => `.entries[].${severity}`),
      '.entries[].riskyPackages',
    ),
    read: async (org) =>
      sorted(
        (await fleet(org)).entries.map((entry) => [
          entry.repository,
          time(entry.generatedAt),
          entry.ok,
          entry.totalFindings,
          SEVERITIES.map((severity) => entry[severity]),
          entry.riskyPackages,
          entry.policyStatus,
          entry.baselineStatus,
        ]),
      ),
    expect: (ref) =>
      sorted(
        ref
          .newest()
          .map((scan) => [
            scan.repo,
            iso(scan.at),
            !scan.isBroken,
            scan.total,
            SEVERITIES.map((severity) => scan.counts[severity]),
            scan.risky,
            scan.policy,
            scan.baseline,
          ]),
      ),
  },
  {
    of: 'the newest scan, whether or not it looked at a file',
    shows: [
      ...api(
        POSTURE,
        '.latestScan.ok',
        '.latestScan.integrity',
        '.latestScan.report.*',
        '.latestScan.policy.*',
        '.latestScan.baseline.*',
        '.latestScan.supplyChain.*',
        '.latestScan.filesScanned',
        '.latestScan.breakdown.*',
      ),
      'panel:repository/12',
    ],
    read: (org) =>
      each(org, async (repo) => {
        const { latestScan } = await org.get<Posture>(postureUrl(org, repo));
        return [
          repo,
          latestScan === null
            ? null
            : [
                time(latestScan.generatedAt),
                latestScan.ok,
                latestScan.integrity === 'ok',
                latestScan.report.score.numericScore,
                latestScan.report.score.grade,
                latestScan.report.findings.total,
                SEVERITIES.map((severity) => latestScan.report.findings[severity]),
                latestScan.policy.status,
                latestScan.baseline.status,
                latestScan.supplyChain?.riskyPackages ?? null,
                latestScan.filesScanned,
                latestScan.minSeverity,
                Object.keys(PARTS).map((part) => latestScan.breakdown[part as keyof typeof PARTS]),
              ],
          (await org.panel('repository/12', 'hours', [repo])).map((row) => [
            time(row['occurred_at']),
            number(row['score']),
            row['grade'],
            row['policy'],
            row['baseline'],
            row['evidence'] === 'ok',
            number(row['files_scanned']),
          ]),
        ];
      }),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const mine = ref.scans.filter((scan) => scan.repo === repo).reverse();
        const [last] = mine;
        return [
          repo,
          last === undefined
            ? null
            : [
                iso(last.at),
                !last.isBroken,
                !last.isBroken,
                last.isCounted ? last.score : null,
                last.isCounted ? gradeOf(last.score) : null,
                last.total,
                SEVERITIES.map((severity) => last.counts[severity]),
                last.policy,
                last.baseline,
                last.risky,
                last.files,
                last.floor,
                Object.values(PARTS).map((part) => (last.isCounted ? part : null)),
              ],
          mine.map((scan) => [
            iso(scan.at),
            scan.score,
            gradeOf(scan.score),
            scan.policy,
            scan.baseline,
            !scan.isBroken,
            scan.files,
          ]),
        ];
      }),
  },
  {
    of: COUNTED,
    shows: [
      'series:repo_route.critical',
      'series:repo_route.high',
      'series:repo_route.riskyPackages',
      'series:repo_route.isPolicyFailed',
      'series:repo_route.isRegressed',
      'series:repo_route.isInvalid',
    ],
    read: async (org) =>
      sorted(
        (await org.series('repo_route')).map((row) => [
          row['repository'],
          time(row['scannedAt']),
          ...rowOf(row, ['critical', 'high', 'riskyPackages', 'isPolicyFailed', 'isRegressed', 'isInvalid']),
        ]),
      ),
    expect: (ref) =>
      sorted(
        ref
          .newest()
          .map((scan) => [
            scan.repo,
            iso(scan.at),
            scan.counts['critical'],
            scan.counts['high'],
            scan.risky,
            scan.policy === 'failed',
            scan.baseline === 'regressed',
            scan.isBroken,
          ]),
      ),
  },
  ...['fleet/3', 'posture/3'].map((panel): Reading => ({
    of: COUNTED,
    shows: [`panel:${panel}`],
    read: async (org) => number((await org.stat(panel))[0]),
    expect: (ref) => (ref.newest().length === 0 ? null : countedOf(ref.newest(), 'critical')),
  })),
  {
    of: COUNTED,
    shows: ['panel:repository/2', 'panel:repository/3', 'panel:repository/4', 'panel:repository/6'],
    read: (org) =>
      each(org, async (repo) => [
        repo,
        number((await org.stat('repository/2', 'hours', [repo]))[0]),
        (await org.stat('repository/3', 'hours', [repo]))[0] ?? null,
        (await org.stat('repository/4', 'hours', [repo]))[0] ?? null,
        (await org.stat('repository/6', 'hours', [repo])).length,
      ]),
    expect: (ref) =>
      ref.repos.map((repo) => {
        const scan = ref.newest().find((each) => each.repo === repo);
        return [
          repo,
          scan?.counts['critical'] ?? null,
          scan?.policy ?? null,
          scan?.baseline ?? null,
          scan === undefined ? 0 : 1,
        ];
      }),
  },
  {
    of: COUNTED,
    shows: ['panel:fleet/8'],
    read: async (org) =>
      (await org.panel('fleet/8')).map((row) => [
        time(row['time']),
        ...SEVERITIES.map((severity) => number(row[severity])),
      ]),
    expect: (ref) =>
      moments(ref).flatMap((at) => {
        const held = heldAt(ref, at);
        return held.length === 0 ? [] : [[iso(at), ...SEVERITIES.map((severity) => countedOf(held, severity))]];
      }),
  },
  {
    of: COUNTED,
    shows: ['panel:fleet/4', 'panel:fleet/5', 'panel:fleet/11'],
    read: async (org) => [
      number((await org.stat('fleet/4'))[0]),
      number((await org.stat('fleet/5'))[0]),
      sorted((await org.panel('fleet/11')).map((row) => [row['repo'], row['gate'], number(row['score'])])),
    ],
    expect: (ref) => {
      const newest = ref.newest();
      const gates = newest
        .filter(({ policy, baseline }) => policy === 'failed' || baseline === 'regressed')
        .map(({ repo, policy, baseline, score }) => [
          repo,
          policy !== 'failed' ? 'baseline' : baseline === 'regressed' ? 'policy and baseline' : 'policy',
          score,
        ]);
      return newest.length === 0
        ? [null, null, []]
        : [
            count(newest, ({ policy }) => policy === 'failed'),
            count(newest, ({ baseline }) => baseline === 'regressed'),
            sorted(gates),
          ];
    },
  },
  ...GRAINS.map((grain): Reading => ({
    of: `${COUNTED}, at the end of a bucket, and their routes as the scans gave them`,
    shows: [
      'repos',
      'scoreMean',
      'scoreMin',
      'critical',
      'high',
      'medium',
      'low',
      'info',
      'policyFailures',
      'baselineRegressions',
      'riskyPackages',
      'invalid',
      'securityBlocker',
      'policyReview',
      'baselineRegression',
      'supplyChainReview',
      'ready',
      'status',
    ].map((column) => `series:cross_repo_org_rollup/${grain}.${column}`),
    read: async (org) =>
      (await org.series('cross_repo_org_rollup', grain)).map((row) => [
        time(row['bucketStart']),
        ...ROLLUP.map((column) => number(row[column])),
        row['status'],
      ]),
    expect: (ref) =>
      groupBy(
        ref.scans.filter(({ isCounted }) => isCounted),
        ({ at }) => String(bucketOf(at, grain)),
      ).map((group) => {
        const start = bucketOf(group[0]?.at ?? 0, grain);
        return [iso(start), ...rollupOf(ref, ref.newest(endOf(start, grain)))];
      }),
  })),
];
const countedOf = (scans: readonly Scan[], severity: string): number =>
  total(scans, (scan) => scan.counts[severity] ?? 0);
const ROLLUP = [
  'repos',
  'scoreMean',
  'scoreMin',
  'critical',
  'high',
  'medium',
  'low',
  'info',
  'policyFailures',
  'baselineRegressions',
  'riskyPackages',
  'invalid',
  'securityBlocker',
  'policyReview',
  'baselineRegression',
  'supplyChainReview',
  'ready',
];
function rollupOf(ref: Reference, newest: readonly Scan[]): unknown[] {
  const routes = newest.map((scan) => ref.routeOf(scan, 'then'));
  const of = (route: string): number => count(routes, (each) => each === route);
  return [
    newest.length,
    mean(newest),
    Math.min(...newest.map(({ score }) => score)),
    ...SEVERITIES.map((severity) => countedOf(newest, severity)),
    count(newest, ({ policy }) => policy === 'failed'),
    count(newest, ({ baseline }) => baseline === 'regressed'),
    total(newest, ({ risky }) => risky),
    ...['invalid', 'security-blocker', 'policy-review', 'baseline-regression', 'supply-chain-review', 'ready'].map(of),
    of('invalid') > 0 ? 'invalid-evidence' : of('ready') < newest.length ? 'blocked' : 'ready',
  ];
}

const ROUTES = 'routes of the newest scans now, and what was decided about them';
const statusOf = (ref: Reference): string =>
  ref.newest().some(({ isBroken }) => isBroken)
    ? 'invalid-evidence'
    : ref.reviewItems().some(({ status }) => status === 'open')
      ? 'blocked'
      : 'ready';
const routes: Reading[] = [
  {
    of: ROUTES,
    shows: [...api(FLEET, '.entries[].route', '.routes[].route'), 'series:repo_route.route', 'panel:fleet/9'],
    read: async (org) => {
      const { entries, routes: answer } = await fleet(org);
      return [
        sorted(entries.map(({ repository, route }) => [repository, route])),
        sorted(answer.map(({ repository, route }) => [repository, route])),
        sorted((await org.series('repo_route')).map((row) => [row['repository'], row['route']])),
        sorted((await org.panel('fleet/9')).map((row) => [row['repo'], row['route']])),
      ];
    },
    expect: (ref) => {
      const all = sorted(ref.newest().map((scan) => [scan.repo, ref.routeOf(scan, 'now')]));
      return [all, all, all, all];
    },
  },
  {
    of: ROUTES,
    shows: [
      ...api(FLEET, '.requiresAttention', '.operatorReadback.*', '.reviewItems[].*'),
      ...api('/v1/repo/{repoId}/review-items', '[].status', '[].route'),
      'cli:review list',
    ],
    read: async (org) => {
      const { operatorReadback: answer, reviewItems, requiresAttention } = await fleet(org);
      const single = (
        await each(org, (repo) =>
          org.get<{ repository: string; route: string; status: string }[]>(
            `/v1/repo/${encodeURIComponent(repo)}/review-items`,
          ),
        )
      ).flat();
      const shape = (items: readonly { repository: string; route: string; status: string }[]): unknown[] =>
        sorted(items.map((item) => [item.repository, item.route, item.status]));
      return [
        shape(reviewItems),
        shape(single),
        requiresAttention,
        answer.status,
        answer.ready,
        answer.requiresApproval,
        answer.invalidPackCount,
        answer.reviewItemCount,
        answer.ownerCount,
        answer.routesRequiringApproval,
      ];
    },
    expect: (ref) => {
      const items = ref.reviewItems();
      const waiting = items.filter(({ status }) => status === 'open');
      const all = sorted(items.map((item) => [item.repo, item.route, item.status]));
      return [
        all,
        all,
        waiting.length > 0 || statusOf(ref) === 'invalid-evidence',
        statusOf(ref),
        statusOf(ref) === 'ready',
        waiting.length > 0,
        count(ref.newest(), ({ isBroken }) => isBroken),
        waiting.length,
        waiting.length,
        [...new Set(waiting.map(({ route }) => route))].sort(),
      ];
    },
  },
  {
    of: ROUTES,
    shows: ['panel:fleet/1'],
    read: async (org) => (await org.stat('fleet/1'))[0] ?? null,
    expect: (ref) => (ref.newest().length === 0 ? null : statusOf(ref)),
  },
  ...GRAINS.map((grain): Reading => ({
    of: ROUTES,
    shows: ['open', 'opened', 'closed'].map((column) => `series:open_review_item_org/${grain}.${column}`),
    read: async (org) =>
      sorted(
        groupBy(await org.series('open_review_item_org', grain, org.decidedAt), (row) => String(row['route']))
          .map((rows) => [rows[0]?.['route'], number(rows.at(-1)?.['open'])])
          .filter(([, open]) => open !== 0),
      ),
    expect: (ref) =>
      sorted(
        groupBy(
          ref.reviewItems().filter(({ status }) => status === 'open'),
          ({ route }) => route,
        ).map((items) => [items[0]?.route, items.length]),
      ),
  })),
];

const HEARD = 'producers that were heard';
const producers = (ref: Reference): { repo: string; at: number; producer: string }[] => [
  ...ref.judgements.map(({ repo, at }) => ({ repo, at, producer: 'guard' })),
  ...ref.scans.map(({ repo, at }) => ({ repo, at, producer: 'scan' })),
  ...ref.drifts.map(({ repo, at }) => ({ repo, at, producer: 'watch' })),
];
/** Of scan and guard: reporting, silent for a day, or never heard. */
function states(ref: Reference): { repo: string; producer: string; state: string; at: number | null }[] {
  return ref.repos.flatMap((repo) =>
    ['scan', 'guard'].map((producer) => {
      const last =
        producers(ref)
          .filter((each) => each.repo === repo && each.producer === producer)
          .map(({ at }) => at)
          .sort((one, other) => one - other)
          .at(-1) ?? null;
      return {
        repo,
        producer,
        state: last === null ? 'never' : last > ref.stage.to - 24 * HOUR ? 'reporting' : 'silent',
        at: last,
      };
    }),
  );
}
const blind = (ref: Reference): unknown[] =>
  sorted(
    states(ref)
      .filter(({ state }) => state !== 'reporting')
      .map(({ repo, producer, state, at }) => [repo, producer, state, iso(at)]),
  );
const allSilent = (ref: Reference): number | null =>
  ref.repos.length === 0
    ? null
    : count(ref.repos, (repo) => states(ref).every((each) => each.repo !== repo || each.state !== 'reporting'));
const heard: Reading[] = [
  ...(
    [
      ['coverage/1', 'scan', 'reporting'],
      ['coverage/2', 'scan', 'silent'],
      ['coverage/3', 'guard', 'silent'],
      ['coverage/4', 'guard', 'never'],
    ] as const
  ).map(([panel, producer, state]): Reading => ({
    of: HEARD,
    shows: [`panel:${panel}`],
    read: async (org) => number((await org.stat(panel))[0]),
    expect: (ref) =>
      ref.repos.length === 0 ? null : count(states(ref), (each) => each.producer === producer && each.state === state),
  })),
  ...['coverage/5', 'fleet/6'].map((panel): Reading => ({
    of: HEARD,
    shows: [`panel:${panel}`],
    read: async (org) => number((await org.stat(panel))[0]),
    expect: allSilent,
  })),
  ...['coverage/6', 'fleet/12'].map((panel): Reading => ({
    of: HEARD,
    shows: [`panel:${panel}`],
    read: async (org) =>
      sorted(
        (await org.panel(panel)).map((row) => [row['repo'], row['producer'], row['state'], time(row['last_heard'])]),
      ),
    expect: blind,
  })),
  {
    of: HEARD,
    shows: ['alert:shieldwatch-silent'],
    read: async (org) =>
      sorted(
        (await org.alert('shieldwatch-silent')).map((row) => [
          row['repo'],
          row['producer'],
          Number(row['silent_times']) >= 0,
        ]),
      ),
    expect: (ref) =>
      sorted(
        states(ref)
          .filter(({ state }) => state !== 'never')
          .map(({ repo, producer }) => [repo, producer, true]),
      ),
  },
  {
    of: HEARD,
    shows: ['panel:pipeline/6'],
    read: async (org) =>
      sorted((await org.panel('pipeline/6')).map((row) => [time(row['time']), row['producer'], number(row['facts'])])),
    expect: (ref) =>
      sorted(
        groupBy(producers(ref), ({ at, producer }) => `${String(bucketOf(at, 'hour'))} ${producer}`).map((group) => [
          iso(bucketOf(group[0]?.at ?? 0, 'hour')),
          group[0]?.producer,
          group.length,
        ]),
      ),
  },
  ...GRAINS.map((grain): Reading => ({
    of: HEARD,
    shows: [`series:coverage/${grain}.events`],
    read: async (org) =>
      sorted(
        (await org.series('coverage', grain))
          .filter((row) => Number(row['events']) > 0)
          .map((row) => [time(row['bucketStart']), row['repository'], row['producer'], number(row['events'])]),
      ),
    expect: (ref) =>
      sorted(
        points(producers(ref), grain, false, ['producer'], [], (group) => ({ events: group.length })).map((row) =>
          rowOf(row, ['bucketStart', 'repository', 'producer', 'events']),
        ),
      ),
  })),
  {
    of: 'repositories that reported',
    shows: [
      ...api('/v1/repos', '.beyondPlan'),
      'cli:repo list',
      ...REPOSITORY_BOARDS.map((board) => `variable:${board}/repo`),
    ],
    read: async (org) => [
      await reposOf(org),
      await Promise.all(REPOSITORY_BOARDS.map((board) => org.variable(board, 'repo'))),
    ],
    expect: (ref) => [ref.repos, REPOSITORY_BOARDS.map(() => ref.repos)],
  },
  {
    of: 'values of dimensions',
    shows: [
      'variable:runtime/agent',
      'variable:runtime/tool',
      'variable:enforcement/agent',
      'variable:enforcement/tool',
      'variable:repository/category',
    ],
    read: async (org) => [
      await org.variable('runtime', 'agent'),
      await org.variable('runtime', 'tool'),
      await org.variable('enforcement', 'agent'),
      await org.variable('enforcement', 'tool'),
      await org.variable('repository', 'category'),
    ],
    expect: (ref) => [
      [...new Set(ref.judgements.map(({ agent }) => agent).filter((agent) => agent !== ''))].sort(),
      [...new Set(ref.judgements.map(({ tool }) => tool))].sort(),
      [...new Set(ref.judgements.map(({ agent }) => agent).filter((agent) => agent !== ''))].sort(),
      [...new Set(ref.judgements.map(({ tool }) => tool))].sort(),
      [...new Set(ref.scans.flatMap((scan) => scan.findings.map(({ category }) => category)))].sort(),
    ],
  },
];

/** One reading of a metric for Prometheus: [labels..., value], samples of 0 left out. */
function byMetric(
  of: string,
  name: string,
  labels: readonly string[],
  expect: (ref: Reference) => (string | number)[][],
): Reading {
  return {
    of,
    shows: [`prometheus:${name}`],
    read: async (org) =>
      sorted(
        (await org.metric(name))
          .filter(({ value }) => value !== 0)
          .map((sample) => [...rowOf(sample.labels, labels), number(sample.value)]),
      ),
    expect: (ref) => sorted(expect(ref).filter((row) => row.at(-1) !== 0)),
  };
}

/** The current hour and the last closed one of a repository, each with the value of its members. */
function byHours<T extends { at: number; repo: string }>(
  ref: Reference,
  all: readonly T[],
  of: (group: readonly T[]) => number | null,
): (string | number)[][] {
  const current = bucketOf(ref.stage.to, 'hour');
  return groupBy(
    all.filter(({ at }) => at >= current - HOUR),
    ({ repo, at }) => JSON.stringify([repo, at >= current]),
  ).map((group) => [
    group[0]?.repo ?? '',
    (group[0]?.at ?? 0) >= current ? 'current' : 'closed',
    number(of(group)) ?? 0,
  ]);
}

const HOURLY = ['repository', 'hour'];
const metrics: Reading[] = [
  byMetric(SCORE, 'shieldwatch_score', ['repository'], (ref) => ref.newest().map(({ repo, score }) => [repo, score])),
  byMetric(SCORE, 'shieldwatch_grade', ['repository', 'grade'], (ref) =>
    ref.newest().map(({ repo, score }) => [repo, gradeOf(score), 1]),
  ),
  byMetric(OPEN, 'shieldwatch_open_findings', ['repository', 'severity', 'triage'], (ref) =>
    groupBy(ref.open(), ({ repo, key, severity }) => JSON.stringify([repo, severity, ref.triageOf(repo, key)])).map(
      (group) => [
        group[0]?.repo ?? '',
        group[0]?.severity ?? '',
        ref.triageOf(group[0]?.repo ?? '', group[0]?.key ?? ''),
        group.length,
      ],
    ),
  ),
  {
    of: `${OPEN}: where their number is known, 0 among them`,
    shows: ['prometheus:shieldwatch_open_findings'],
    read: async (org) =>
      sorted(
        (await org.metric('shieldwatch_open_findings'))
          .filter(({ labels }) => labels['triage'] === 'open')
          .map(({ labels }) => rowOf(labels, ['repository', 'severity'])),
      ),
    expect: (ref) =>
      sorted(
        ref.repos.flatMap((repo) =>
          SEVERITIES.filter((_, rank) =>
            ref.scans.some((scan) => scan.repo === repo && scan.isDetailed && SEVERITIES.indexOf(scan.floor) >= rank),
          ).map((severity) => [repo, severity]),
        ),
      ),
  },
  byMetric(SECRETS, 'shieldwatch_exposed_critical_secrets', ['repository'], (ref) =>
    groupBy(
      ref.episodes().filter(({ until }) => until === null),
      ({ repo }) => repo,
    ).map((group) => [group[0]?.repo ?? '', group.length]),
  ),
  byMetric(DRIFTS, 'shieldwatch_drifts', HOURLY, (ref) => byHours(ref, ref.drifts, (group) => group.length)),
  byMetric(DRIFTS, 'shieldwatch_drift_regressions', HOURLY, (ref) =>
    byHours(ref, ref.drifts, (group) => count(group, ({ isRegression }) => isRegression)),
  ),
  byMetric(DRIFTS, 'shieldwatch_critical_drifts', HOURLY, (ref) =>
    byHours(ref, ref.drifts, (group) => count(group, ({ fresh }) => fresh.includes(0))),
  ),
  ...(
    [
      ['shieldwatch_decisions', 'total'],
      ['shieldwatch_allowed_decisions', 'allowed'],
      ['shieldwatch_blocked_decisions', 'blocked'],
      ['shieldwatch_asked_decisions', 'asked'],
    ] as const
  ).map(([name, verdict]) =>
    byMetric(CALLS, name, HOURLY, (ref) => byHours(ref, ref.calls, (group) => verdicts(group)[verdict])),
  ),
  byMetric(CALLS, 'shieldwatch_blocked_ratio', HOURLY, (ref) =>
    byHours(ref, ref.calls, (group) => verdicts(group).blocked / group.length),
  ),
  byMetric(INJECTIONS, 'shieldwatch_injection_attempts', HOURLY, (ref) =>
    byHours(ref, ref.calls, (group) => count(group, ({ attempt }) => attempt !== null)),
  ),
  {
    of: HEARD,
    shows: ['prometheus:shieldwatch_coverage_age_seconds'],
    read: async (org) =>
      sorted(
        (await org.metric('shieldwatch_coverage_age_seconds')).map(({ labels }) =>
          rowOf(labels, ['repository', 'producer']),
        ),
      ),
    expect: (ref) =>
      sorted(
        groupBy(producers(ref), ({ repo, producer }) => JSON.stringify([repo, producer])).map((group) => [
          group[0]?.repo,
          group[0]?.producer,
        ]),
      ),
  },
  {
    of: 'repositories that reported',
    shows: ['prometheus:shieldwatch_repositories', 'prometheus:shieldwatch_repositories_folded'],
    read: async (org) => [
      (await org.metric('shieldwatch_repositories'))[0]?.value,
      (await org.metric('shieldwatch_repositories_folded'))[0]?.value,
    ],
    expect: (ref) => [ref.repos.length, 0],
  },
  // What the rules' queries return is compared with the reference where their own places are.
  ...ALERT_RULES.filter(({ metric }) => metric.isOfOrganisation === undefined).map(
    ({ uid, metric: { name, column, fixed = {}, label } }): Reading => ({
      of: 'values of alert rules, which are those of their metrics',
      shows: [`prometheus:${name}`],
      read: async (org) => {
        const columns = label === undefined ? [] : [label.name];
        const samples = (await org.metric(name)).filter(({ labels }) =>
          Object.entries(fixed).every(([key, value]) => labels[key] === value),
        );
        const rows = (await org.alert(uid)).map((row) => [row['repo'], ...rowOf(row, columns), number(row[column])]);
        return [
          JSON.stringify(
            sorted(samples.map(({ labels, value }) => [...rowOf(labels, ['repository', ...columns]), number(value)])),
          ) === JSON.stringify(sorted(rows)),
        ];
      },
      expect: () => [true],
    }),
  ),
];

export const READINGS: readonly Reading[] = [
  ...calls,
  ...injections,
  ...durations,
  ...openFindings,
  ...lifecycle,
  ...drifts,
  ...secrets,
  ...scores,
  ...counted,
  ...routes,
  ...heard,
  ...metrics,
];
