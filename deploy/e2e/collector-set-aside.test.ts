import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { HEADER_ORG_ID } from '#schemas/semconv.js';
import { DATABASE, startCollectorUnderTest, TENANT, type CollectorUnderTest, type CollectorUnderTestSettings } from './collector.fixture.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.fixture.js';

const SERVICE = 'set-aside';

/** An export request of log records with these texts. */
function logsOf(texts: readonly string[], service = SERVICE): object {
  const logRecords = texts.map((text) => ({ timeUnixNano: `${Date.now()}000000`, body: { stringValue: text } }));
  return { resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeLogs: [{ logRecords }] }] };
}

const texts = (count: number, name = 'sound'): string[] => Array.from({ length: count }, (_, index) => `${name} ${index}`);

describe.skipIf(!hasGo())(`what would never be stored is set aside ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  const closers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  async function start(settings: CollectorUnderTestSettings = {}): Promise<CollectorUnderTest> {
    const under = await startCollectorUnderTest(settings);
    closers.push(() => under.close());
    return under;
  }

  async function startThroughProxy(): Promise<{ under: CollectorUnderTest; proxy: FaultProxy }> {
    const proxies: FaultProxy[] = [];
    const under = await start({
      through: async (url) => {
        const proxy = await startFaultProxy(url);
        closers.push(() => proxy.close());
        proxies.push(proxy);
        return proxy.url;
      },
    });
    const [proxy] = proxies;
    if (proxy === undefined) throw new Error('no proxy');
    return { under, proxy };
  }

  const setAside = (under: CollectorUnderTest): string[] => readdirSync(join(under.queue, 'set-aside')).filter((name) => name.endsWith('.otlp'));
  const bodies = async (under: CollectorUnderTest): Promise<Set<unknown>> =>
    new Set((await under.select('SELECT DISTINCT Body FROM otel_logs WHERE ServiceName = {service:String}', { service: SERVICE })).map((row) => row['Body']));
  const ends = (under: CollectorUnderTest): number => under.lines.filter((line) => line.startsWith('the collector ended')).length;

  async function settles(under: CollectorUnderTest, expected: readonly string[]): Promise<void> {
    await expect.poll(async () => {
      const stored = await bodies(under);
      return expected.filter((text) => !stored.has(text));
    }, { timeout: 120_000, interval: 200 }).toEqual([]);
  }

  it('one record that the store refuses, and not the others of its batch, its own and another organisation\'s', async () => {
    const under = await start({ env: { SHIELDWATCH_COLLECTOR_METRICS_INTERVAL_MS: '1000' } });
    const client = createClickHouse({ url: under.storeUrl, database: DATABASE });
    await client.command({ query: "ALTER TABLE otel_logs ADD CONSTRAINT takes CHECK Body NOT LIKE 'guilty%'" });
    await client.close();
    const secret = `ghp_${'a1B2c3D4e5'.repeat(3)}F6g7h8`;
    const guilty = `guilty of ${secret}`;
    const neighbours = texts(50, 'neighbour');
    const own = [...texts(60), guilty, ...texts(39, 'behind')];
    // Within a second, which makes one batch of them.
    const answers = await Promise.all([under.post('logs', logsOf(own)), under.post('logs', logsOf(neighbours), { ...TENANT, [HEADER_ORG_ID]: 'org_2' })]);
    expect(answers).toEqual([200, 200]);
    await settles(under, [...own.filter((text) => text !== guilty), ...neighbours]);

    await expect.poll(() => setAside(under).length, { timeout: 30_000 }).toBe(1);
    const [file = ''] = setAside(under);
    expect(file).toMatch(/^\d{8}T\d{9}Z-logs-refused469-[0-9a-f]{8}\.otlp$/);
    const path = join(under.queue, 'set-aside', file);
    expect([statSync(path).mode & 0o777, statSync(join(under.queue, 'set-aside')).mode & 0o777]).toEqual([0o600, 0o700]);
    const content = readFileSync(path);
    expect(content.toString('latin1')).toContain('guilty of [REDACTED:github-token]');
    for (const text of [secret, 'sound', 'behind', 'neighbour']) expect(content.toString('latin1')).not.toContain(text);
    expect(under.lines.join('\n')).not.toMatch(/guilty/);
    await expect.poll(async () => (await under.select("SELECT sum(Value) AS n, any(Attributes['data_type']) AS signal, any(Attributes['reason']) AS reason FROM otel_metrics_sum WHERE MetricName = 'otelcol_exporter_set_aside'"))[0], { timeout: 30_000 })
      .toEqual({ n: 1, signal: 'logs', reason: 'refused469' });

    // As it is, the file is a request: once the store takes it, it can be sent again.
    const mended = createClickHouse({ url: under.storeUrl, database: DATABASE });
    await mended.command({ query: 'ALTER TABLE otel_logs DROP CONSTRAINT takes' });
    await mended.close();
    expect(await under.post('logs', content)).toBe(200);
    await settles(under, ['guilty of [REDACTED:github-token]']);
  }, 300_000);

  it.each([
    // As the Go runtime ends it over a stack overflow or an unrecovered panic: with a report.
    ['crashed for the second time', 'SIGABRT', 2],
    ['was killed for the fourth time', 'SIGKILL', 4],
  ] as const)('a request that was alone under way when the collector %s, and not those that were with it at first', async (_, signal, count) => {
    const { under, proxy } = await startThroughProxy();
    let ended = 0;
    // The supervisor knows a new process when it is healthy, which may be after it has sent.
    const end = async (): Promise<void> => {
      await expect.poll(() => under.collector.pid, { timeout: 20_000, interval: 10 }).not.toBe(ended);
      ended = under.collector.pid;
      process.kill(ended, signal);
    };
    proxy.fault = (body) => {
      if (!body.includes('deadly')) return 'pass';
      void end();
      return 'silent';
    };
    const answers = await Promise.all([under.post('logs', logsOf(texts(20))), under.post('logs', logsOf(['deadly', 'beside it'])), under.post('logs', logsOf(texts(20, 'with it')))]);
    expect(answers).toEqual([200, 200, 200]);
    await settles(under, [...texts(20), ...texts(20, 'with it')]);
    await expect.poll(() => setAside(under), { timeout: 60_000 }).toEqual([expect.stringMatching(/-logs-crash-[0-9a-f]{8}\.otlp$/)]);
    expect(ends(under)).toBe(count);
    const content = readFileSync(join(under.queue, 'set-aside', setAside(under)[0] ?? ''));
    for (const text of ['deadly', 'beside it']) expect(content.includes(text)).toBe(true);
    expect(content.includes('with it')).toBe(false);
    // It stays up, and takes what comes.
    expect(await under.post('logs', logsOf(['afterwards']))).toBe(200);
    await settles(under, ['afterwards']);
    expect(ends(under)).toBe(count);
  }, 300_000);

  it('and nothing of a collector that is killed by others, five times, while the store is there and while it is not', async () => {
    const { under, proxy } = await startThroughProxy();
    const sent: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { pid } = under.collector;
      proxy.fault = () => (round % 2 === 0 ? 'reset' : 'pass');
      const now = texts(40, `round ${round}`);
      const answers = await Promise.all(now.map((text) => under.post('logs', logsOf([text]))));
      sent.push(...now.filter((_, index) => answers[index] === 200));
      // Under way: the store was asked for it, or has it.
      const before = proxy.happened.get('reset') ?? 0;
      if (round % 2 === 0) await expect.poll(() => proxy.happened.get('reset') ?? 0, { timeout: 60_000 }).toBeGreaterThan(before);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => under.collector.pid, { timeout: 60_000 }).not.toBe(pid);
    }
    proxy.fault = () => 'pass';
    expect(sent.length).toBe(200);
    await settles(under, sent);
    expect(setAside(under)).toEqual([]);
  }, 300_000);
});
