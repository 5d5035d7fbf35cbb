import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { canonicalRepository, repositoryAttributes } from '../records/repository.js';
import { selectRows } from './client.js';
import { freshDatabase, type TestDatabase } from '../testing/clickhouse.js';

let db: TestDatabase;

beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});

afterAll(() => db.drop());

/** Inserts one row for each resource into a table of landing, and returns the repositories that the rows belong to, in order. */
async function landed(table: string, resources: readonly Record<string, string>[]): Promise<string[]> {
  const time = table.startsWith('otel_metrics') ? 'TimeUnix' : 'Timestamp';
  await db.client.insert({
    table,
    format: 'JSONEachRow',
    columns: [time, 'ServiceName', 'ResourceAttributes'],
    values: resources.map((ResourceAttributes, index) => ({
      [time]: Date.UTC(2026, 0, 1) / 1000,
      ServiceName: String(index).padStart(6, '0'),
      ResourceAttributes: { 'shieldwatch.tenant.org_id': table, ...ResourceAttributes },
    })),
  });
  const rows = await selectRows<{ name: string }>(
    db.client,
    `SELECT Repository AS name FROM ${table} ORDER BY ServiceName`,
  );
  return rows.map(({ name }) => name);
}

it('every landing table gives a repository its canonical name, for any claim', async () => {
  const claims = [
    'acme/app',
    'Acme/App',
    'GitHub.com/Acme/App',
    'github.com/acme',
    'github.com/acme/app/x',
    'notgithub.com/A/B',
    'GitLab.com/Group/Sub/App',
    'App',
    'a.googlesource.com/Platform/App',
    'GOOGLESOURCE.com/X',
    'evilgooglesource.com/X/Y',
    'git.sr.ht/~Me/App',
    '/Acme/App',
    'Ünï/ÄPP',
    'dev.azure.com/contoso/My%20Project/App',
    '[REDACTED:github-token]/App',
    'a/b\nC/D',
    ...fc.sample(fc.stringMatching(/^([gG]it[hH]ub[.]com|x[.]SR[.]ht|[aAéÉ.]{1,3})(\/[aB.İ]{0,3}){0,3}$/), {
      numRuns: 200,
      seed: 3,
    }),
  ];
  const resources = [
    ...claims.map((claim) => repositoryAttributes(claim)),
    { 'vcs.repository.name': 'x', 'shieldwatch.tenant.repository': 'Bound/App' },
  ];
  for (const table of [
    'otel_traces',
    'otel_logs',
    'otel_metrics_gauge',
    'otel_metrics_sum',
    'otel_metrics_histogram',
    'otel_metrics_exponential_histogram',
    'otel_metrics_summary',
  ]) {
    // A claim whose owner is empty is its name alone.
    expect(await landed(table, resources)).toEqual([
      ...claims.map((claim) => canonicalRepository(/^\/[^/]*$/.test(claim) ? claim.slice(1) : claim)),
      'bound/app',
    ]);
  }
});
