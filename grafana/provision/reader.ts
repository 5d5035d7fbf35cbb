import { createHash } from 'node:crypto';
import { clickhouseMigrations } from '#schemas/clickhouse/migrate.js';

/**
 * Relations that a reader of one organisation may read: tables with the column that holds the organisation, and views
 * over them.
 */
export interface ReadableRelations {
  tables: { name: string; org: 'org_id' | 'OrgId' }[];
  /** Tables without rows of organisations that views need. */
  shared: string[];
  views: string[];
}

/** Read by views to find the current formula of a series. */
const SHARED = ['rollup_formula_v1'];
/** Views over what the jobs did for all organisations together. */
const OPERATORS = /\bFROM rollup_run_v1\b/;

/** Returns the relations of this version, read from the migrations. Tables without storage are left out. */
export async function readableRelations(): Promise<ReadableRelations> {
  const tables = new Map<string, 'org_id' | 'OrgId'>();
  const views = new Map<string, boolean>();
  for (const { sql } of await clickhouseMigrations()) {
    // A statement ends with a `;` at the end of a line, see schemas/clickhouse/migrate.ts.
    for (const statement of sql.split(/;[ \t]*$/m)) {
      const [, kind, name = ''] =
        /^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/m.exec(statement) ?? [];
      if (kind === 'VIEW') views.set(name, !OPERATORS.test(statement));
      const [, dropped = ''] = /^DROP (?:TABLE|VIEW) IF EXISTS (\w+)/m.exec(statement) ?? [];
      tables.delete(dropped);
      views.delete(dropped);
      const [, before = '', after = ''] = /^RENAME TABLE IF EXISTS (\w+) TO (\w+)/m.exec(statement) ?? [];
      const moved = tables.get(before);
      if (moved !== undefined && tables.delete(before)) tables.set(after, moved);
      const org = /^ {4}(org_id|OrgId) /m.exec(statement)?.[1];
      if (kind === 'TABLE' && (org === 'org_id' || org === 'OrgId') && !/^ENGINE = Null/m.test(statement))
        tables.set(name, org);
    }
  }
  return {
    tables: [...tables].map(([name, org]) => ({ name, org })).sort((a, b) => a.name.localeCompare(b.name)),
    shared: SHARED,
    views: [...views].flatMap(([name, isReadable]) => (isReadable ? [name] : [])).sort(),
  };
}

export interface ReaderSettings {
  org: string;
  database: string;
  user: string;
  password: string;
}

/**
 * Returns the statements that create the reader of one organisation on a ClickHouse server: a read-only user with
 * limits, and for each table a row policy that shows only the organisation's rows. Plain views run with the rights of
 * their reader, so the policies hold behind them. Idempotent: replaces user and policies, and revokes nothing.
 */
export function readerStatements(
  { org, database, user, password }: ReaderSettings,
  { tables, shared, views }: ReadableRelations,
): string[] {
  const hash = createHash('sha256').update(password).digest('hex');
  const on = (name: string): string => `${identifier(database)}.${identifier(name)}`;
  return [
    `CREATE USER OR REPLACE ${identifier(user)} IDENTIFIED WITH sha256_hash BY '${hash}'\n    SETTINGS readonly = 2, max_execution_time = 30 MIN 1 MAX 60, max_memory_usage = 2000000000 MIN 1 MAX 2000000000`,
    ...tables.map(
      ({ name, org: column }) =>
        `CREATE ROW POLICY OR REPLACE ${identifier(user)} ON ${on(name)} FOR SELECT USING ${column} = ${literal(org)} AS PERMISSIVE TO ${identifier(user)}`,
    ),
    ...[...tables.map(({ name }) => name), ...shared, ...views].map(
      (name) => `GRANT SELECT ON ${on(name)} TO ${identifier(user)}`,
    ),
  ];
}

const identifier = (name: string): string => `\`${name.replace(/[`\\]/g, '\\$&')}\``;
const literal = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;
