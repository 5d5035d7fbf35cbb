import fc from 'fast-check';
import { INGEST_SCOPES } from '#ingest/auth/caller.js';
import { mintToken } from '#ingest/auth/tokens.js';
import { logsRequest, tracesRequest } from '#ingest/report/otlp-json.js';
import { jsonHeaders, type TestGateway } from '#ingest/testing/gateway.js';
import { asRole } from '#schemas/postgres/session.js';
import type { Severity } from '#schemas/records/enums.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { findingAttributes, findingKey } from '#schemas/records/finding.js';
import { scanAttributes } from '#schemas/records/scan.js';
import { EVENT_FINDING, SPAN_SCAN } from '#schemas/semconv.js';

/*
 * Random histories of an organisation, and how they are sent: by REST and by OTLP, in another order than they happened,
 * some of it twice.
 */

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
const HOUR = 3_600_000;
/** Hours that a history lasts; its end is now. */
const HOURS = 120;

/** What may be found in a repository. Two have the same id and file, so they are one finding whose severity changes. */
export const POOL = [
  { id: 'secrets-hardcoded-a', severity: 'critical', category: 'secrets' },
  { id: 'secrets-hardcoded-b', severity: 'critical', category: 'secrets' },
  { id: 'mcp-risky', severity: 'high', category: 'mcp' },
  { id: 'mcp-risky', severity: 'medium', category: 'mcp' },
  { id: 'injection-markdown', severity: 'high', category: 'injection' },
  { id: 'hooks-silent', severity: 'medium', category: 'hooks' },
  { id: 'permissions-wide', severity: 'low', category: 'permissions' },
  { id: 'agents-note', severity: 'info', category: 'agents' },
] as const satisfies readonly { id: string; severity: Severity; category: string }[];

const FILE = 'CLAUDE.md';

/** The key of a finding of the pool as its source makes it: evidence of secrets is withheld. The gateway, which receives no evidence, makes another key of a secret. */
export const keyOf = (
  { id, category }: { id: string; category: string },
  scheme: 'source' | 'gateway' = 'source',
): string => `${id}|${FILE}|sha256:${category === 'secrets' && scheme === 'source' ? 'withheld' : 'no-evidence'}`;

interface Happening {
  readonly repo: string;
  /** Milliseconds since the history began. */
  readonly after: number;
}

export interface ScanEvent extends Happening {
  readonly kind: 'scan';
  /** `rest`: rows without keys; `keyed`: rows with keys; `counts`: no rows; `otlp`: span and log records. */
  readonly way: 'rest' | 'keyed' | 'counts' | 'otlp';
  readonly floor: Severity;
  /** Indices of the pool; one that comes twice is two findings of the same key. */
  readonly found: readonly number[];
  readonly score: number;
  readonly files: number;
  readonly policy: 'passed' | 'failed' | 'not-run';
  readonly baseline: 'passed' | 'regressed';
  readonly risky: number;
  readonly isBroken: boolean;
}

export interface CallEvent extends Happening {
  readonly kind: 'call';
  readonly decision: 'allow' | 'block' | 'ask';
  readonly reason: 'destructive' | 'Prompt injection in a page';
  readonly category: 'injection' | 'exfiltration' | '';
  readonly tool: 'Bash' | 'Read';
  readonly agent: 'claude-code' | '';
  readonly session: 's1' | 's2';
  /** Hooks that judge the same call report the same id; null: the hook reported none. */
  readonly call: number | null;
}

export interface DriftEvent extends Happening {
  readonly kind: 'drift';
  readonly previous: number;
  readonly current: number;
  readonly isRegression: boolean;
  readonly fresh: readonly number[];
  readonly gone: readonly number[];
}

/** A decision about a finding, when all else has arrived. */
export interface TriageEvent extends Happening {
  readonly kind: 'triage';
  readonly finding: number;
  readonly state: 'accepted' | 'muted' | 'open';
}

/** A decision about the review item of a repository's newest scan, after those. */
export interface ReviewEvent extends Happening {
  readonly kind: 'review';
  readonly status: 'approved' | 'dismissed' | 'open';
}

export type Telemetry = ScanEvent | CallEvent | DriftEvent;
export type HistoryEvent = Telemetry | TriageEvent | ReviewEvent;

const repo = fc.constantFrom('app', 'web');
// The last hour often, since alerts look at it; not the 90 minutes around the moment from which a producer counts as silent.
const after = fc
  .oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: (HOURS - 1) * 60 }) },
    { weight: 1, arbitrary: fc.integer({ min: (HOURS - 1) * 60, max: HOURS * 60 - 2 }) },
  )
  .map((minutes) => (Math.abs(minutes - (HOURS - 24) * 60) < 90 ? minutes - 180 : minutes) * 60_000);
const found = fc.array(fc.nat(POOL.length - 1), { maxLength: 7 });
const event: fc.Arbitrary<HistoryEvent> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record<ScanEvent>({
      kind: fc.constant('scan'),
      repo,
      after,
      way: fc.constantFrom('rest', 'keyed', 'counts', 'otlp'),
      floor: fc.constantFrom('info', 'info', 'info', 'high', 'critical'),
      found,
      score: fc.integer({ min: 0, max: 100 }),
      files: fc.constantFrom(3, 3, 3, 3, 3, 0),
      policy: fc.constantFrom('passed', 'failed', 'not-run'),
      baseline: fc.constantFrom('passed', 'passed', 'regressed'),
      risky: fc.constantFrom(0, 0, 1),
      isBroken: fc.constantFrom(false, false, false, false, false, true),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record<CallEvent>({
      kind: fc.constant('call'),
      repo,
      after,
      decision: fc.constantFrom('allow', 'block', 'ask'),
      reason: fc.constantFrom('destructive', 'Prompt injection in a page'),
      category: fc.constantFrom('', '', 'injection', 'exfiltration'),
      tool: fc.constantFrom('Bash', 'Read'),
      agent: fc.constantFrom('claude-code', ''),
      session: fc.constantFrom('s1', 's2'),
      call: fc.option(fc.nat(2)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        kind: fc.constant('drift' as const),
        repo,
        after,
        previous: fc.integer({ min: 0, max: 100 }),
        current: fc.integer({ min: 0, max: 100 }),
        isRegression: fc.boolean(),
        changed: fc.uniqueArray(fc.constantFrom(0, 2, 4, 5, 6), { maxLength: 4 }),
      })
      .map(({ changed, ...drift }): DriftEvent => ({ ...drift, fresh: changed.slice(0, 2), gone: changed.slice(2) })),
  },
  {
    weight: 1,
    arbitrary: fc.record<TriageEvent>({
      kind: fc.constant('triage'),
      repo,
      after,
      finding: fc.nat(POOL.length - 1),
      state: fc.constantFrom('accepted', 'accepted', 'muted', 'open'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record<ReviewEvent>({
      kind: fc.constant('review'),
      repo,
      after,
      status: fc.constantFrom('approved', 'dismissed', 'open'),
    }),
  },
);

/** Histories that one organisation has, each with repositories of its own: its folds are of more than one, and fewer organisations are asked. */
const HISTORIES_AN_ORGANISATION = 5;

/** One organisation's history: events in the order in which they are sent. */
export type History = readonly HistoryEvent[];

const SCANNED = {
  kind: 'scan',
  after: HOUR,
  way: 'keyed',
  floor: 'info',
  found: [],
  score: 80,
  files: 3,
  policy: 'passed',
  baseline: 'passed',
  risky: 0,
  isBroken: false,
} as const;
const BLOCKED = {
  kind: 'call',
  after: HOUR,
  decision: 'block',
  reason: 'destructive',
  category: '',
  tool: 'Bash',
  agent: 'claude-code',
  session: 's1',
  call: null,
} as const;
/**
 * An organisation in which people decided about all there is: it is ready. What remains of a scan whose findings are all
 * accepted is each of the other routes, and two repositories block the same in the same hour.
 */
const DECIDED: History = [
  { ...SCANNED, repo: 'acme/accepted', found: [0] },
  { ...SCANNED, repo: 'acme/accepted-policy', found: [0], policy: 'failed', baseline: 'regressed', risky: 1 },
  { ...SCANNED, repo: 'acme/accepted-regressed', found: [0], baseline: 'regressed', risky: 1 },
  { ...SCANNED, repo: 'acme/accepted-risky', found: [0], risky: 1 },
  { ...SCANNED, repo: 'acme/approved', policy: 'failed' },
  ...['', '-policy', '-regressed', '-risky'].map((remaining): TriageEvent => ({
    kind: 'triage',
    repo: `acme/accepted${remaining}`,
    after: HOUR,
    finding: 0,
    state: 'accepted',
  })),
  ...['accepted-policy', 'accepted-regressed', 'accepted-risky', 'approved'].map((name): ReviewEvent => ({
    kind: 'review',
    repo: `acme/${name}`,
    after: HOUR,
    status: 'approved',
  })),
  { ...BLOCKED, repo: 'acme/accepted' },
  { ...BLOCKED, repo: 'acme/approved' },
];

/** Makes `count` random histories, in as few organisations as hold them. */
export function sampleHistories(count: number, seed: number): History[] {
  const single = fc.sample(fc.array(event, { minLength: 5, maxLength: 25 }), { seed, numRuns: count });
  const all: HistoryEvent[][] = [];
  for (const [number, events] of single.entries()) {
    const organisation = (all[Math.floor(number / HISTORIES_AN_ORGANISATION)] ??= []);
    organisation.push(
      ...events.map((each) => ({ ...each, repo: `acme/${each.repo}-${String(number % HISTORIES_AN_ORGANISATION)}` })),
    );
  }
  // One repository is busy in the last hour, so that alerts have something to judge.
  all[0]?.push(
    ...Array.from({ length: 90 }, (_, index): CallEvent => ({
      kind: 'call',
      repo: 'acme/busy',
      after: (HOURS * 60 - 2 - (index % 45)) * 60_000,
      decision: index % 3 === 0 ? 'block' : 'allow',
      reason: index % 2 === 0 ? 'Prompt injection in a page' : 'destructive',
      category: '',
      tool: 'Bash',
      agent: 'claude-code',
      session: 's1',
      call: null,
    })),
  );
  return [DECIDED, ...all];
}

/** When the histories happen: `from` to `to`, milliseconds since 1970. */
export interface Stage {
  readonly from: number;
  readonly to: number;
}

export function stageAt(now: number): Stage {
  const to = Math.floor(now / 60_000) * 60_000;
  return { from: Math.floor(to / HOUR) * HOUR - HOURS * HOUR, to };
}

/** Moment of an event: whole minutes, and a number of milliseconds that no other event of the history has. */
export function momentOf(stage: Stage, each: HistoryEvent, index: number): number {
  return stage.to - HOURS * HOUR + each.after + index;
}

/** Digest, and so event id, of a scan. */
export const digestOf = (index: number): string => `sha256:${String(index).padStart(64, '0')}`;
/** What a scan shows: of what was found what its floor lets through. */
export function shownBy({ found, floor }: ScanEvent): (typeof POOL)[number][] {
  return found
    .map((number) => POOL[number])
    .filter(
      (each): each is (typeof POOL)[number] =>
        each !== undefined && SEVERITIES.indexOf(each.severity) <= SEVERITIES.indexOf(floor),
    );
}

export function gradeOf(score: number): 'A' | 'B' | 'C' | 'D' | 'F' {
  return score >= 90 ? 'A' : score >= 75 ? 'B' : score >= 60 ? 'C' : score >= 40 ? 'D' : 'F';
}

/** Milliseconds that every decision took. */
export const DECISION_MS = 4;
/** Breakdown of every score that is sent by REST. */
export const PARTS = { secrets: 10, permissions: 20, hooks: 30, mcp: 40, agents: 50 };
export const VERSION = '1.6.0';

/** An organisation that a history is sent to. */
export class Sender {
  readonly id: string;
  readonly #gateway: TestGateway;
  readonly #stage: Stage;
  token = '';

  constructor(gateway: TestGateway, stage: Stage, id: string) {
    this.#gateway = gateway;
    this.#stage = stage;
    this.id = id;
  }

  async create(): Promise<void> {
    const { postgres } = this.#gateway;
    await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
      tx.query("INSERT INTO org (id, name, plan, retention_days) VALUES ($1, 'r', 'enterprise', 90)", [this.id]),
    );
    this.token = (
      await mintToken(postgres, { orgId: this.id, name: 'all', scopes: [...INGEST_SCOPES, 'read', 'admin'] })
    ).token;
  }

  /** Sends telemetry; calls of one repository and session in one request. */
  async send(events: readonly (readonly [index: number, each: Telemetry])[]): Promise<void> {
    const batches = new Map<string, (readonly [number, CallEvent])[]>();
    for (const [index, each] of events) {
      if (each.kind === 'call') {
        const key = JSON.stringify([each.repo, each.session]);
        batches.set(key, [...(batches.get(key) ?? []), [index, each]]);
      } else if (each.kind === 'scan') await this.#sendScan(index, each);
      else await this.#sendDrift(index, each);
    }
    for (const [key, calls] of batches) {
      const [repository, sessionId] = JSON.parse(key) as [string, string];
      const entries = calls.map(([index, call]) => ({
        timestamp: this.#time(index, call),
        tool: call.tool,
        decision: call.decision,
        reason: call.reason,
        durationMs: DECISION_MS,
        ...(call.agent === '' ? {} : { agent: call.agent }),
        ...(call.category === '' ? {} : { ruleCategory: call.category, ruleName: `rule-${call.category}` }),
        ...(call.call === null ? {} : { toolCallId: `c${String(call.call)}` }),
      }));
      await this.#post('/v1/ingest/runtime', { repository, sessionId, entries });
    }
  }

  async triage({ repo: repository, finding, state }: TriageEvent): Promise<void> {
    const named = POOL[finding];
    if (named === undefined) return;
    await this.#decide('PUT', `/v1/repo/${encodeURIComponent(repository)}/findings/triage`, {
      findingKey: keyOf(named),
      state,
      reason: 'decided',
      ...(state === 'accepted' ? { until: new Date(this.#stage.to + 30 * 24 * HOUR).toISOString() } : {}),
    });
  }

  async review({ repo: repository, status }: ReviewEvent): Promise<void> {
    const answer = JSON.parse(
      await this.#decide('GET', `/v1/repo/${encodeURIComponent(repository)}/review-items`),
    ) as unknown;
    // A repository that never reported is an error and has no items.
    for (const { id } of Array.isArray(answer) ? (answer as { id: string }[]) : [])
      await this.#decide('PATCH', `/v1/review-items/${encodeURIComponent(id)}`, { status });
  }

  #time(index: number, each: HistoryEvent): string {
    return new Date(momentOf(this.#stage, each, index)).toISOString();
  }

  async #sendScan(index: number, scan: ScanEvent): Promise<void> {
    const {
      repo: repository,
      floor: minSeverity,
      score,
      files: filesScanned,
      policy,
      baseline,
      risky,
      isBroken,
    } = scan;
    const bundleDigest = digestOf(index);
    const generatedAt = this.#time(index, scan);
    const shown = shownBy(scan);
    const counts = Object.fromEntries(
      SEVERITIES.map((severity) => [severity, shown.filter((each) => each.severity === severity).length]),
    ) as Record<Severity, number>;
    const idAt = (id: string, place: number): string => `${id}-${String(index * 100 + place)}`;
    if (scan.way !== 'otlp') {
      await this.#post('/v1/ingest/scan', {
        repository,
        bundleDigest,
        generatedAt,
        redacted: true,
        filesScanned,
        minSeverity,
        toolVersion: VERSION,
        ...(isBroken ? { ok: false, errors: ['the digest does not verify'] } : {}),
        policy: { status: policy, policyName: 'team', violations: 1 },
        baseline: { status: baseline, newFindings: 0, resolvedFindings: 0, scoreDelta: 0 },
        supplyChain: { totalPackages: 4, riskyPackages: risky, criticalCount: 0, highCount: 0 },
        report: {
          score: { grade: gradeOf(score), numericScore: score, breakdown: PARTS },
          findings: { total: shown.length, ...counts },
        },
        ...(scan.way === 'counts'
          ? {}
          : {
              findings: shown.map((each, place) => ({
                id: idAt(each.id, place),
                severity: each.severity,
                category: each.category,
                title: each.id,
                file: FILE,
                ...(scan.way === 'keyed' ? { findingKey: keyOf(each) } : {}),
              })),
            }),
      });
      return;
    }
    const ids = decisionSpanIds(bundleDigest);
    const occurrences = new Map<string, number>();
    const records = shown.map((each, place) => {
      const key = keyOf(each);
      const occurrence = (occurrences.get(key) ?? 0) + 1;
      occurrences.set(key, occurrence);
      const id = idAt(each.id, place);
      const hash = key.slice(key.lastIndexOf('|') + 1);
      if (findingKey({ id, file: FILE, fingerprint: `::${hash}` }) !== key)
        throw new Error('the pool and the exporter name a finding differently');
      return {
        eventName: EVENT_FINDING,
        ...ids,
        timeMs: Date.parse(generatedAt),
        severityNumber: 9,
        severityText: each.severity,
        attributes: findingAttributes({
          scanId: bundleDigest,
          generatedAt,
          id,
          severity: each.severity,
          category: each.category,
          title: each.id,
          file: FILE,
          fingerprint: `${id}::${FILE}::${hash}`,
          key,
          occurrence,
        }),
      };
    });
    const attributes = scanAttributes({
      eventId: bundleDigest,
      bundleDigest,
      generatedAt,
      repository,
      score,
      grade: gradeOf(score),
      breakdown: PARTS,
      findings: counts,
      filesScanned,
      minSeverity,
      agentshieldVersion: VERSION,
      exitCode: 0,
      provider: 'local',
      policy: { status: policy, name: 'team', violations: 1 },
      baseline: { status: baseline, scoreDelta: 0 },
      supplyChain: { total: 4, risky, critical: 0, high: 0 },
      evidencePack: { redacted: true, integrity: isBroken ? 'suspect' : 'ok' },
      ...(records.length === 0 ? {} : { keyScheme: 'source' }),
    });
    if (records.length > 0) await this.#post('/v1/logs', logsRequest(repository, records));
    await this.#post(
      '/v1/traces',
      tracesRequest(repository, [
        { name: SPAN_SCAN, ...ids, startMs: Date.parse(generatedAt), durationMs: 1, attributes },
      ]),
    );
  }

  async #sendDrift(index: number, drift: DriftEvent): Promise<void> {
    const rows = (numbers: readonly number[]): object[] =>
      numbers.flatMap((number) => {
        const each = POOL[number];
        return each === undefined
          ? []
          : [
              {
                id: `${each.id}-${String(index)}`,
                severity: each.severity,
                category: each.category,
                title: each.id,
                file: FILE,
              },
            ];
      });
    await this.#post('/v1/ingest/drift', {
      repository: drift.repo,
      timestamp: this.#time(index, drift),
      newFindings: rows(drift.fresh),
      resolvedFindings: rows(drift.gone),
      scoreDelta: drift.current - drift.previous,
      previousScore: drift.previous,
      currentScore: drift.current,
      isRegression: drift.isRegression,
      hasCritical: drift.fresh.some((number) => POOL[number]?.severity === 'critical'),
    });
  }

  /** As an owner. A repository that nothing came of is not found. */
  async #decide(method: 'GET' | 'PUT' | 'PATCH', url: string, body?: object): Promise<string> {
    const answer = await this.#gateway.app.asMachine(this.id, method, url, body);
    if (answer.status !== 200 && answer.status !== 404)
      throw new Error(`${method} ${url} answered ${String(answer.status)}: ${answer.body}`);
    return answer.body;
  }

  async #post(url: string, body: object | Buffer): Promise<void> {
    const answer = await this.#gateway.app.inject({
      method: 'POST',
      url,
      headers: jsonHeaders(this.token),
      payload: Buffer.isBuffer(body) ? body : JSON.stringify(body),
    });
    // A scan that is known is 409.
    if (answer.statusCode !== 200 && answer.statusCode !== 409)
      throw new Error(`POST ${url} answered ${String(answer.statusCode)}: ${answer.body}`);
  }
}
