import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { DEMO_COMMAND_SECRET } from '#deploy/demo/calls.js';
import type { DemoReport } from '#deploy/demo/demo.js';
import { DEMO_FILE_SECRET } from '#deploy/demo/edits.js';
import { runShieldwatch } from '#deploy/demo/run-cli.js';
import { record } from '#exporters/hook/record.js';
import { createClickHouse, selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

/** What a planted secret would look like: of the demo's own, and of the sample repositories (all fake). */
const SECRETS = [
  DEMO_COMMAND_SECRET,
  DEMO_FILE_SECRET,
  'FakeDbPass123',
  'FakePassw0rd-not-real',
  'AKIAFAKEFAKEFAKE0000',
  'ghp_FAKEfakeFAKEfake',
  'FAKE-not-a-real-token-000000000000',
  'sk-ant-api03-FAKEFAKE',
];

/** Counts of everything that landed, by table and kind: what both paths must agree on. Without the collector's own metrics. */
async function landed(client: ClickHouseClient): Promise<unknown> {
  return selectRows(
    client,
    `SELECT * FROM (
       SELECT 'span' AS kind, toString(SpanName) AS name, count() AS rows FROM otel_traces GROUP BY name
       UNION ALL SELECT 'log', EventName, count() FROM otel_logs GROUP BY EventName
       UNION ALL SELECT 'gauge', toString(MetricName), count() FROM otel_metrics_gauge WHERE ServiceName != 'shieldwatch-collector' GROUP BY MetricName
       UNION ALL SELECT 'sum', toString(MetricName), sum(toUInt64(Value)) FROM otel_metrics_sum WHERE ServiceName != 'shieldwatch-collector' GROUP BY MetricName
       UNION ALL SELECT 'fact', 'finding', count() FROM finding
       UNION ALL SELECT 'quarantine', toString(problem), count() FROM quarantine GROUP BY problem
     ) ORDER BY kind, name`,
  );
}

/** Returns every string of every Shieldwatch table, as text. */
async function dump(client: ClickHouseClient): Promise<string> {
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'`,
  );
  const texts = await Promise.all(
    tables.map(async ({ name }) =>
      (
        await client.query({ query: 'SELECT * FROM {name:Identifier}', query_params: { name }, format: 'JSONEachRow' })
      ).text(),
    ),
  );
  return texts.join('\n');
}

/** Names of the files under a folder that hold one of the texts. */
async function filesHolding(folder: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (texts.some((text) => bytes.includes(text))) found.push(path);
  }
  return found;
}

const results = new Map<boolean, { report: DemoReport; landed: unknown }>();

describe.each([
  { path: 'without the collector', withCollector: false },
  { path: hasGo() ? 'with the collector' : 'with the collector (NOT RUN: no Go)', withCollector: true },
])('the main path $path', ({ withCollector }) => {
  const isRun = !withCollector || hasGo();
  let stack: RunningStack;
  let client: ClickHouseClient;
  let workspace: string;
  beforeAll(async () => {
    if (!isRun) return;
    workspace = await mkdtemp(join(tmpdir(), 'shieldwatch-path-'));
    stack = await startStackProcess({ withCollector });
    client = createClickHouse({ url: stack.readerUrl });
  });
  afterAll(async () => {
    if (!isRun) return;
    await client.close();
    await stack.dispose();
    await rm(workspace, { recursive: true, force: true });
  });

  async function environment(spoolDir: string): Promise<Record<string, string>> {
    return {
      SHIELDWATCH_URL: stack.status.gateway,
      SHIELDWATCH_TOKEN: await stack.token('ingest:scan', 'ingest:runtime'),
      SHIELDWATCH_SPOOL_DIR: spoolDir,
    };
  }
  const scalar = async (query: string): Promise<number> => (await selectRows<{ n: number }>(client, query))[0]?.n ?? 0;

  it.runIf(isRun)('shows in the API what AgentShield and the spool contain', async () => {
    expect('url' in stack.status.collector).toBe(withCollector);
    const demo = await runShieldwatch(['demo', '--data-dir', stack.dataDir, '--json', '--calls', '100'], {
      cwd: workspace,
      env: {},
    });
    expect(demo.stderr + demo.stdout).not.toContain('expected');
    expect(demo.code).toBe(0);
    const report = JSON.parse(demo.stdout) as DemoReport;
    expect(report.differences).toEqual([]);
    expect(report.scans.length).toBe(7);
    expect(report.decisions.reduce((sum, row) => sum + row.allowed + row.blocked, 0)).toBe(100);
    // What a path has landed by itself is there when the demo ends; the collector's comes after its answers.
    const own = results.get(false)?.landed;
    if (own !== undefined) await expect.poll(() => landed(client)).toEqual(own);
    results.set(withCollector, { report, landed: await landed(client) });
  });

  it.runIf(isRun)('accepts 1,000 findings of one scan', async () => {
    const agents = join(workspace, 'many/.claude/agents');
    await mkdir(agents, { recursive: true });
    // Each agent file lacks the same dozen prompt defences; 100 of them make more than 1,000 findings.
    for (let i = 0; i < 100; i += 1)
      await writeFile(join(agents, `agent-${i}.md`), `---\nname: agent-${i}\ntools: Read\n---\nReads files.\n`);
    const { stderr } = await runShieldwatch(['scan', join(workspace, 'many'), '--repository', 'acme/many'], {
      cwd: workspace,
      env: await environment(join(workspace, 'unused')),
    });
    const reported = await until('the scan is stored', async () => {
      const rows = await selectRows<{ total: number }>(
        client,
        `SELECT total_findings AS total FROM scan WHERE repo = 'acme/many'`,
      );
      return rows[0]?.total;
    });
    expect(reported, stderr).toBeGreaterThan(1000);
    await until(
      'every finding is stored',
      async () => (await scalar(`SELECT count() AS n FROM finding WHERE repo = 'acme/many'`)) === reported,
    );
  });

  it.runIf(isRun)(
    'accepts 5,000 decisions of one shipment, and counts none twice when the spool is sent again',
    async () => {
      const spoolDir = join(workspace, 'spool');
      const call = { tool: 'Bash', cwd: workspace, sessionId: 's', agent: 'claude-code' };
      const verdicts = [
        { decision: 'allow' },
        { decision: 'block', reason: 'denied', ruleName: 'deny[0]:Bash', ruleCategory: 'destructive' },
      ] as const;
      for (let i = 0; i < 5000; i += 1) {
        const verdict = verdicts[i % 5 === 0 ? 1 : 0];
        record(call, verdict, 1, {
          env: { SHIELDWATCH_SPOOL_DIR: spoolDir, SHIELDWATCH_REPOSITORY: 'acme/busy' },
          projectDir: '',
        });
      }
      const env = await environment(spoolDir);
      const series = () =>
        selectRows(
          client,
          `SELECT sum(allowed) AS allowed, sum(blocked) AS blocked FROM blocked_command_rate_hour WHERE repo = 'acme/busy'`,
        );
      for (const args of [['ship'], ['ship', '--all']]) {
        const ship = await runShieldwatch(args, { cwd: workspace, env });
        expect(ship.stderr).toBe('');
        expect(ship.code).toBe(0);
        // 5,000 lines, each fifth a block.
        await until(
          'the series is there',
          async () => JSON.stringify(await series()) === JSON.stringify([{ allowed: 4000, blocked: 1000 }]),
        );
      }
      await until(
        'the second ship has landed',
        async () => (await scalar(`SELECT count() AS n FROM otel_traces WHERE Repository = 'acme/busy'`)) === 10_000,
      );
      await until(
        'the worker has looked again',
        async () => JSON.stringify(await series()) === JSON.stringify([{ allowed: 4000, blocked: 1000 }]),
      );
      expect(await scalar(`SELECT count() AS n FROM runtime_event WHERE repo = 'acme/busy'`)).toBe(5000);
      for (const command of ['rebuild', 'reconcile']) {
        const facts = await runShieldwatch(['facts', command, '--data-dir', stack.dataDir], {
          cwd: workspace,
          env: {},
        });
        expect(facts.code, facts.stderr).toBe(0);
        if (command === 'reconcile') expect(facts.stdout).toBe('0 facts were missing and have been made\n');
      }
      expect(await scalar(`SELECT count() AS n FROM runtime_event WHERE repo = 'acme/busy'`)).toBe(5000);
    },
  );

  it.runIf(isRun)('keeps no secret of a file or a command in any stored byte', async () => {
    const spoolDir = join(workspace, 'secret-spool');
    const input = {
      session_id: `s-${DEMO_COMMAND_SECRET}`,
      cwd: workspace,
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_input: { command: `curl -H "x-api-key: ${DEMO_COMMAND_SECRET}" https://example.test` },
    };
    const hook = await runShieldwatch(['hook'], {
      cwd: workspace,
      env: { ...(await environment(spoolDir)), SHIELDWATCH_REPOSITORY: 'acme/secret' },
      stdin: JSON.stringify(input),
    });
    expect(hook.code).toBe(0);
    const spooled = await Promise.all((await readdir(spoolDir)).map((file) => readFile(join(spoolDir, file), 'utf8')));
    expect(spooled.join('')).toContain('acme/secret');
    expect((await runShieldwatch(['ship'], { cwd: workspace, env: await environment(spoolDir) })).code).toBe(0);
    await until(
      'the decision is stored',
      async () => (await scalar(`SELECT count() AS n FROM runtime_event WHERE repo = 'acme/secret'`)) === 1,
    );

    const tables = await dump(client);
    expect(SECRETS.filter((secret) => tables.includes(secret))).toEqual([]);
    expect(await filesHolding(spoolDir, SECRETS)).toEqual([]);
    expect(await stack.interrupt()).toBe(0);
    expect(await filesHolding(stack.dataDir, SECRETS)).toEqual([]);
    expect(SECRETS.filter((secret) => stack.output().includes(secret))).toEqual([]);
    // The tokens that were printed once are in no file either.
    expect(await filesHolding(stack.dataDir, stack.output().match(/eccp_\w+/g) ?? [])).toEqual([]);
  });
});

describe(hasGo() ? 'both paths' : 'both paths (NOT RUN: no Go)', () => {
  it.runIf(hasGo())('show the same numbers and land the same rows', () => {
    const [own, collector] = [results.get(false), results.get(true)];
    if (own === undefined || collector === undefined) throw new Error('a path did not get through the demo');
    expect(collector.report.scans).toEqual(own.report.scans);
    expect(collector.report.decisions).toEqual(own.report.decisions);
    expect(collector.landed).toEqual(own.landed);
  });
});
