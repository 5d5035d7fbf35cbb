import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

describe('a gateway that drains', () => {
  it('reports 503 on /readyz, and still accepts requests', async () => {
    const url = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
    const ready = async () => (await fetch(`${url}/readyz`)).status;
    const send = async () =>
      (
        await fetch(`${url}/v1/logs`, {
          method: 'POST',
          body: '{"resourceLogs":[]}',
          headers: jsonHeaders(gateway.ingestToken),
        })
      ).status;
    expect([await ready(), await send()]).toEqual([200, 200]);
    const drained = gateway.app.drain(300);
    expect([await ready(), await send(), (await fetch(`${url}/healthz`)).status]).toEqual([503, 200, 200]);
    await drained;
    await gateway.app.close();
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  });

  it('answers requests under way before it exits', async () => {
    const other = await startGateway(inject('clickhouseUrl'));
    const url = await other.app.listen({ host: '127.0.0.1', port: 0 });
    const body = JSON.stringify({
      repository: 'acme/drained',
      entries: Array.from({ length: 2_000 }, (_, i) => ({
        timestamp: new Date(Date.now() - i).toISOString(),
        tool: 'Bash',
        decision: 'allow',
      })),
    });
    const isUnderWay = new Promise<void>((resolve) => {
      other.app.server.once('request', () => {
        resolve();
      });
    });
    const answer = fetch(`${url}/v1/ingest/runtime`, { method: 'POST', body, headers: jsonHeaders(other.ingestToken) });
    await isUnderWay;
    await other.app.close();
    expect(await (await answer).json()).toMatchObject({ ok: true, accepted: 2_000 });
    await other.close();
  });
});
