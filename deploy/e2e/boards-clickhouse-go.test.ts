import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { alertFile } from '#grafana/alerts/provisioning.js';
import { readBoards } from '#ingest/boards/board-library.js';
import { expandMacros, type VariableValue } from '#ingest/boards/macros.js';
import { panelSql } from '#ingest/boards/panel-data.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { packageRoot } from '#schemas/root.js';
import { DAY, seedByHand, T } from '../testing/board-seed.js';

const run = promisify(execFile);

/** Types that the datasource makes plain fields of: time, number, text, yes or no. */
const READABLE = /^(string|bool|u?int(8|16|32|64)|float(32|64)|time\.Time)$/;

interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-panel-sql-'));
  database = await freshDatabase(inject('clickhouseUrl'));
  await seedByHand(database.client);
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Every query that Grafana sends: of panels over a short and a long range, of variables, of annotations, of alert rules. */
async function queries(): Promise<{ name: string; sql: string; isSeries: boolean }[]> {
  const chosen = new Map<string, VariableValue>([
    ['org', ['org_a']],
    ['repo', ['acme/web', 'acme/api']],
    ['agent', 'all'],
    ['tool', 'all'],
    ['session', ['session-costly']],
    ['severity', ['critical', 'high']],
    ['confidence', ['active-runtime']],
    ['category', 'all'],
  ]);
  const all = [];
  for (const board of (await readBoards()).all()) {
    const range = (days: number): { from: number; to: number } => ({ from: T - days * DAY, to: Date.now() });
    const context = { range: range(7), intervalMs: 60_000, variables: chosen };
    for (const panel of board.panels.filter(({ targets }) => targets !== undefined)) {
      for (const days of [0, 30])
        all.push({
          name: `${board.uid} ${String(panel.id)} over ${String(days)} days`,
          sql: panelSql(panel, { range: range(days), variables: chosen }),
          isSeries: panel.targets?.[0]?.format === 0,
        });
    }
    for (const { name, type, query } of board.templating.list)
      if (type === 'query')
        all.push({ name: `${board.uid} variable ${name}`, sql: expandMacros(String(query), context), isSeries: false });
    for (const { name, target } of board.annotations.list)
      if (target?.rawSql !== undefined)
        all.push({
          name: `${board.uid} annotation ${name}`,
          sql: expandMacros(target.rawSql, context),
          isSeries: false,
        });
  }
  for (const { uid, data } of alertFile().groups[0]?.rules ?? [])
    all.push({ name: uid, sql: String(data[0]?.model['rawSql']), isSeries: false });
  return all;
}

test.skipIf(!hasGo())(
  `clickhouse-go reads every query's result over HTTP, as the datasource does${hasGo() ? '' : ' (NOT RUN: no Go)'}`,
  { timeout: 300_000 },
  async () => {
    const program = join(folder, 'client');
    await run('go', ['build', '-o', program, '.'], {
      cwd: join(packageRoot(), 'deploy/testing/clients/clickhouse-go'),
    });
    const asked = await queries();
    await writeFile(join(folder, 'queries.json'), JSON.stringify(asked));
    const { host, username, password } = new URL(inject('clickhouseUrl'));
    const { stdout } = await run(
      program,
      [
        `http://${username}:${password}@${host}/${database.database}?compress=gzip&enable_http_compression=1`,
        join(folder, 'queries.json'),
      ],
      { maxBuffer: 64_000_000 },
    );
    const checks = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Check);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual(asked.map(({ name }) => name));
    for (const [index, { name, detail }] of checks.entries()) {
      const { columns } = JSON.parse(detail) as { columns: { name: string; scan: string }[] };
      for (const { scan } of columns) expect(scan.replace(/^\*/, ''), `${name}: ${detail}`).toMatch(READABLE);
      // An answer without rows has no columns in Native.
      if (asked[index]?.isSeries === true && columns.length > 0)
        expect(columns[0], name).toMatchObject({ name: 'time', scan: 'time.Time' });
    }
  },
);
