import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DriftRecord } from '#schemas/mapping/drift.js';
import { findingsWithout, type FindingRecord } from '#schemas/records/finding.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_EVENT_ID, SPAN_DRIFT, SPAN_SCAN } from '#schemas/semconv.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { RestServer } from '../testing/rest-server.js';
import { startWatch, type RunningWatch, type WatchOptions } from './run-watch.js';

let server: OtlpServer;
let dir: string;
let drifts: DriftRecord[];
let said: string[];
let watching: RunningWatch | undefined;

beforeEach(async () => {
  server = await OtlpServer.start();
  dir = join(mkdtempSync(join(tmpdir(), 'shieldwatch-watch-')), 'risky');
  cpSync(join(packageRoot(), 'deploy', 'demo', 'repos', 'risky'), dir, { recursive: true });
  drifts = [];
  said = [];
});

afterEach(async () => {
  await watching?.stop();
  watching = undefined;
  await server.stop();
});

async function start(options: Partial<WatchOptions> = {}): Promise<void> {
  watching = await startWatch({
    dir,
    url: server.url,
    token: 'eccp_test',
    repository: 'acme/risky',
    debounceMs: 100,
    outboxDir: join(dir, '..', 'outbox'),
    say: (line) => said.push(line),
    onDrift: (drift) => drifts.push(drift),
    ...options,
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}; said: ${said.join(' | ')}`);
    await sleep(20);
  }
}

const claude = (): string => readFileSync(join(dir, 'CLAUDE.md'), 'utf8');
const driftSpans = (): typeof server.spans => server.spans.filter(({ name }) => name === SPAN_DRIFT);
const SECRET = ['ANTHROPIC_API_KEY=sk-ant-', 'api03-watchAAAAwatchAAAAwatch'].join('');

describe('watch', () => {
  it('sends new and resolved findings, and no drift for lines that moved', async () => {
    await start();
    // One comment line on top: AgentShield's own comparison has 11 new and 11 resolved.
    writeFileSync(join(dir, 'CLAUDE.md'), `<!-- one more line -->\n${claude()}`);
    await sleep(1500); // long enough for a scan that finds nothing; what comes next shows that there was none
    writeFileSync(join(dir, 'CLAUDE.md'), `${claude()}\n${SECRET}\n`);
    await until('the secret', () => driftSpans().length === 1);
    expect(drifts).toHaveLength(1);
    const [span] = driftSpans();
    const [drift] = drifts;
    expect(drift).toMatchObject({
      repository: 'acme/risky',
      isRegression: true,
      hasCritical: true,
      resolvedFindings: [],
    });
    expect(span?.values).toMatchObject({
      [ATTR_EVENT_ID]: drift?.eventId,
      'agentshield.drift.score.previous': drift?.previousScore,
      'agentshield.drift.score.current': drift?.currentScore,
      'agentshield.drift.score.delta': (drift?.currentScore ?? 0) - (drift?.previousScore ?? 0),
      'agentshield.drift.is_regression': true,
      'agentshield.drift.has_critical': true,
      'agentshield.drift.findings.new': drift?.newFindings.length,
      'agentshield.drift.findings.resolved': 0,
      'agentshield.drift.timestamp': drift?.timestamp,
    });
    const events = (span?.events ?? []) as { name: string }[];
    expect(events.map(({ name }) => name)).toEqual(drift?.newFindings.map(() => 'agentshield.finding.new'));
    expect(JSON.stringify(server.requests.map(({ text }) => text))).not.toContain('watchAAAA');

    writeFileSync(join(dir, 'CLAUDE.md'), claude().replace(SECRET, ''));
    await until('its end', () => driftSpans().length === 2);
    expect(drifts[1]).toMatchObject({
      isRegression: false,
      hasCritical: false,
      newFindings: [],
      resolvedFindings: { length: drift?.newFindings.length },
    });
    // Each scan that differs has been sent as well: at the start, with the secret, without it.
    expect(server.spans.filter(({ name }) => name === SPAN_SCAN)).toHaveLength(3);
  });

  it('keeps changes while the backend is down', async () => {
    let isAway = true;
    server.respond = () => (isAway ? { status: 503 } : undefined);
    await start({ deadlineMs: 300 });
    writeFileSync(join(dir, 'CLAUDE.md'), `${claude()}\n${SECRET}\n`);
    await until('a drift', () => drifts.length === 1);
    await until('a word about it', () => said.some((line) => line.startsWith('not sent')));
    isAway = false;
    await until('the drift', () => driftSpans().length === 1);
    await watching?.drained();
    expect(server.spans.map(({ name }) => name)).toEqual([SPAN_SCAN, SPAN_SCAN, SPAN_DRIFT]);
  });

  it('keeps changes on disk: sends them at the next start after a kill during an outage', async () => {
    const home = join(dir, '..', 'home');
    const run = (): ChildProcess =>
      spawn(
        process.execPath,
        [
          join(packageRoot(), 'dist', 'exporters', 'cli.js'),
          'watch',
          dir,
          '--repository',
          'acme/risky',
          '--debounce',
          '100',
        ],
        {
          env: {
            PATH: process.env['PATH'] ?? '',
            HOME: home,
            SHIELDWATCH_URL: server.url,
            SHIELDWATCH_TOKEN: 'eccp_test',
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
    const waiting = (): string[] =>
      existsSync(join(home, '.shieldwatch'))
        ? readdirSync(join(home, '.shieldwatch'), { recursive: true, encoding: 'utf8' }).filter((name) =>
            name.endsWith('.json'),
          )
        : [];
    server.respond = () => ({ status: 503 });
    const killed = run();
    killed.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text));
    await until('it watches', () => said.some((line) => line.includes('watching')));
    writeFileSync(join(dir, 'CLAUDE.md'), `${claude()}\n${SECRET}\n`);
    await until('two things wait', () => waiting().length === 2);
    killed.kill('SIGKILL');
    for (const name of waiting())
      expect(readFileSync(join(home, '.shieldwatch', name), 'utf8')).not.toContain('watchAAAA');
    server.respond = () => undefined;

    const again = run();
    // The first scan, the one with the secret and its drift, and the scan of the second start.
    await until('all of it', () => new Set(server.spans.map(({ spanId }) => spanId)).size === 4);
    await until('nothing waits', () => waiting().length === 0);
    expect(driftSpans()).toHaveLength(1);
    again.kill('SIGTERM');
    await new Promise((resolve) => again.once('exit', resolve));
  });

  it('skips files that it cannot read', async () => {
    const outbox = join(dir, '..', 'outbox');
    mkdirSync(outbox);
    writeFileSync(join(outbox, '000000000000001-000001.json'), '{"scan":');
    await start();
    await until('the scan', () => server.spans.length === 1);
    expect(said).toEqual([expect.stringContaining('cannot be read and is skipped')]);
    await until('nothing waits', () => readdirSync(outbox).length === 0);
  });

  it('posts the drift by REST with --rest', async () => {
    const rest = await RestServer.start();
    await start({ url: rest.url, via: 'rest' });
    writeFileSync(join(dir, 'CLAUDE.md'), `${claude()}\n${SECRET}\n`);
    await until('the drift', () => rest.requests.some(({ path }) => path === '/v1/ingest/drift'));
    await rest.stop();
    const body = rest.requests.find(({ path }) => path === '/v1/ingest/drift')?.body ?? {};
    expect(Object.keys(body).sort()).toEqual([
      'currentScore',
      'hasCritical',
      'isRegression',
      'newFindings',
      'previousScore',
      'repository',
      'resolvedFindings',
      'scoreDelta',
      'timestamp',
    ]);
    expect(Object.keys((body['newFindings'] as object[])[0] ?? {}).sort()).toEqual([
      'category',
      'file',
      'fingerprint',
      'id',
      'severity',
      'title',
    ]);
  });
});

describe('comparison', () => {
  const finding = (key: string): FindingRecord => ({
    scanId: 's',
    generatedAt: '',
    id: key,
    severity: 'low',
    category: 'mcp',
    title: key,
    file: 'f',
    fingerprint: '',
    key,
    occurrence: 1,
  });
  const findings = fc.array(fc.constantFrom('a', 'b', 'c').map(finding), { maxLength: 8 });

  it('compares multisets: returns the surplus of either side, in any order', () => {
    fc.assert(
      fc.property(findings, findings, (before, after) => {
        const [added, resolved] = [findingsWithout(after, before), findingsWithout(before, after)];
        const count = (all: readonly FindingRecord[], key: string): number =>
          all.filter((one) => one.key === key).length;
        for (const key of ['a', 'b', 'c']) {
          const difference = count(after, key) - count(before, key);
          expect([count(added, key), count(resolved, key)]).toEqual([
            Math.max(0, difference),
            Math.max(0, -difference),
          ]);
        }
        expect(findingsWithout([...after].reverse(), [...before].reverse())).toHaveLength(added.length);
      }),
    );
  });
});
