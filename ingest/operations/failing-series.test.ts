import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { freePort } from '#schemas/testing/ports.js';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { createFailingSeries } from './failing-series.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await gateway.store.client.insert({
    table: 'rollup_failure_v1',
    format: 'JSONEachRow',
    values: [
      { waits_for: '', reason: 'MEMORY_LIMIT_EXCEEDED', is_open: true, repo: 'acme/private' },
      { waits_for: 'coverage', reason: '', is_open: true, repo: 'acme/other' },
      { waits_for: '', reason: 'TIMEOUT_EXCEEDED', is_open: false, repo: 'acme/third' },
    ].map((row) => ({ org_id: 'org_a', series: 'coverage', bucket_start: 0, retry_at: Date.now(), ...row })),
  });
});
afterAll(() => gateway.close());

it('/readyz names series with buckets that could not be computed, and is ready', async () => {
  const answer = await gateway.app.inject('/readyz');
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ ok: true, failingSeries: ['coverage'] });
  expect(answer.body).not.toMatch(/acme|org_a/);
});

it('/metrics counts them by series, without organisation or repository', async () => {
  const { body } = await gateway.app.inject('/metrics');
  expect(body).toMatch(/^shieldwatch_rollup_failing\{.*shieldwatch_series="coverage".*\} 2$/m);
  expect(body).not.toMatch(/acme|org_a/);
});

it('there are none while the store does not answer, so that status and readiness do', async () => {
  const client = createClickHouse({ url: `http://127.0.0.1:${String(await freePort())}` });
  expect(await createFailingSeries(client)()).toEqual([]);
  await client.close();
});
