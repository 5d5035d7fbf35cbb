import { randomUUID } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { RetiredStoreError } from '../migrations.js';
import { VIEWS } from '../records/rows.js';
import { createClickHouse, selectRows } from './client.js';
import { pruneDimensions } from './dimensions.js';
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

  it('completes a run that was killed within a migration', async () => {
    const url = inject('clickhouseUrl');
    const migrations = await clickhouseMigrations();
    const killed = migrations.findIndex(({ name }) => name === 'create_runtime_event');
    const half = migrations.map((migration, index) =>
      index === killed
        ? { ...migration, sql: `${migration.sql.slice(0, migration.sql.lastIndexOf('CREATE '))}KILLED;` }
        : migration,
    );
    const database = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    await expect(migrateClickHouse({ url, database }, half)).rejects.toThrow(/Syntax error/);
    expect(await migrateClickHouse({ url, database })).toEqual(
      migrations.map((migration) => migration.version).slice(killed),
    );
    const whole = await freshDatabase(url);
    const objects = (of: string): Promise<unknown[]> =>
      selectRows(
        whole.client,
        `SELECT name, replaceAll(create_table_query, database, '') AS query FROM system.tables WHERE database = {of:String} ORDER BY name`,
        { of },
      );
    expect(await objects(database)).toEqual(await objects(whole.database));
    await whole.client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
    await whole.drop();
  });

  it('lists repositories of which an older store has only drifts or agent events, until those are deleted', async () => {
    const config = {
      url: inject('clickhouseUrl'),
      database: `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`,
    };
    const migrations = await clickhouseMigrations();
    const before = migrations.findIndex(({ name }) => name === 'alter_repository_activity');
    await migrateClickHouse(config, migrations.slice(0, before));
    const client = createClickHouse(config);
    const known = (): Promise<unknown[]> =>
      selectRows(
        client,
        'SELECT org_id, repo, toString(first_seen_at) AS first, toString(last_seen_at) AS last FROM repository_activity ORDER BY org_id, repo',
      );
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const facts = (repo: string): Record<string, string>[] =>
      ['01', '02'].map((hour) => ({ org_id: 'o', repo, event_id: hour, occurred_at: `${day} ${hour}:00:00.000` }));
    await client.insert({ table: 'drift_event_v1', format: 'JSONEachRow', values: facts('acme/watched') });
    await client.insert({
      table: 'agent_event_v1',
      format: 'JSONEachRow',
      values: [...facts('acme/agent'), ...facts('')],
    });
    expect(await known()).toEqual([]);
    await migrateClickHouse(config);
    const times = { first: `${day} 01:00:00.000`, last: `${day} 02:00:00.000` };
    const both = ['acme/agent', 'acme/watched'].map((repo) => ({ org_id: 'o', repo, ...times }));
    expect(await known()).toEqual(both);
    await pruneDimensions(client, 'o');
    expect(await known()).toEqual(both);
    await client.command({ query: 'TRUNCATE TABLE agent_event_v1' });
    await pruneDimensions(client, 'o');
    expect(await known()).toEqual(both.slice(1));
    await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database: config.database } });
    await client.close();
  });

  it('refuses a newer store and an edited migration', async () => {
    const url = inject('clickhouseUrl');
    const db = await freshDatabase(url);
    const config = { url, database: db.database };
    const migrations = await clickhouseMigrations();
    await expect(migrateClickHouse(config, migrations.slice(0, -1))).rejects.toThrow(/written by a newer Shieldwatch/);
    const edited = migrations.map((migration) => ({ ...migration, checksum: 'edited' }));
    await expect(migrateClickHouse(config, edited)).rejects.toThrow(/append-only/);
    await db.drop();
  });

  it.each([1, 26])(
    'refuses a store with %i migrations of the chain before the baseline, and changes nothing in it',
    async (newest) => {
      const config = {
        url: inject('clickhouseUrl'),
        database: `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`,
      };
      await migrateClickHouse(config, []);
      const client = createClickHouse(config);
      const values = Array.from({ length: newest }, (_, index) => ({
        version: index + 1,
        name: index === 0 ? 'create_landing' : 'create_other',
        checksum: 'c',
      }));
      await client.insert({ table: 'schema_migration', format: 'JSONEachRow', values });
      await expect(migrateClickHouse(config)).rejects.toThrow(new RetiredStoreError('ClickHouse'));
      expect(await selectRows(client, 'SHOW TABLES')).toEqual([{ name: 'schema_migration' }]);
      await client.command({
        query: 'DROP DATABASE {database:Identifier}',
        query_params: { database: config.database },
      });
      await client.close();
    },
  );
});

describe('the schema', () => {
  it('has the organisation first in the sort key of every table that holds data of one', async () => {
    const db = await freshDatabase(inject('clickhouseUrl'));
    const tables = await selectRows<{ name: string; sorting_key: string }>(
      db.client,
      `SELECT name, sorting_key FROM system.tables
       WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
         AND name NOT IN ('schema_migration', 'rollup_watermark_v1', 'rollup_formula_v1', 'rollup_run_v1', 'dirty_hour_v1', 'fact_rebuild_v1')`,
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
