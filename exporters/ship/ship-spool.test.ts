import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { CommandError } from '#schemas/errors.js';
import {
  ATTR_DECISION,
  ATTR_EVENT_ID,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_SECURITY_RULE_CATEGORY,
  SPAN_DECISION,
} from '#schemas/semconv.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { spoolLine } from '../testing/spool-lines.js';
import { shipSpool, type ShipOptions } from './ship-spool.js';
import type { ShipResult } from './shipment.js';

const TODAY = `decisions-${new Date().toISOString().slice(0, 10)}-000000.ndjson`;

let server: OtlpServer;
let spool: string;

beforeEach(async () => {
  server = await OtlpServer.start();
  spool = mkdtempSync(join(tmpdir(), 'shieldwatch-spool-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

function write(lines: string, file = TODAY): void {
  appendFileSync(join(spool, file), lines);
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => spoolLine(from + index)).join('');
}

const ship = (options: Partial<ShipOptions> = {}): Promise<ShipResult> =>
  shipSpool({ spoolDir: spool, url: server.url, token: 'eccp_test', ...options });

const arrived = (): unknown[] => server.spans.map((span) => span.values[ATTR_EVENT_ID]);

describe('ship', () => {
  it('delivers 5,000 lines in batches, each after the acknowledgement of the one before', async () => {
    write(lines(0, 5000));
    const progress: number[] = [];
    const result = await ship({ onProgress: ({ sent }) => progress.push(sent) });
    expect(result).toEqual({
      sent: 5000,
      blocked: 0,
      allowed: 5000,
      skipped: 0,
      dropped: 0,
      rejected: 0,
      files: 1,
      warnings: [],
    });
    expect(new Set(arrived()).size).toBe(5000);
    expect(server.spans).toHaveLength(5000);
    expect(progress).toEqual([500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000]);
  });

  it('makes a span of a record: stable ids, the record’s time, its repository on the resource', async () => {
    write(
      spoolLine(7, {
        repository: 'group/sub/app',
        decision: 'block',
        reason: 'no',
        ruleName: 'deny[0]:Bash',
        ruleCategory: 'egress',
        toolCallId: 'toolu_1',
      }),
    );
    await ship();
    const [span] = server.spans;
    expect(span).toMatchObject({
      name: SPAN_DECISION,
      ...decisionSpanIds('event-7'),
      startTimeUnixNano: String(BigInt(Date.UTC(2026, 10, 24, 8, 0, 0, 7)) * 1_000_000n),
      endTimeUnixNano: String(BigInt(Date.UTC(2026, 10, 24, 8, 0, 0, 7)) * 1_000_000n + 1_500_000n),
      resource: { 'service.name': 'shieldwatch', 'vcs.owner.name': 'group/sub', 'vcs.repository.name': 'app' },
      values: {
        [ATTR_DECISION]: 'block',
        [ATTR_SECURITY_RULE_CATEGORY]: 'egress',
        [ATTR_GEN_AI_TOOL_CALL_ID]: 'toolu_1',
      },
    });
    expect(server.requests[0]).toMatchObject({ path: '/v1/traces', authorization: 'Bearer eccp_test' });
    expect(server.points).toEqual(['agentshield.decisions{tool=Bash,decision=block} = 1']);
  });

  it('keeps repositories apart on spans and counters', async () => {
    write(spoolLine(1) + spoolLine(2, { repository: 'acme/web' }) + spoolLine(3, { tool: 'Read' }) + spoolLine(4));
    await ship();
    expect(server.spans.map(({ resource }) => resource['vcs.repository.name']).sort()).toEqual([
      'app',
      'app',
      'app',
      'web',
    ]);
    expect(server.points).toEqual([
      'agentshield.decisions{tool=Bash,decision=allow} = 1',
      'agentshield.decisions{tool=Bash,decision=allow} = 2',
      'agentshield.decisions{tool=Read,decision=allow} = 1',
    ]);
  });

  it('resumes where it stopped, and waits for a torn last line to be complete', async () => {
    const torn = spoolLine(3);
    write(lines(0, 3) + torn.slice(0, 40));
    expect((await ship()).sent).toBe(3);
    write(torn.slice(40) + spoolLine(4));
    expect((await ship()).sent).toBe(2);
    expect((await ship()).sent).toBe(0);
    expect(arrived()).toEqual(['event-0', 'event-1', 'event-2', 'event-3', 'event-4']);
  });

  it('counts and skips lines that are no records', async () => {
    write(`${spoolLine(0)}{"eventId":\n\n{"eventId":"x"}\n${'y'.repeat(700_000)}\n${spoolLine(1)}`);
    expect(await ship()).toMatchObject({ sent: 2, skipped: 3 });
    expect(arrived()).toEqual(['event-0', 'event-1']);
  });

  it('keeps a record of a newer hook without its unknown fields', async () => {
    write(spoolLine(0, { newField: 1 } as object));
    expect(await ship()).toMatchObject({ sent: 1, skipped: 0 });
  });

  it('scrubs every field of a spool line', async () => {
    write(
      spoolLine(0, {
        reason: 'used sk-ant-api03-canarycanarycanary',
        tool: 'mcp-ghp_0123456789abcdefghij',
        repository: 'acme/glpat-0123456789abcdefghij',
      }),
    );
    await ship();
    expect(server.requests.map(({ text }) => text).join('')).not.toMatch(/canary|0123456789abcdefghij/);
  });

  it('--all sends everything again under the same event ids, without counters', async () => {
    write(lines(0, 3));
    await ship();
    const points = server.points;
    expect((await ship({ all: true })).sent).toBe(3);
    expect(arrived()).toHaveLength(6);
    expect(new Set(server.spans.map(({ spanId }) => spanId)).size).toBe(3);
    expect(server.points).toEqual(points);
    expect((await ship()).sent).toBe(0);
  });

  it('neither waits for a log that is a pipe nor reads an endless one', async () => {
    write(lines(0, 3));
    const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-no-log-'));
    const [pipe, endless] = [join(folder, 'pipe', 'runtime.ndjson'), join(folder, 'endless', 'runtime.ndjson')];
    for (const log of [pipe, endless]) mkdirSync(dirname(log));
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    symlinkSync('/dev/zero', endless);
    expect((await ship({ runtimeLogs: [pipe, endless] })).sent).toBe(3);
  });

  it('reads a rotated stock log to its end, from wherever it had stopped', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-rotated-'));
    const log = join(folder, 'runtime.ndjson');
    const entry = (number: number): string =>
      `${JSON.stringify({ timestamp: '2026-11-24T08:00:00.000Z', tool: `Tool${String(number)}`, decision: 'allow', durationMs: 1 })}\n`;
    const append = (file: string, ...numbers: number[]): void => {
      appendFileSync(file, numbers.map(entry).join(''));
    };
    const shipLog = async (): Promise<number> => (await ship({ runtimeLogs: [log] })).sent;
    const tools = (): unknown[] => server.spans.map(({ values }) => values['gen_ai.tool.name']);
    // An unrelated file beside it.
    writeFileSync(join(folder, 'runtime-policy.json'), '{}\n');
    append(join(folder, 'runtime.ndjson.9'), 90);
    utimesSync(join(folder, 'runtime.ndjson.9'), 1_700_000_000, 1_700_000_000);
    append(log, 0, 1);
    expect(await shipLog()).toBe(2);

    append(log, 2, 3);
    renameSync(log, `${log}.1`);
    append(log, 4);
    server.respond = () => ({ status: 503, headers: { 'retry-after': '3600' } });
    await expect(ship({ runtimeLogs: [log], deadlineMs: 100 })).rejects.toThrow();
    server.respond = () => undefined;
    append(`${log}.1`, 5);
    expect(await shipLog()).toBe(4);
    expect(new Set(tools())).toEqual(new Set([0, 1, 2, 3, 5, 4].map((number) => `Tool${String(number)}`)));

    // Twice while nobody looked: the one between was never seen.
    append(log, 6);
    renameSync(log, join(folder, 'runtime.2.ndjson'));
    append(log, 7);
    renameSync(log, join(folder, 'runtime.3.ndjson'));
    expect(await shipLog()).toBe(2);
    append(log, 8);
    expect(await shipLog()).toBe(1);
    expect(await shipLog()).toBe(0);
    expect(new Set(server.spans.map(({ spanId }) => spanId)).size).toBe(9);
  });

  it('deletes a shipped file a week after its day, and keeps younger ones', async () => {
    write(lines(0, 2), 'decisions-2026-01-01-000000.ndjson');
    write(`${spoolLine(2)}{"torn`, 'decisions-2026-01-02-000000.ndjson');
    write(spoolLine(3));
    for (const file of readdirSync(spool))
      if (file !== TODAY) utimesSync(join(spool, file), 1_767_300_000, 1_767_300_000);
    expect(await ship()).toMatchObject({ sent: 4, files: 3, skipped: 1 });
    expect(readdirSync(spool).sort()).toEqual([TODAY, 'offsets.json']);
  });

  it('sends and creates nothing when there is no spool', async () => {
    const missing = join(spool, 'missing');
    expect(await ship({ spoolDir: missing })).toMatchObject({ sent: 0, files: 0 });
    expect(existsSync(missing)).toBe(false);
  });

  it('restarts on a replaced file and on unreadable offsets', async () => {
    write(lines(0, 3));
    await ship();
    writeFileSync(join(spool, TODAY), spoolLine(9));
    expect((await ship()).sent).toBe(1);
    writeFileSync(join(spool, 'offsets.json'), '{');
    expect((await ship()).sent).toBe(1);
  });
});

describe('ship failures', () => {
  it('retries 429, 502, 503 and 504 and then delivers everything once', async () => {
    write(lines(0, 3));
    const refusals = [429, 502, 503, 504];
    // Retry-After 0: at once.
    server.respond = (_, index) =>
      index < refusals.length ? { status: refusals[index] ?? 0, headers: { 'retry-after': '0' } } : undefined;
    expect((await ship()).sent).toBe(3);
    expect(arrived()).toEqual(['event-0', 'event-1', 'event-2']);
  });

  it('gives up when Retry-After lies beyond the deadline, and keeps the records', async () => {
    write(lines(0, 1));
    server.respond = () => ({ status: 503, headers: { 'retry-after': '3600' } });
    await expect(ship({ deadlineMs: 2000 })).rejects.toThrow(/kept answering that it cannot take data now/);
    expect(server.requests).toHaveLength(1);
    server.respond = () => undefined;
    expect((await ship()).sent).toBe(1);
  });

  it('names status and the server’s message, and keeps what was not acknowledged', async () => {
    write(lines(0, 700));
    server.respond = ({ path }, index) =>
      path === '/v1/traces' && index > 0
        ? { status: 401, body: '{"ok":false,"error":{"code":"token_invalid","message":"the token is not known"}}' }
        : undefined;
    const failure = await ship().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandError);
    expect((failure as Error).message).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ answered 401 Unauthorized: the token is not known$/,
    );
    server.respond = () => undefined;
    expect((await ship()).sent).toBe(200);
    expect(new Set(arrived()).size).toBe(700);
    expect(arrived()).toHaveLength(700);
  });

  it('reports a backend that does not answer', async () => {
    write(lines(0, 1));
    await server.stop();
    await expect(ship({ deadlineMs: 500 })).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
    server = await OtlpServer.start();
  });

  it('reports records that the server rejected', async () => {
    write(lines(0, 3));
    server.respond = ({ path }) =>
      path === '/v1/traces'
        ? { status: 200, body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}' }
        : undefined;
    expect(await ship()).toMatchObject({ sent: 1, rejected: 2, warnings: ['the server refused 2 records: too old'] });
  });

  it('does not fail when counters are refused, and tries them once', async () => {
    write(lines(0, 1200));
    server.respond = ({ path }) =>
      path === '/v1/metrics' ? { status: 404, body: '{"message":"no metrics here"}' } : undefined;
    const { sent, warnings } = await ship();
    expect([sent, warnings]).toEqual([
      1200,
      [expect.stringMatching(/counters were not accepted: .*404.*no metrics here/)],
    ]);
    expect(server.requests.filter(({ path }) => path === '/v1/metrics')).toHaveLength(1);
  });

  it('allows one shipper per spool, and takes over from a dead one', async () => {
    write(lines(0, 1));
    // Either may be the one that works; the other may have looked before the first had written who it is.
    const outcomes = await Promise.allSettled([ship(), ship()]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : ''))).toContainEqual(
      expect.stringMatching(/another ship (or agent \(process (\d+|unknown)\)|has just started)/),
    );
    // No process has this id: Linux and macOS give smaller ones.
    writeFileSync(join(spool, 'ship.lock'), '99999999\n');
    write(spoolLine(5));
    expect((await ship()).sent).toBe(1);
    expect(existsSync(join(spool, 'ship.lock'))).toBe(false);
  });

  it('refuses a wrong URL or token without showing them', async () => {
    await expect(ship({ url: 'ftp://user:hunter2@h' })).rejects.toThrow(
      /^the Shieldwatch URL is not an http or https URL/,
    );
    await expect(ship({ token: 'eccp_hunter2\nx: y' })).rejects.toThrow(/^the token contains invalid characters/);
  });

  it('never sends OTEL_EXPORTER_OTLP_HEADERS', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-vendor-key=canary,authorization=Bearer other');
    write(lines(0, 1));
    await ship();
    expect(server.requests[0]?.headers['x-vendor-key']).toBeUndefined();
    expect(server.requests[0]?.authorization).toBe('Bearer eccp_test');
    expect(process.env['OTEL_EXPORTER_OTLP_HEADERS']).toContain('canary');
  });
});

it('the offsets file is private and names byte offsets', async () => {
  write(lines(0, 2));
  await ship();
  const size = Buffer.byteLength(lines(0, 2));
  expect(JSON.parse(readFileSync(join(spool, 'offsets.json'), 'utf8'))).toEqual({
    version: 1,
    files: { [TODAY]: size },
  });
});
