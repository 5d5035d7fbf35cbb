import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { listSetAside, setAsideBy, setAsideControl } from '#deploy/embedded/set-aside.js';
import { createGateway } from '#ingest/app.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { CommandError } from '#schemas/errors.js';
import { openPostgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { decisionAttributes, decisionSpanIds } from '#schemas/records/decision.js';
import { HEADER_ORG_ID, SPAN_DECISION } from '#schemas/semconv.js';
import {
  DATABASE,
  KEY,
  startCollectorUnderTest,
  TENANT,
  type CollectorUnderTest,
  type CollectorUnderTestSettings,
} from '../testing/collector.js';
import { startFaultProxy, type FaultProxy } from '../testing/fault-proxy.js';

const SERVICE = 'set-aside';

/** An export request of log records with these texts. */
function logsOf(texts: readonly string[], service = SERVICE): object {
  const logRecords = texts.map((text) => ({ timeUnixNano: `${Date.now()}000000`, body: { stringValue: text } }));
  return {
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeLogs: [{ logRecords }],
      },
    ],
  };
}

const texts = (count: number, name = 'sound'): string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`);

/** What a test starts is its own, and is stopped when the test ends. */
type Own = Pick<TestContext, 'expect' | 'onTestFinished'>;

describe.skipIf(!hasGo())(`the collector sets aside ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  async function start(
    { onTestFinished }: Own,
    settings: CollectorUnderTestSettings = {},
  ): Promise<CollectorUnderTest> {
    const under = await startCollectorUnderTest(settings);
    onTestFinished(() => under.close());
    return under;
  }

  async function startThroughProxy(t: Own): Promise<{ under: CollectorUnderTest; proxy: FaultProxy }> {
    const proxies: FaultProxy[] = [];
    const under = await start(t, {
      through: async (url) => {
        const proxy = await startFaultProxy(url);
        t.onTestFinished(() => proxy.close());
        proxies.push(proxy);
        return proxy.url;
      },
    });
    const [proxy] = proxies;
    if (proxy === undefined) throw new Error('no proxy');
    return { under, proxy };
  }

  const setAside = (under: CollectorUnderTest): string[] =>
    readdirSync(join(under.queue, 'set-aside')).filter((name) => name.endsWith('.otlp'));
  const bodies = async (under: CollectorUnderTest): Promise<Set<unknown>> =>
    new Set(
      (
        await under.select('SELECT DISTINCT Body FROM otel_logs WHERE ServiceName = {service:String}', {
          service: SERVICE,
        })
      ).map((row) => row['Body']),
    );
  const ends = (under: CollectorUnderTest): number =>
    under.lines.filter((line) => line.startsWith('the collector ended')).length;

  async function settles({ expect }: Own, under: CollectorUnderTest, expected: readonly string[]): Promise<void> {
    await expect
      .poll(
        async () => {
          const stored = await bodies(under);
          return expected.filter((text) => !stored.has(text));
        },
        { timeout: 120_000, interval: 200 },
      )
      .toEqual([]);
  }

  it('one record that the store refuses, and no other record of its batch or of another organisation', async (t) => {
    const { expect } = t;
    const under = await start(t, { env: { SHIELDWATCH_COLLECTOR_METRICS_INTERVAL_MS: '1000' } });
    const client = createClickHouse({ url: under.storeUrl, database: DATABASE });
    await client.command({ query: "ALTER TABLE otel_logs ADD CONSTRAINT takes CHECK Body NOT LIKE 'poison%'" });
    await client.command({
      query: "ALTER TABLE otel_traces ADD CONSTRAINT takes CHECK NOT has(mapValues(SpanAttributes), 'poison')",
    });
    await client.close();
    const secret = `ghp_${'a1B2c3D4e5'.repeat(3)}F6g7h8`;
    const poison = `poison of ${secret}`;
    const neighbours = texts(50, 'neighbour');
    const own = [...texts(60), poison, ...texts(39, 'behind')];
    // Within a second, which makes one batch of them.
    const answers = await Promise.all([
      under.post('logs', logsOf(own)),
      under.post('logs', logsOf(neighbours), { ...TENANT, [HEADER_ORG_ID]: 'org_2' }),
    ]);
    expect(answers).toEqual([200, 200]);
    await settles(t, under, [...own.filter((text) => text !== poison), ...neighbours]);

    await expect.poll(() => setAside(under).length, { timeout: 30_000 }).toBe(1);
    const [file = ''] = setAside(under);
    expect(file).toMatch(/^\d{8}T\d{9}Z-logs-refused469-[0-9a-f]{8}\.otlp$/);
    const path = join(under.queue, 'set-aside', file);
    expect([statSync(path).mode & 0o777, statSync(join(under.queue, 'set-aside')).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
    const content = readFileSync(path);
    expect(content.toString('latin1')).toContain('poison of [REDACTED:github-token]');
    for (const text of [secret, 'sound', 'behind', 'neighbour']) expect(content.toString('latin1')).not.toContain(text);
    expect(under.lines.join('\n')).not.toMatch(/poison/);
    await expect
      .poll(
        async () =>
          (
            await under.select(
              "SELECT sum(Value) AS n, any(Attributes['data_type']) AS signal, any(Attributes['reason']) AS reason FROM otel_metrics_sum WHERE MetricName = 'otelcol_exporter_set_aside'",
            )
          )[0],
        { timeout: 30_000 },
      )
      .toEqual({ n: 1, signal: 'logs', reason: 'refused469' });

    // Of two decisions one.
    const span = (eventId: string, reason: string): object => {
      const timestamp = new Date().toISOString();
      const record = {
        eventId,
        timestamp,
        repository: 'acme/shop',
        sessionId: 's',
        agent: '',
        tool: 'Bash',
        decision: 'block',
        reason,
        durationMs: 1,
        source: 'hook',
      } as const;
      const attributes = Object.entries(decisionAttributes(record)).map(([key, value]) => ({
        key,
        value: { stringValue: String(value) },
      }));
      return {
        ...decisionSpanIds(eventId),
        name: SPAN_DECISION,
        startTimeUnixNano: `${Date.parse(timestamp)}000000`,
        endTimeUnixNano: `${Date.parse(timestamp)}000000`,
        attributes,
      };
    };
    const facts = (): Promise<unknown> => under.select('SELECT event_id, reason FROM runtime_event ORDER BY event_id');
    expect(
      await under.post('traces', {
        resourceSpans: [{ scopeSpans: [{ spans: [span('event-1', 'sound'), span('event-2', 'poison')] }] }],
      }),
    ).toBe(200);
    await expect.poll(() => setAside(under).length, { timeout: 30_000 }).toBe(2);
    await expect.poll(facts, { timeout: 30_000 }).toEqual([{ event_id: 'event-1', reason: 'sound' }]);

    const store = createClickHouse({ url: under.storeUrl, database: DATABASE });
    const postgres = await openPostgres({});
    await migratePostgres(postgres);
    await postgres.query("INSERT INTO org (id, name) VALUES ('org_1', 'one'), ('org_2', 'two')");
    const gateway = await createGateway({
      clickhouse: store,
      postgres,
      collector: { url: under.collector.url, key: KEY },
      countSetAside: () => setAsideBy(under.dataDir).setAside?.files ?? 0,
    });
    t.onTestFinished(async () => {
      await gateway.close();
      await postgres.close();
      await store.close();
    });
    expect((await gateway.inject('/readyz')).json()).toMatchObject({ ok: true, setAside: 2 });
    const lines: string[] = [];
    const control = setAsideControl(gateway, under.dataDir, (line) => lines.push(line));
    const { files } = await listSetAside(under.dataDir);
    expect(files).toMatchObject([
      { name: file, signal: 'logs', reason: 'refused469', bytes: content.length },
      { signal: 'traces', reason: 'refused469' },
    ]);

    // What the store refuses still is set aside again, and nothing is lost meanwhile.
    await control('replay', { name: file });
    await expect
      .poll(async () => (await listSetAside(under.dataDir)).files.map(({ name }) => name), { timeout: 30_000 })
      .toEqual([files[1]?.name, expect.stringMatching(/-logs-refused469-/)]);

    await store.command({ query: 'ALTER TABLE otel_logs DROP CONSTRAINT takes' });
    await store.command({ query: 'ALTER TABLE otel_traces DROP CONSTRAINT takes' });
    const left = (await listSetAside(under.dataDir)).files.map(({ name }) => name);
    const [decision = ''] = left;
    const copy = readFileSync(join(under.queue, 'set-aside', decision));
    // Two at once: one gets a conflict.
    const twice = await Promise.allSettled([
      control('replay', { name: decision }),
      control('replay', { name: decision }),
    ]);
    expect(twice.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    for (const name of left.slice(1))
      expect(await control('replay', { name })).toEqual({ delivered: ['org_1'], deleted: [] });
    await settles(t, under, ['poison of [REDACTED:github-token]']);
    const both = [
      { event_id: 'event-1', reason: 'sound' },
      { event_id: 'event-2', reason: 'poison' },
    ];
    await expect.poll(facts, { timeout: 30_000 }).toEqual(both);
    expect(setAside(under)).toEqual([]);
    expect((await gateway.inject('/readyz')).json()).not.toHaveProperty('setAside');

    // As after a crash between sending and removing the file: sent twice, counted once.
    writeFileSync(join(under.queue, 'set-aside', decision), copy);
    await control('replay', { name: decision });
    await expect
      .poll(
        async () =>
          (
            await under.select(
              "SELECT count() AS n FROM otel_traces WHERE SpanAttributes['shieldwatch.event.id'] = 'event-2'",
            )
          )[0],
        { timeout: 30_000 },
      )
      .toEqual({ n: 2 });
    expect(await facts()).toEqual(both);
    const stamped = await under.select(
      "SELECT DISTINCT OrgId AS org, ResourceAttributes['shieldwatch.tenant.token_id'] AS token, ResourceAttributes['shieldwatch.tenant.repository'] AS repo FROM otel_traces",
    );
    expect(stamped).toEqual([{ org: 'org_1', token: 'tok_1', repo: 'acme/shop' }]);

    // Of a deleted organisation nothing comes back; what is dropped is gone; names that are no file's reach nothing.
    writeFileSync(join(under.queue, 'set-aside', decision), copy);
    await postgres.query("UPDATE org SET deleted_at = now() WHERE id = 'org_1'");
    expect(await control('replay', { name: decision })).toEqual({ delivered: [], deleted: ['org_1'] });
    await postgres.query("UPDATE org SET deleted_at = NULL WHERE id = 'org_1'");
    writeFileSync(join(under.queue, 'set-aside', decision), copy);
    await control('drop', { name: decision });
    expect(setAside(under)).toEqual([]);
    const broken = decision.replace(/[0-9a-f]{8}\.otlp$/, '00000000.otlp');
    writeFileSync(join(under.queue, 'set-aside', broken), 'no OTLP');
    await expect(control('replay', { name: broken })).rejects.toThrow(new RegExp(`^${broken}: `));
    await control('drop', { name: broken });
    for (const name of ['../layout.json', `../set-aside/${decision}`, 'x.otlp', '', decision])
      await expect(control('drop', { name })).rejects.toThrow(CommandError);

    // What every organisation's trail says, and the log.
    const trail = await postgres.query<{ org_id: string; record: string }>(
      "SELECT org_id, record FROM audit_entry WHERE record LIKE '%set_aside%' ORDER BY seq",
    );
    expect(trail.map(({ org_id: org, record }) => [org, (JSON.parse(record) as { action: string }).action])).toEqual([
      ...Array.from({ length: 4 }, () => ['org_1', 'set_aside.replay']),
      ['org_1', 'set_aside.drop'],
    ]);
    expect(lines.filter((line) => line.startsWith('[set-aside] drop '))).toHaveLength(2);

    // What a collector was writing when it ended is still in its queue: not listed, and reported when it is removed.
    writeFileSync(join(under.queue, 'set-aside', `${decision}.part`), 'half');
    expect(await listSetAside(under.dataDir)).toEqual({ files: [], unfinished: 1 });
    await under.restart();
    expect(await listSetAside(under.dataDir)).toEqual({ files: [], unfinished: 0 });
    expect(under.lines.join('\n')).toContain('removes 1 unfinished files of its set-aside folder');
  }, 300_000);

  it.for([
    // As the Go runtime ends it over a stack overflow or an unrecovered panic: with a report.
    ['crashed for the second time', 'SIGABRT', 2],
    ['was killed for the fourth time', 'SIGKILL', 4],
  ] as const)(
    'a request that was alone in flight when the collector %s, and none that were in flight with it before',
    { timeout: 300_000 },
    async ([, signal, count], t) => {
      const { expect } = t;
      const { under, proxy } = await startThroughProxy(t);
      let ended = 0;
      // The supervisor knows a new process when it is healthy, which may be after it has sent.
      const end = async (): Promise<void> => {
        await expect.poll(() => under.collector.pid, { interval: 10 }).not.toBe(ended);
        ended = under.collector.pid;
        process.kill(ended, signal);
      };
      proxy.fault = (body) => {
        if (!body.includes('deadly')) return 'pass';
        void end();
        return 'silent';
      };
      const answers = await Promise.all([
        under.post('logs', logsOf(texts(20))),
        under.post('logs', logsOf(['deadly', 'beside it'])),
        under.post('logs', logsOf(texts(20, 'with it'))),
      ]);
      expect(answers).toEqual([200, 200, 200]);
      await settles(t, under, [...texts(20), ...texts(20, 'with it')]);
      await expect.poll(() => setAside(under)).toEqual([expect.stringMatching(/-logs-crash-[0-9a-f]{8}\.otlp$/)]);
      expect(ends(under)).toBe(count);
      const content = readFileSync(join(under.queue, 'set-aside', setAside(under)[0] ?? ''));
      for (const text of ['deadly', 'beside it']) expect(content.includes(text)).toBe(true);
      expect(content.includes('with it')).toBe(false);
      // It stays up, and takes what comes.
      expect(await under.post('logs', logsOf(['afterwards']))).toBe(200);
      await settles(t, under, ['afterwards']);
      expect(ends(under)).toBe(count);
    },
  );

  it('nothing when other processes kill the collector five times, with the store up and with the store down', async (t) => {
    const { expect } = t;
    const { under, proxy } = await startThroughProxy(t);
    const sent: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { pid } = under.collector;
      proxy.fault = () => (round % 2 === 0 ? 'reset' : 'pass');
      const now = texts(40, `round ${round}`);
      const answers = await Promise.all(now.map((text) => under.post('logs', logsOf([text]))));
      sent.push(...now.filter((_, index) => answers[index] === 200));
      // Under way: the store was asked for it, or has it.
      const before = proxy.happened.get('reset') ?? 0;
      if (round % 2 === 0) await expect.poll(() => proxy.happened.get('reset') ?? 0).toBeGreaterThan(before);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => under.collector.pid).not.toBe(pid);
    }
    proxy.fault = () => 'pass';
    expect(sent.length).toBe(200);
    await settles(t, under, sent);
    expect(setAside(under)).toEqual([]);
  }, 300_000);
});
