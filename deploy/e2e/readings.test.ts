import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readBoards, type BoardLibrary } from '#ingest/boards/board-library.js';
import type { VariableValue } from '#ingest/boards/macros.js';
import { panelData } from '#ingest/boards/panel-data.js';
import { INGEST_SCOPES } from '#ingest/auth/caller.js';
import { mintToken } from '#ingest/auth/tokens.js';
import { logsRequest, tracesRequest } from '#ingest/telemetry/otlp-json.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { Finding } from '#schemas/http/findings.js';
import type { Fleet } from '#schemas/http/fleet.js';
import type { posture, LatestScan } from '#schemas/http/posture.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { findingAttributes, findingKey } from '#schemas/records/finding.js';
import { scanAttributes } from '#schemas/records/scan.js';
import { EVENT_FINDING, SPAN_SCAN } from '#schemas/semconv.js';
import { asRole } from '#schemas/postgres/session.js';
import type { z } from 'zod';

/**
 * Every quantity that is shown in more than one place, and every place that shows it. The places are asked for the same
 * random history and must answer alike; a panel that is neither a place here nor in `SINGLE` fails.
 */

const HOUR = 3_600_000;
const NOW = Date.now();
/** Whole hours, so that buckets and moments mean the same. */
const FROM = Math.floor(NOW / HOUR) * HOUR - 120 * HOUR;
const REPOS = ['acme/app', 'acme/web', 'acme/api'];
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
type Severity = (typeof SEVERITIES)[number];

/** What may be found in a repository: (id, severity, category). */
const POOL = [
  ['secrets-hardcoded-a', 'critical', 'secrets'], ['secrets-hardcoded-b', 'critical', 'secrets'], ['mcp-risky', 'high', 'mcp'],
  ['injection-markdown', 'high', 'injection'], ['hooks-silent', 'medium', 'hooks'], ['permissions-wide', 'low', 'permissions'], ['agents-note', 'info', 'agents'],
] as const;

interface ScanEvent {
  kind: 'scan';
  repo: string;
  at: number;
  way: 'rest' | 'counts' | 'otlp';
  floor: Severity;
  found: readonly number[];
  score: number;
  policy: 'passed' | 'failed';
}
interface CallEvent {
  kind: 'call';
  repo: string;
  at: number;
  decision: 'allow' | 'block';
  reason: 'destructive' | 'Prompt injection in a page';
  tool: 'Bash' | 'Read';
}
type HistoryEvent = ScanEvent | CallEvent;

const moment = fc.integer({ min: 0, max: 119 * 60 }).map((minutes) => FROM + minutes * 60_000);
const event: fc.Arbitrary<HistoryEvent> = fc.oneof(
  fc.record<ScanEvent>({
    kind: fc.constant('scan'), repo: fc.constantFrom(...REPOS), at: moment, way: fc.constantFrom('rest', 'counts', 'otlp'),
    floor: fc.constantFrom('info', 'info', 'info', 'high', 'critical'), found: fc.uniqueArray(fc.nat(POOL.length - 1)), score: fc.integer({ min: 0, max: 100 }),
    policy: fc.constantFrom('passed', 'failed'),
  }),
  fc.record<CallEvent>({
    kind: fc.constant('call'), repo: fc.constantFrom(...REPOS), at: moment, decision: fc.constantFrom('allow', 'block'),
    reason: fc.constantFrom('destructive', 'Prompt injection in a page'), tool: fc.constantFrom('Bash', 'Read'),
  }),
);

/** Histories that are played; more by the environment. */
const HISTORIES = Number(process.env['SHIELDWATCH_TEST_HISTORIES'] ?? 20);

let gateway: TestGateway;
let library: BoardLibrary;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  library = await readBoards();
});
afterAll(() => gateway.close());

/** One organisation with one history. */
class Org {
  readonly id: string;
  token = '';

  constructor(seed: number) {
    this.id = `org_r${String(seed)}`;
  }

  async create(): Promise<void> {
    await asRole(gateway.postgres, 'shieldwatch_operator', {}, (tx) => tx.query("INSERT INTO org (id, name, plan, retention_days) VALUES ($1, 'r', 'enterprise', 90)", [this.id]));
    this.token = (await mintToken(gateway.postgres, { orgId: this.id, name: 'all', scopes: [...INGEST_SCOPES, 'read', 'admin'] })).token;
  }

  async post(url: string, payload: string | Buffer): Promise<void> {
    const answer = await gateway.app.inject({ method: 'POST', url, payload, headers: jsonHeaders(this.token) });
    if (answer.statusCode !== 409) expect([url, answer.statusCode, answer.body]).toEqual([url, 200, answer.body]);
  }

  async get<T>(url: string): Promise<T> {
    const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${this.token}` } });
    expect(answer.statusCode, `${url}: ${answer.body}`).toBe(200);
    return answer.json<T>();
  }

  /** Rows of a series, all pages of it. */
  async series(name: string, bucket = ''): Promise<Record<string, unknown>[]> {
    const window = `from=${new Date(FROM).toISOString()}&to=${new Date(NOW).toISOString()}`;
    return (await this.get<{ points: Record<string, unknown>[] }>(`/v1/series/${name}?${window}&limit=1000${bucket === '' ? '' : `&bucket=${bucket}`}`)).points;
  }

  async sql<T extends Record<string, unknown>>(query: string): Promise<T[]> {
    return selectRows<T>(gateway.store.client, query, { org: this.id });
  }

  /** Rows of a panel over the whole history, by column. */
  async panel(name: string, repo: VariableValue = 'all'): Promise<Record<string, unknown>[]> {
    const [board = '', id = ''] = name.split('/');
    const variables = new Map<string, VariableValue>([['org', [this.id]], ['repo', repo], ['agent', 'all'], ['tool', 'all'], ['severity', [...SEVERITIES]], ['confidence', ['active-runtime', 'not told']], ['category', 'all']]);
    const { columns, rows } = await panelData(gateway.store.client, library.panel(`shieldwatch-${board}`, id), { range: { from: FROM, to: NOW }, variables });
    return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index]])));
  }

  /** A number of a stat; null where it has no data. */
  async stat(name: string, column = 0): Promise<number | null> {
    const value = Object.values((await this.panel(name))[0] ?? {})[column];
    return value === null || value === undefined ? null : Number(value);
  }
}

/** Sends every history to an organisation of its own: some data late, some repeated. */
async function play(histories: readonly (readonly HistoryEvent[])[]): Promise<Org[]> {
  const worker = createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 });
  const orgs = histories.map((_, index) => new Org(index));
  for (const org of orgs) await org.create();
  const half = (events: readonly HistoryEvent[]): number => Math.floor(events.length / 2);
  const sendSome = async (isChosen: (index: number, events: readonly HistoryEvent[]) => boolean): Promise<void> => {
    for (const [number, org] of orgs.entries()) {
      const events = histories[number] ?? [];
      for (const [index, each] of events.entries()) if (isChosen(index, events)) await send(org, each, index);
    }
    await worker.tick();
  };
  await sendSome((index, events) => index < half(events));
  // The rest is late for what was computed; some of it all comes again.
  await sendSome((index, events) => index >= half(events) || index % 7 === 0);
  await worker.tick();
  return orgs;
}

async function send(org: Org, event: HistoryEvent, index: number): Promise<void> {
  const time = new Date(event.at + index).toISOString();
  if (event.kind === 'call') {
    const { repo, decision, reason, tool } = event;
    await org.post('/v1/ingest/runtime', JSON.stringify({ repository: repo, sessionId: 's', entries: [{ timestamp: time, tool, decision, reason: `${reason} ${String(index)}`, durationMs: 1 }] }));
    return;
  }
  const digest = `sha256:${String(index).padStart(64, '0')}`;
  const floor = SEVERITIES.indexOf(event.floor);
  const shown = event.found.map((number) => POOL[number]).filter((each) => each !== undefined && SEVERITIES.indexOf(each[1]) <= floor) as (typeof POOL)[number][];
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, shown.filter((each) => each[1] === severity).length])) as Record<Severity, number>;
  const minSeverity = event.floor;
  const grade = event.score >= 90 ? 'A' : event.score >= 75 ? 'B' : event.score >= 60 ? 'C' : event.score >= 40 ? 'D' : 'F';
  if (event.way === 'otlp') {
    const ids = decisionSpanIds(digest);
    const records = shown.map(([id, severity, category]) => ({
      eventName: EVENT_FINDING, ...ids, timeMs: Date.parse(time), severityNumber: 9, severityText: severity,
      attributes: findingAttributes({
        scanId: digest, generatedAt: time, id: `${id}-1`, severity, category, title: id, file: 'CLAUDE.md', fingerprint: `${id}-1::CLAUDE.md::sha256:no-evidence`,
        key: findingKey({ id: `${id}-1`, file: 'CLAUDE.md', fingerprint: '::sha256:no-evidence' }), occurrence: 1,
      }),
    }));
    if (records.length > 0) await org.post('/v1/logs', logsRequest(event.repo, records));
    const attributes = scanAttributes({
      eventId: digest, bundleDigest: digest, generatedAt: time, repository: event.repo, score: event.score, grade, findings: counts, filesScanned: 3, minSeverity,
      agentshieldVersion: '1.6.0', exitCode: 0, provider: 'local', policy: { status: event.policy },
    });
    await org.post('/v1/traces', tracesRequest(event.repo, [{ name: SPAN_SCAN, ...ids, startMs: Date.parse(time), durationMs: 1, attributes }]));
    return;
  }
  await org.post('/v1/ingest/scan', JSON.stringify({
    repository: event.repo, bundleDigest: digest, generatedAt: time, redacted: true, filesScanned: 3, minSeverity, policy: { status: event.policy, policyPack: 'team', violations: 1 },
    report: { score: { grade, numericScore: event.score }, findings: { total: shown.length, ...counts } },
    ...(event.way === 'counts' ? {} : { findings: shown.map(([id, severity, category]) => ({ id: `${id}-${String(index)}`, severity, category, title: id, file: 'CLAUDE.md' })) }),
  }));
}

const sum = (rows: readonly Record<string, unknown>[], column: string): number => rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
const sorted = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value)).sort();
const bySeverity = (rows: readonly { severity: unknown; n?: number }[]): Record<string, number> =>
  Object.fromEntries(SEVERITIES.map((severity) => [severity, rows.filter((row) => row.severity === severity).reduce((total, { n = 1 }) => total + n, 0)]));
/** The last point of each group. */
const lastOf = (rows: readonly Record<string, unknown>[], key: (row: Record<string, unknown>) => string): Record<string, unknown>[] => [...new Map(rows.map((row) => [key(row), row])).values()];

type Posture = z.infer<typeof posture>;
const postureOf = (org: Org, repo: string): Promise<Posture> => org.get<Posture>(`/v1/repo/${encodeURIComponent(repo)}/posture?bucket=hour&from=${new Date(FROM).toISOString()}&to=${new Date(NOW).toISOString()}`);
const newest = async (org: Org): Promise<[string, LatestScan][]> => {
  const { repos } = await org.get<{ repos: { repository: string }[] }>('/v1/repos');
  const all = await Promise.all(repos.map(async ({ repository }) => [repository, (await postureOf(org, repository)).latestScan] as const));
  return all.filter((each): each is [string, LatestScan] => each[1] !== null);
};

/** Every repository that was named. */
const newestOrCalled = async (org: Org): Promise<string[]> => (await org.get<{ repos: { repository: string }[] }>('/v1/repos')).repos.map(({ repository }) => repository);

type Reading = (org: Org) => Promise<unknown>;
/** A quantity: what it is, then each place that shows it. `panel:` names a panel of a board. */
const QUANTITIES: Readonly<Record<string, Readonly<Record<string, Reading>>>> = {
  'calls that were judged: total and blocked': {
    'series hour': async (org) => { const rows = await org.series('blocked_command_rate', 'hour'); return [sum(rows, 'total'), sum(rows, 'blocked')]; },
    'series day': async (org) => { const rows = await org.series('blocked_command_rate', 'day'); return [sum(rows, 'total'), sum(rows, 'blocked')]; },
    'series week': async (org) => { const rows = await org.series('blocked_command_rate', 'week'); return [sum(rows, 'total'), sum(rows, 'blocked')]; },
    'series of the organisation': async (org) => { const rows = await org.series('blocked_command_rate_org', 'day'); return [sum(rows, 'total'), sum(rows, 'blocked')]; },
    'facts': async (org) => { const rows = await org.sql<{ total: number; blocked: number }>("SELECT count() AS total, countIf(decision = 'block') AS blocked FROM runtime_event WHERE org_id = {org:String}"); return [rows[0]?.total, rows[0]?.blocked]; },
    'panel:runtime/2 panel:runtime/3': async (org) => [(await org.stat('runtime/3')) ?? 0, (await org.stat('runtime/2')) ?? 0],
    'panel:posture/2 panel:posture/4': async (org) => { const total = (await org.stat('posture/4')) ?? 0; return [total, Math.round(total * ((await org.stat('posture/2')) ?? 0))]; },
    'panel:runtime/7': async (org) => { const rows = await org.panel('runtime/7'); return [sum(rows, 'decisions'), sum(rows.filter(({ verdict }) => verdict === 'blocked'), 'decisions')]; },
    'GET /v1/repo/{repoId}/posture': async (org) => { const points = (await Promise.all((await newestOrCalled(org)).map((repo) => postureOf(org, repo)))).flatMap(({ runtime }) => runtime.blockedCommandRate); return [sum(points, 'total'), sum(points, 'blocked')]; },
    'panel:runtime/8': async (org) => { const rows = await org.panel('runtime/8'); return [sum(rows, 'total'), sum(rows, 'blocked_calls')]; },
  },
  'injection attempts': {
    'series hour': async (org) => sum(await org.series('injection_attempt_rate', 'hour'), 'attempts'),
    'series day': async (org) => sum(await org.series('injection_attempt_rate', 'day'), 'attempts'),
    'series of the organisation': async (org) => sum(await org.series('injection_attempt_rate_org', 'day'), 'attempts'),
    'panel:runtime/4': async (org) => (await org.stat('runtime/4')) ?? 0,
    'panel:runtime/12': async (org) => { const rows = await org.panel('runtime/12'); return sum(rows, 'by_rule') + sum(rows, 'by_text'); },
  },
  'findings that stand open, by severity': {
    'GET /v1/findings': async (org) => bySeverity((await org.get<{ findings: Finding[] }>('/v1/findings?limit=1000')).findings.map(({ severity, occurrences }) => ({ severity, n: occurrences }))),
    'series open_finding': async (org) => bySeverity((await org.series('open_finding')) as { severity: unknown }[]),
    'series open_finding by hour': async (org) => bySeverity(lastOf(await org.series('open_finding', 'hour'), (row) => `${String(row['repository'])}|${String(row['severity'])}|${String(row['category'])}`).map(({ severity, open }) => ({ severity, n: Number(open) }))),
    'series of the organisation': async (org) => bySeverity(lastOf(await org.series('open_finding_org', 'day'), (row) => `${String(row['severity'])}|${String(row['category'])}`).map(({ severity, open }) => ({ severity, n: Number(open) }))),
    'panel:posture/9': async (org) => bySeverity((await org.panel('posture/9')) as { severity: unknown }[]),
    'panel:repository/9': async (org) => bySeverity((await Promise.all(REPOS.map((repo) => org.panel('repository/9', [repo])))).flat().filter(({ state }) => state !== 'fixed') as { severity: unknown }[]),
    'panel:ledger/9': async (org) => bySeverity((await org.panel('ledger/9')) as { severity: unknown }[]),
  },
  'critical secrets that are exposed': {
    'series secret_exposure_events': async (org) => (await org.series('secret_exposure_events')).filter(({ isOpen }) => isOpen === true).length,
    'open findings': async (org) => (await org.get<{ findings: Finding[] }>('/v1/findings?limit=1000&severity=critical&category=secrets')).findings.length,
    'panel:secrets/1': async (org) => (await org.stat('secrets/1')) ?? 0,
    'panel:secrets/6': async (org) => (await org.panel('secrets/6')).filter(({ state }) => state === 'exposed').length,
  },
  'score of the newest scan, by repository': {
    'GET /v1/repo/{repoId}/posture': async (org) => sorted((await newest(org)).map(([repo, scan]) => [repo, scan.report.score.numericScore])),
    'GET /v1/org/{orgId}/fleet': async (org) => sorted((await org.get<Fleet>(`/v1/org/${org.id}/fleet`)).entries.map(({ repository, score }) => [repository, score])),
    'series repo_route': async (org) => sorted((await org.series('repo_route')).map(({ repository, score }) => [repository, score])),
    'panel:repository/1': async (org) => sorted((await Promise.all((await newest(org)).map(async ([repo]) => [repo, Object.values((await org.panel('repository/1', [repo]))[0] ?? {})[0]])))),
    'panel:fleet/9': async (org) => sorted((await org.panel('fleet/9')).map(({ repo, score }) => [repo, score])),
  },
  'mean score of the organisation': {
    'repositories': async (org) => { const scans = await newest(org); return scans.length === 0 ? null : (scans.reduce((total, [, scan]) => total + Number(scan.report.score.numericScore), 0) / scans.length).toFixed(6); },
    'series score_trend_org': async (org) => { const last = (await org.series('score_trend_org', 'hour')).at(-1); return last === undefined ? null : Number(last['scoreMean']).toFixed(6); },
    'series cross_repo_org_rollup': async (org) => { const last = (await org.series('cross_repo_org_rollup', 'day')).at(-1); return last === undefined ? null : Number(last['scoreMean']).toFixed(6); },
    'panel:fleet/2': async (org) => { const value = await org.stat('fleet/2'); return value === null ? null : value.toFixed(6); },
  },
  'critical findings that the newest scans count': {
    'GET /v1/org/{orgId}/fleet': async (org) => (await org.get<Fleet>(`/v1/org/${org.id}/fleet`)).summary.critical,
    'GET /v1/repo/{repoId}/posture': async (org) => (await newest(org)).reduce((total, [, scan]) => total + scan.report.findings.critical, 0),
    'panel:fleet/3': async (org) => (await org.stat('fleet/3')) ?? 0,
    'panel:posture/3': async (org) => (await org.stat('posture/3')) ?? 0,
    'panel:ledger/1': async (org) => (await org.stat('ledger/1')) ?? 0,
    'panel:fleet/8': async (org) => Number((await org.panel('fleet/8')).at(-1)?.['critical'] ?? 0),
    'panel:ledger/6': async (org) => Number((await org.panel('ledger/6')).at(-1)?.['critical'] ?? 0),
  },
  'high findings that the newest scans count': {
    'GET /v1/org/{orgId}/fleet': async (org) => (await org.get<Fleet>(`/v1/org/${org.id}/fleet`)).summary.high,
    'series cross_repo_org_rollup': async (org) => Number((await org.series('cross_repo_org_rollup', 'hour')).at(-1)?.['high'] ?? 0),
    'panel:ledger/2': async (org) => (await org.stat('ledger/2')) ?? 0,
  },
  'repositories by route': {
    'GET /v1/org/{orgId}/fleet': async (org) => sorted((await org.get<Fleet>(`/v1/org/${org.id}/fleet`)).entries.map(({ repository, route }) => [repository, route])),
    'series repo_route': async (org) => sorted((await org.series('repo_route')).map(({ repository, route }) => [repository, route])),
  },
  'policy failures': {
    'GET /v1/org/{orgId}/fleet': async (org) => (await org.get<Fleet>(`/v1/org/${org.id}/fleet`)).summary.policyFailures,
    'series cross_repo_org_rollup': async (org) => Number((await org.series('cross_repo_org_rollup', 'day')).at(-1)?.['policyFailures'] ?? 0),
    'panel:fleet/4': async (org) => (await org.stat('fleet/4')) ?? 0,
  },
  'state of the fleet': {
    'GET /v1/org/{orgId}/fleet': async (org) => { const { entries, operatorReadback } = await org.get<Fleet>(`/v1/org/${org.id}/fleet`); return entries.length === 0 ? null : operatorReadback.status; },
    'series cross_repo_org_rollup': async (org) => (await org.series('cross_repo_org_rollup', 'day')).at(-1)?.['status'] ?? null,
    'panel:fleet/1': async (org) => Object.values((await org.panel('fleet/1'))[0] ?? {})[0] ?? null,
  },
};

const PLACES = Object.values(QUANTITIES).flatMap((places) => Object.keys(places)).flatMap((place) => [...place.matchAll(/panel:(\S+)/g)].map(([, panel]) => panel ?? ''));
/** Panels that show what no other place shows, or the rows behind a quantity rather than its number. */
const SINGLE: Readonly<Record<string, readonly number[]>> = {
  coverage: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  fleet: [5, 6, 7, 10, 11, 12],
  ledger: [3, 4, 5, 7, 8, 10, 11],
  pipeline: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  posture: [1, 5, 6, 7, 8, 10],
  repository: [2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13],
  runtime: [1, 5, 6, 9, 10, 11, 13],
  secrets: [2, 3, 4, 5, 7, 8],
};

describe('all readings of a quantity', () => {
  it('agree over random histories', async () => {
    const histories = fc.sample(fc.array(event, { minLength: 5, maxLength: 30 }), { seed: 17, numRuns: HISTORIES });
    const disagreements: unknown[] = [];
    for (const [number, org] of (await play(histories)).entries()) {
      for (const [quantity, places] of Object.entries(QUANTITIES)) {
        const readings = new Map<string, string>();
        for (const [place, read] of Object.entries(places)) readings.set(place, JSON.stringify(await read(org)));
        if (new Set(readings.values()).size > 1) disagreements.push({ quantity, ...Object.fromEntries(readings), history: JSON.stringify(histories[number]) });
      }
    }
    expect(disagreements).toEqual([]);
  }, 1_200_000);

  it('are on the list: every panel is a place of a quantity, or the only one', () => {
    const panels = library.all().flatMap(({ uid, panels }) => panels.filter(({ targets }) => targets !== undefined).map(({ id }) => `${uid.replace('shieldwatch-', '')}/${String(id)}`));
    const named = [...new Set(PLACES), ...Object.entries(SINGLE).flatMap(([board, ids]) => ids.map((id) => `${board}/${String(id)}`))];
    expect(named.sort()).toEqual(panels.sort());
  });
});
