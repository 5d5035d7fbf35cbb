import { randomUUID } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { VIEWS } from '../records/rows.js';
import { createClickHouse, selectRows } from './client.js';
import { clickhouseMigrations, migrateClickHouse } from './migrate.js';
import { freshDatabase } from '../testing/clickhouse.js';

describe('clickhouseMigrations', () => {
  it("are idempotent, and no comment contains a statement's end", async () => {
    for (const { name, sql } of await clickhouseMigrations()) {
      for (const [, head] of sql.matchAll(/^(CREATE [^\n]*)/gm))
        expect(head, name).toMatch(/IF NOT EXISTS|^CREATE OR REPLACE VIEW/);
      expect(sql, `${name}: a comment that ends with ';' would end a statement`).not.toMatch(/^\s*--.*;[ \t]*$/m);
    }
  });
});

describe('a cluster form', () => {
  it('can be rendered from every statement: ON CLUSTER and engine have a known place', async () => {
    for (const { name, sql } of await clickhouseMigrations()) {
      const statements = sql
        .replace(/^\s*--.*$/gm, '')
        .split(/;[ \t]*$/m)
        .map((text) => text.trim())
        .filter((text) => text !== '');
      for (const statement of statements) {
        expect(statement, name).toMatch(
          /^(CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|ALTER TABLE|(DROP|RENAME) (TABLE|VIEW) IF EXISTS|CREATE OR REPLACE VIEW|INSERT INTO) [a-z0-9_]+(\s|$)/,
        );
        if (!statement.startsWith('CREATE TABLE')) continue;
        expect(
          statement.match(/^ENGINE = ((Replacing|Aggregating|Summing)?MergeTree(\([a-z_]*\))?|Null)/gm),
          `${name}: ${statement.slice(0, 60)}`,
        ).toHaveLength(1);
      }
    }
  });
});

describe('migrateClickHouse', () => {
  it('applies each migration exactly once', async () => {
    const url = inject('clickhouseUrl');
    const db = await freshDatabase(url);
    expect(await migrateClickHouse({ url, database: db.database })).toEqual([]);
    await db.drop();
  });

  it('completes a run that was killed half way', async () => {
    const url = inject('clickhouseUrl');
    const db = await freshDatabase(url);
    await db.client.command({
      query: 'ALTER TABLE schema_migration DELETE WHERE version >= 3 SETTINGS mutations_sync = 1',
    });
    await db.client.command({ query: 'DROP TABLE scan_v1' });
    expect(await migrateClickHouse({ url, database: db.database })).toEqual(
      (await clickhouseMigrations()).map((migration) => migration.version).slice(2),
    );
    await db.drop();
  });

  it('copies decisions into smaller granules, also after a kill between the removal of the old table and the new one taking its name', async () => {
    const url = inject('clickhouseUrl');
    const db = await freshDatabase(url);
    const decision = (event_id: string) => ({
      org_id: 'o',
      repo: 'app',
      event_id,
      occurred_at: '2026-11-20 10:00:00.000',
      tool: 'Bash',
      decision: 'allow',
    });
    await db.client.insert({
      table: 'runtime_event_v1',
      format: 'JSONEachRow',
      values: [decision('a'), decision('b')],
    });
    await db.client.command({ query: 'CREATE TABLE runtime_event_next_v1 AS runtime_event_v1' });
    await db.client.command({ query: 'INSERT INTO runtime_event_next_v1 SELECT * FROM runtime_event_v1' });
    await db.client.command({ query: 'DROP TABLE runtime_event_v1 SYNC' });
    await db.client.command({
      query: 'ALTER TABLE schema_migration DELETE WHERE version >= 12 SETTINGS mutations_sync = 1',
    });
    await migrateClickHouse({ url, database: db.database });
    await db.client.insert({
      table: 'runtime_event_v1',
      format: 'JSONEachRow',
      values: [decision('b'), decision('c')],
    });
    expect(await selectRows(db.client, 'SELECT event_id FROM runtime_event ORDER BY event_id')).toEqual(
      ['a', 'b', 'c'].map((event_id) => ({ event_id })),
    );
    // What arrives is marked as before.
    expect(await selectRows(db.client, `SELECT DISTINCT fact, org_id FROM dirty_hour_v1`)).toEqual([
      { fact: 'runtime_event', org_id: 'o' },
    ]);
    expect(
      await selectRows(
        db.client,
        `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'runtime_event%v1' AND create_table_query LIKE '%index_granularity = 256%'`,
      ),
    ).toEqual([{ name: 'runtime_event_v1' }]);
    await db.drop();
  });

  it('fills in absent values and finding counts of stored scans, also after a kill half way', async () => {
    const url = inject('clickhouseUrl');
    const database = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const migrations = await clickhouseMigrations();
    await migrateClickHouse(
      { url, database },
      migrations.filter(({ version }) => version < 20),
    );
    const client = createClickHouse({ url, database });
    const scan = (event_id: string, over: object = {}) => ({
      org_id: 'o',
      repo: 'app',
      event_id,
      occurred_at: '2026-11-20 10:00:00.000',
      score: 60,
      grade: 'C',
      files_scanned: 3,
      bundle_digest: event_id,
      ...over,
    });
    const parts = { score_secrets: 100, score_permissions: 0, score_hooks: 100, score_mcp: 50, score_agents: 50 };
    await client.insert({
      table: 'scan_v1',
      format: 'JSONEachRow',
      values: [
        scan('bare'),
        scan('whole', parts),
        scan('worst', { score: 0 }),
        scan('forged', parts),
        scan('other', { ...parts, expected_bundle_digest: 'x' }),
        scan('unpacked', { ...parts, bundle_digest: '' }),
      ],
    });
    const found = {
      org_id: 'o',
      repo: 'app',
      event_id: 'e',
      occurred_at: '2026-11-20 10:00:01.000',
      kind: 'scan_integrity',
      subject: 's',
      state: 'suspect',
      detail: '{"repository":"app","bundleDigest":"forged"}',
    };
    await client.insert({
      table: 'control_event_v1',
      format: 'JSONEachRow',
      values: [found, { ...found, event_id: 'f', org_id: 'another', detail: '{"bundleDigest":"whole"}' }],
    });

    const shown = async () =>
      (
        await selectRows<{ shown: string }>(
          client,
          `SELECT concat(event_id, ' ', integrity, ' ', toString([score_secrets, score_permissions, score_agents])) AS shown FROM scan ORDER BY event_id`,
        )
      ).map((row) => row.shown);
    const upTo20 = migrations.filter(({ version }) => version <= 20);
    await migrateClickHouse({ url, database }, upTo20);
    const expected = [
      'bare ok [NULL,NULL,NULL]',
      'forged suspect [100,0,50]',
      'other mismatch [100,0,50]',
      'unpacked  [100,0,50]',
      'whole ok [100,0,50]',
      'worst ok [0,0,0]',
    ];
    expect(await shown()).toEqual(expected);
    expect(await selectRows(client, `SELECT count() AS marks FROM dirty_hour_v1 WHERE fact = 'scan'`)).toEqual([
      { marks: 2 },
    ]);
    // A run that died after the INSERT has both; what stands afterwards does not depend on which hash is greater.
    await client.insert({
      table: 'scan_v1',
      format: 'JSONEachRow',
      values: [
        scan('bare', { score_secrets: 0, score_permissions: 0, score_hooks: 0, score_mcp: 0, score_agents: 0 }),
        scan('forged', parts),
      ],
    });
    await client.command({
      query: 'ALTER TABLE schema_migration DELETE WHERE version >= 20 SETTINGS mutations_sync = 1',
    });
    await migrateClickHouse({ url, database }, upTo20);
    expect(await shown()).toEqual(expected);
    // For any merge between two of its statements, nothing is lost: what was removed waits in a table of its own.
    await client.command({
      query:
        'CREATE TABLE scan_corrected_v1 AS scan_v1 ENGINE = MergeTree ORDER BY (org_id, repo, occurred_at, event_id)',
    });
    await client.command({
      query: "INSERT INTO scan_corrected_v1 SELECT * FROM scan_v1 WHERE event_id IN ('bare', 'forged')",
    });
    await client.command({
      query: "ALTER TABLE scan_v1 DELETE WHERE event_id IN ('bare', 'forged') SETTINGS mutations_sync = 1",
    });
    await client.command({
      query: 'ALTER TABLE schema_migration DELETE WHERE version >= 20 SETTINGS mutations_sync = 1',
    });
    await migrateClickHouse({ url, database }, upTo20);
    expect(await shown()).toEqual(expected);
    expect(
      await selectRows(
        client,
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%corrected%'",
      ),
    ).toEqual([]);
    // And all that came since keeps them.
    await migrateClickHouse({ url, database });
    expect(await shown()).toEqual(expected);
    await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
    await client.close();
  });

  it('never stores a rewritten scan beside the row it replaces, which a merge could keep instead', async () => {
    const sql = (await clickhouseMigrations()).find(({ version }) => version === 20)?.sql ?? '';
    const [inserted, deleted] = [sql.indexOf('INSERT INTO scan_v1'), sql.indexOf('ALTER TABLE scan_v1 DELETE')];
    expect(deleted).toBeGreaterThan(0);
    expect(inserted).toBeGreaterThan(deleted);
  });

  it('refuses a newer store and an edited migration, but accepts the former text of a corrected one', async () => {
    const url = inject('clickhouseUrl');
    const db = await freshDatabase(url);
    const config = { url, database: db.database };
    const migrations = await clickhouseMigrations();
    await expect(migrateClickHouse(config, migrations.slice(0, -1))).rejects.toThrow(/written by a newer Shieldwatch/);
    const edited = migrations.map((migration) => ({ ...migration, checksum: 'edited', formerChecksums: [] }));
    await expect(migrateClickHouse(config, edited)).rejects.toThrow(/append-only/);
    const [former] = migrations.find(({ version }) => version === 20)?.formerChecksums ?? [];
    await db.client.command({
      query: `ALTER TABLE schema_migration UPDATE checksum = '${former ?? ''}' WHERE version = 20 SETTINGS mutations_sync = 1`,
    });
    expect(await migrateClickHouse(config)).toEqual([]);
    await db.drop();
  });
});

describe('the schema', () => {
  it('has the organisation first in the sort key of every table that holds data of one', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    const tables = await selectRows<{ name: string; sorting_key: string }>(
      db.client,
      `SELECT name, sorting_key FROM system.tables
       WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
         AND name NOT IN ('schema_migration', 'rollup_watermark_v1', 'rollup_formula_v1', 'rollup_run_v1', 'dirty_hour_v1')`,
    );
    expect(tables.length).toBeGreaterThan(10);
    for (const { name, sorting_key } of tables) expect(sorting_key, name).toMatch(/^(org_id|OrgId)\b/);
    await db.drop();
  });

  it('equals schemas/records/rows.ts: every view, its columns in order, their types', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    const columns = await selectRows<{ table: keyof typeof VIEWS; name: string; type: string }>(
      db.client,
      `SELECT table, name, type FROM system.columns
       WHERE database = currentDatabase()
         AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View')
       ORDER BY table, position`,
    );
    const declared = Object.entries(VIEWS).flatMap(([table, types]) =>
      Object.entries(types).map(([name, type]) => ({ table, name, type })),
    );
    expect(columns).toEqual(
      declared.sort((one, other) => (one.table < other.table ? -1 : Number(one.table > other.table))),
    );
    await db.drop();
  });

  it('quarantines what cannot become a fact, with the reason', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    const row = (name: string, attributes: Record<string, string>, repository = 'app') => ({
      Timestamp: '2026-11-20 10:00:00',
      TraceId: 't',
      SpanId: name + JSON.stringify(attributes),
      SpanName: name,
      ResourceAttributes: { 'shieldwatch.tenant.org_id': 'o', 'vcs.repository.name': repository },
      SpanAttributes: attributes,
    });
    const good = { 'agentshield.decision.action': 'allow', 'gen_ai.tool.name': 'Bash' };
    await db.client.insert({
      table: 'otel_traces',
      format: 'JSONEachRow',
      values: [
        row('agentshield.pre_tool_use', { ...good, 'security_rule.uuid': 'r' }),
        row('agentshield.decision', good),
        row('agentshield.pre_tool_use', { ...good, 'agentshield.decision.timestamp': '2036-01-01T00:00:00.000Z' }),
        row('agentshield.pre_tool_use', { ...good, 'agentshield.decision.timestamp': '1999-01-01T00:00:00.000Z' }),
        row('agentshield.decision', { ...good, 'agentshield.decision.action': 'shrug' }),
        row('agentshield.decision', good, ''),
        row('agentshield.scan', {
          'agentshield.scan.score': '101',
          'agentshield.scan.grade': 'A',
          'agentshield.scan.files_scanned': '1',
        }),
        row('somebody.else', {}),
      ],
    });
    // Under the name the span has, and the one it had.
    expect(await selectRows(db.client, 'SELECT rule_id FROM runtime_event ORDER BY rule_id')).toEqual([
      { rule_id: '' },
      { rule_id: 'r' },
    ]);
    const problems = await selectRows<{ record: string; problem: string }>(
      db.client,
      'SELECT record, problem FROM quarantine ORDER BY record, problem',
    );
    expect(problems.map(({ record, problem }) => `${record}: ${problem}`)).toEqual([
      'runtime_event: decision unknown',
      'runtime_event: repository missing',
      'runtime_event: timestamp before the oldest facts',
      'runtime_event: timestamp in the future',
      'scan: score missing or out of range',
    ]);
    await db.drop();
  });

  it('accepts any value in any attribute of a fact: no INSERT fails in a view', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    const views = await selectRows<{ query: string }>(
      db.client,
      `SELECT as_select AS query FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_in_mv_v1'`,
    );
    const names = [
      ...new Set(
        views.flatMap(({ query }) => [...query.matchAll(/Attributes\['([^']+)'\]/g)].map((match) => match[1] ?? '')),
      ),
    ];
    expect(names.length).toBeGreaterThan(40);
    const hostile = [
      '',
      'nan',
      'inf',
      '-inf',
      '-1',
      '1e400',
      '99999999999999999999999',
      '9999-12-31T23:59:59Z',
      '0000-00-00',
      '\u0000',
      '💥'.repeat(1000),
    ];
    const rows = hostile.flatMap((value) =>
      ['1900-01-01 00:00:00', '2026-11-20 10:00:00', '2262-01-01 00:00:00'].flatMap((Timestamp) => {
        const attributes = Object.fromEntries(names.map((name) => [name, value]));
        const valid = {
          'agentshield.decision.action': 'allow',
          'gen_ai.tool.name': 'Bash',
          'agentshield.scan.score': '5',
          'agentshield.scan.grade': 'F',
          'agentshield.scan.files_scanned': '1',
          'agentshield.drift.score.current': '5',
          'agentshield.finding.key': 'k',
          'agentshield.finding.severity': 'low',
        };
        return [attributes, { ...attributes, ...valid }].map((all) => ({ Timestamp, all }));
      }),
    );
    const ResourceAttributes = { 'shieldwatch.tenant.org_id': 'o', 'vcs.repository.name': 'app' };
    for (const SpanName of ['agentshield.scan', 'agentshield.pre_tool_use', 'agentshield.drift']) {
      const values = rows.map(({ Timestamp, all }) => ({
        Timestamp,
        SpanName,
        ResourceAttributes,
        SpanAttributes: all,
      }));
      await db.client.insert({ table: 'otel_traces', values, format: 'JSONEachRow' });
    }
    const values = rows.map(({ Timestamp, all }) => ({
      Timestamp,
      EventName: 'agentshield.finding',
      ResourceAttributes,
      LogAttributes: all,
    }));
    await db.client.insert({ table: 'otel_logs', values, format: 'JSONEachRow' });
    const agents = rows.map(({ Timestamp, all }) => ({
      Timestamp,
      Body: 'claude_code.tool_decision',
      ResourceAttributes,
      LogAttributes: all,
    }));
    await db.client.insert({ table: 'otel_logs', values: agents, format: 'JSONEachRow' });
    const shown = await selectRows<{ n: number }>(
      db.client,
      `SELECT (SELECT count() FROM otel_traces) + (SELECT count() FROM otel_logs) AS n`,
    );
    expect(shown).toEqual([{ n: rows.length * 5 }]);
    await db.drop();
  });

  it('ignores an organisation that a client claims in a column', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    await expect(
      db.client.insert({
        table: 'otel_traces',
        values: [{ OrgId: 'spoofed' }],
        columns: ['OrgId'],
        format: 'JSONEachRow',
      }),
    ).rejects.toThrow(/materialized/i);
    await db.drop();
  });
});
