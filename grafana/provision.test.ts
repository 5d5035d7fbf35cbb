import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { boardFiles } from './boards.js';
import { configMapFiles, importFiles } from './provision/board-files.js';
import { provisionFiles, type ProvisionFile } from './provision/files.js';
import { readableRelations, readerStatements } from './provision/reader.js';

const PASSWORD = 'not-a-real-password';
const settings = {
  org: 'acme',
  folder: '/srv/shieldwatch',
  clickhouseUrl: 'https://ch.example.com',
  database: 'shieldwatch',
  password: PASSWORD,
  grafanaOrgId: 7,
};

let files: Map<string, ProvisionFile>;
let database: TestDatabase;
beforeAll(async () => {
  files = new Map((await provisionFiles(settings)).map((file) => [file.path, file]));
  database = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => database.drop());

const text = (path: string): string => files.get(path)?.text ?? '';

describe("one organisation's Grafana", () => {
  it('logs in as the reader of that organisation', () => {
    expect(parse(text('provisioning/datasources/shieldwatch.yaml'))).toEqual({
      apiVersion: 1,
      datasources: [
        {
          name: 'Shieldwatch',
          orgId: 7,
          uid: 'shieldwatch-clickhouse',
          type: 'grafana-clickhouse-datasource',
          access: 'proxy',
          isDefault: true,
          editable: false,
          jsonData: {
            protocol: 'http',
            host: 'ch.example.com',
            port: 8443,
            secure: true,
            username: 'shieldwatch_reader_acme',
            defaultDatabase: 'shieldwatch',
            queryTimeout: '30',
          },
          secureJsonData: { password: '${SHIELDWATCH_CLICKHOUSE_PASSWORD}' },
        },
      ],
    });
    expect(parse(text('provisioning/dashboards/shieldwatch.yaml'))).toMatchObject({
      providers: [{ orgId: 7, options: { path: '/srv/shieldwatch/boards' } }],
    });
  });

  it('has boards and rules that cannot name another organisation', () => {
    const boards = [...files.keys()].filter((path) => path.startsWith('boards/'));
    expect(boards.length).toBeGreaterThan(7);
    for (const path of boards) {
      const { templating } = JSON.parse(text(path)) as {
        templating: { list: { name: string; type: string; query: string }[] };
      };
      expect(templating.list.find(({ name }) => name === 'org')).toMatchObject({ type: 'constant', query: 'acme' });
    }
    const { groups } = JSON.parse(text('provisioning/alerting/rules.json')) as {
      groups: { orgId: number; rules: { data: { model: { rawSql?: string } }[] }[] }[];
    };
    expect(groups[0]?.orgId).toBe(7);
    for (const { data } of groups[0]?.rules ?? [])
      expect(data[0]?.model.rawSql).toMatch(/WHERE (org_id|OrgId) = 'acme'/);
  });

  it('keeps the password in one file readable by its owner only', () => {
    for (const { path, text: content, mode } of files.values()) {
      expect([content.includes(PASSWORD), mode], path).toEqual(path === 'grafana.env' ? [true, 0o600] : [false, 0o644]);
    }
  });
});

describe('the reader', () => {
  it('has a row policy on every table with rows of organisations, and no other grants', async () => {
    const found = await selectRows<{ name: string; org: 'org_id' | 'OrgId' }>(
      database.client,
      "SELECT c.`table` AS name, any(c.name) AS org FROM system.columns AS c WHERE c.database = currentDatabase() AND c.name IN ('org_id', 'OrgId') " +
        "AND c.`table` IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree') GROUP BY c.`table` ORDER BY c.`table`",
    );
    const relations = await readableRelations();
    expect(relations.tables.map(({ name, org }) => ({ name, org })).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      found,
    );
    const views = await selectRows<{ name: string }>(
      database.client,
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name",
    );
    expect(relations.views).toEqual(views.map(({ name }) => name).filter((name) => !/^rollup_(run|cost)/.test(name)));
    const statements = readerStatements(
      { org: 'acme', database: 'shieldwatch', user: 'u', password: PASSWORD },
      relations,
    );
    const granted = statements.flatMap((sql) => /^GRANT SELECT ON `shieldwatch`\.`(\w+)` TO `u`$/.exec(sql)?.[1] ?? []);
    const sealed = statements.flatMap(
      (sql) =>
        /^CREATE ROW POLICY OR REPLACE `u` ON `shieldwatch`\.`(\w+)` FOR SELECT USING (?:org_id|OrgId) = 'acme' AS PERMISSIVE TO `u`$/.exec(
          sql,
        )?.[1] ?? [],
    );
    expect(granted.filter((name) => !sealed.includes(name)).sort()).toEqual(
      [...relations.views, 'rollup_formula_v1'].sort(),
    );
    expect(granted).not.toContain('rollup_run_v1');
    expect(statements).toHaveLength(1 + granted.length + sealed.length);
  });

  it("is valid SQL for ClickHouse's parser, with any quotes in its values", async () => {
    const statements = readerStatements(
      { org: "it's\\", database: 'shield`watch', user: 'reader', password: PASSWORD },
      await readableRelations(),
    );
    for (const sql of [
      ...statements,
      ...text('reader.sql')
        .replace(/^--.*$/gm, '')
        .split(';\n')
        .filter((each) => each.trim() !== ''),
    ]) {
      const parsed = await database.client.query({
        query: 'SELECT formatQuery({sql:String}) AS formatted',
        query_params: { sql },
        format: 'JSONEachRow',
      });
      expect(await parsed.json()).toHaveLength(1);
    }
  });
});

describe('the boards for another Grafana', () => {
  it('ask for the datasource at import, wherever a board names one', () => {
    const files = importFiles();
    expect(files.map(({ name }) => name)).toEqual(boardFiles().map(({ name }) => name));
    for (const { name, text: board } of files) {
      const { __inputs: inputs, id, uid } = JSON.parse(board) as { __inputs: unknown[]; id: unknown; uid: string };
      expect(inputs, name).toMatchObject([
        { name: 'DS_SHIELDWATCH', type: 'datasource', pluginId: 'grafana-clickhouse-datasource' },
      ]);
      expect([id, uid], name).toEqual([null, `shieldwatch-${name.replace('.json', '')}`]);
      expect(board).not.toContain('"shieldwatch-clickhouse"');
      if (name !== 'runbooks.json') expect(board).toContain('"uid": "${DS_SHIELDWATCH}"');
    }
  });

  it('are ConfigMaps for the sidecar, each with its exact board and below the size limit of Kubernetes', () => {
    const boards = new Map(boardFiles().map(({ name, text: board }) => [name, board]));
    for (const { name, text: manifest } of configMapFiles('observability')) {
      const { kind, metadata, data } = parse(manifest) as {
        kind: string;
        metadata: { namespace: string; labels: Record<string, string> };
        data: Record<string, string>;
      };
      expect([kind, metadata.namespace, metadata.labels['grafana_dashboard']], name).toEqual([
        'ConfigMap',
        'observability',
        '1',
      ]);
      const [[file, board] = ['', '']] = Object.entries(data);
      expect(board, name).toBe(boards.get(file.replace('shieldwatch-', '')));
      expect(Buffer.byteLength(manifest), name).toBeLessThan(1024 * 1024);
    }
  });
});
