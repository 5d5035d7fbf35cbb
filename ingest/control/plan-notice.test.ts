import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createGateway } from '../app.js';
import { loadOtlp } from '../landing/message-plan.js';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { setPlan } from './orgs.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const moment = new Date().toISOString().replace('T', ' ').replace('Z', '');
  const values = ['org_a', 'org_b'].flatMap((org) =>
    Array.from({ length: 26 }, (_, i) => ({
      org_id: org,
      repo: `acme/r${String(i)}`,
      first_seen: moment,
      last_seen: moment,
    })),
  );
  await gateway.store.client.insert({ table: 'repository_activity_v1', values, format: 'JSONEachRow' });
});
afterAll(() => gateway.close());

const send = (token: string, url: string, type: string, payload: string | Buffer) =>
  gateway.app.inject({
    method: 'POST',
    url,
    payload,
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
  });

const WORDS = 'the plan "team" allows 25 repositories and 26 are in use';

describe('OTLP of an organisation with a repository too many', () => {
  it('is accepted, with one partial-success message', async () => {
    const post = async () =>
      (await send(gateway.ingestToken, '/v1/logs', 'application/json', '{"resourceLogs":[]}')).json<{
        partialSuccess?: { errorMessage: string; rejectedLogRecords?: number };
      }>();
    expect(await post()).toEqual({});
    // Requests do not wait for the count, so it appears in one of the next answers.
    let answer: Awaited<ReturnType<typeof post>> = {};
    await expect.poll(async () => (answer = await post()).partialSuccess?.errorMessage).toContain(WORDS);
    expect(answer.partialSuccess?.rejectedLogRecords).toBeUndefined();
    expect(await post()).toEqual({});
  });

  it.each([
    ['traces', 'trace.v1.ExportTraceServiceResponse'],
    ['metrics', 'metrics.v1.ExportMetricsServiceResponse'],
    ['logs', 'logs.v1.ExportLogsServiceResponse'],
  ])('is answered in protobuf that a client of %s can read', async (signal, response) => {
    const type = loadOtlp().lookupType(`opentelemetry.proto.collector.${response}`);
    // A new gateway has not sent a notice yet.
    const app = await createGateway({ clickhouse: gateway.store.client, postgres: gateway.postgres });
    const post = async () => {
      const answer = await app.inject({
        method: 'POST',
        url: `/v1/${signal}`,
        payload: Buffer.alloc(0),
        headers: { authorization: `Bearer ${gateway.otherToken}`, 'content-type': 'application/x-protobuf' },
      });
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/x-protobuf']);
      return type.toObject(type.decode(answer.rawPayload)) as { partial_success?: { error_message: string } };
    };
    await expect.poll(async () => (await post()).partial_success?.error_message).toContain(WORDS);
    await app.close();
  });

  it('carries no message on a plan without a limit', async () => {
    await setPlan(gateway.app.plane, 'org_b', 'enterprise');
    const app = await createGateway({ clickhouse: gateway.store.client, postgres: gateway.postgres });
    for (let i = 0; i < 5; i += 1) {
      const answer = await app.inject({
        method: 'POST',
        url: '/v1/logs',
        payload: '{"resourceLogs":[]}',
        headers: { authorization: `Bearer ${gateway.otherToken}`, 'content-type': 'application/json' },
      });
      expect(answer.body).toBe('{}');
    }
    await app.close();
  });
});
