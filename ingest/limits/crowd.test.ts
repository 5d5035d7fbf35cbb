import { createServer, type Server } from 'node:http';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { inOrg } from '#schemas/postgres/session.js';
import { INGEST_SCOPES } from '../auth/caller.js';
import { mintToken } from '../auth/tokens.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { createTurns } from './turns.js';

const MIB = 1024 * 1024;

/** A collector that answers when allowed to, and counts what it received by organisation. */
const received = new Map<string, number>();
let isHeld = false;
const waiting: (() => void)[] = [];
let collector: Server;
let collectorUrl: string;
beforeAll(async () => {
  collector = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.once('end', () => {
      const org = String(incoming.headers['x-shieldwatch-org-id']);
      received.set(org, (received.get(org) ?? 0) + 1);
      const answer = (): void => {
        outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      };
      if (isHeld) waiting.push(answer);
      else answer();
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  collectorUrl = `http://127.0.0.1:${String((collector.address() as AddressInfo).port)}`;
});
afterAll(() => {
  collector.closeAllConnections();
  collector.close();
});

const post = (
  gateway: TestGateway,
  token: string,
  payload: Buffer | string = '{"resourceLogs":[]}',
  headers: Record<string, string> = {},
) =>
  gateway.app.inject({
    method: 'POST',
    url: '/v1/logs',
    payload,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(payload)),
      ...headers,
    },
  });

describe('one tenant at ten times its quota', () => {
  it('gets 429 by token and by organisation, and another tenant is unaffected', async () => {
    const one = { rate: 0.001, burst: 20 };
    const gateway = await startGateway(inject('clickhouseUrl'), {
      collector: { url: collectorUrl, key: 'k' },
      quotas: {
        requests: one,
        bytes: { rate: 1e12, burst: 1e12 },
        entries: { rate: 1e12, burst: 1e12 },
        failures: one,
        organisation: { team: 2, enterprise: 100 },
      },
    });
    try {
      const mint = async () =>
        (
          await inOrg(gateway.postgres, 'org_a', (tx) =>
            mintToken(tx, { orgId: 'org_a', name: 'n', scopes: INGEST_SCOPES }),
          )
        ).token;
      // Each of ten tokens uses its full quota: ten times one token's quota, five times the plan's.
      const noisy = await Promise.all(Array.from({ length: 10 }, mint));
      received.clear();
      const statuses = { noisy: [] as number[], quiet: [] as number[] };
      for (let round = 0; round < 20; round += 1) {
        const answers = await Promise.all([
          ...noisy.map((token) => post(gateway, token)),
          post(gateway, gateway.otherToken),
        ]);
        statuses.noisy.push(...answers.slice(0, 10).map(({ statusCode }) => statusCode));
        statuses.quiet.push(answers[10]?.statusCode ?? 0);
        for (const answer of answers)
          if (answer.statusCode === 429) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      }
      expect(statuses.quiet).toEqual(Array.from({ length: 20 }, () => 200));
      expect(statuses.noisy.filter((status) => status === 200)).toHaveLength(40);
      expect(statuses.noisy.filter((status) => status === 429)).toHaveLength(160);
      expect(Object.fromEntries(received)).toEqual({ org_a: 40, org_b: 20 });
      const refused = (await post(gateway, await mint())).json<Refusal>();
      expect(refused.error.message).toContain("the quota of this organisation's plan is used up");
      // One token alone reaches its own quota first, on any plan.
      for (let i = 0; i < 20; i += 1) await post(gateway, gateway.otherToken);
      expect((await post(gateway, gateway.otherToken)).json<Refusal>().error.message).toContain(
        'the quota of this token is used up',
      );
    } finally {
      await gateway.close();
    }
  });

  it('is charged for bytes without Content-Length', async () => {
    const gateway = await startGateway(inject('clickhouseUrl'), {
      collector: { url: collectorUrl, key: 'k' },
      quotas: {
        requests: { rate: 1e9, burst: 1e9 },
        bytes: { rate: 0.001, burst: 10_000 },
        entries: { rate: 1e9, burst: 1e9 },
        failures: { rate: 1, burst: 1 },
      },
    });
    try {
      const url = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
      expect([
        await sendChunked(url, gateway.ingestToken, 20_000, 100),
        await sendChunked(url, gateway.ingestToken, 2, 1),
      ]).toEqual([200, 429]);
      expect(await sendChunked(url, gateway.otherToken, 2, 1)).toBe(200);
    } finally {
      await gateway.close();
    }
  });
});

/** Sends a body without Content-Length, in chunks. */
async function sendChunked(url: string, token: string, bytes: number, piece: number): Promise<number> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      `${url}/v1/logs`,
      { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } },
      resolve,
    );
    sent.once('error', reject);
    const body = Buffer.from('{}'.padEnd(bytes));
    for (let i = 0; i < body.length; i += piece) sent.write(body.subarray(i, i + piece));
    sent.end();
  });
  const answer = await answered;
  answer.resume();
  return answer.statusCode ?? 0;
}

describe('memory', () => {
  it('is bounded for any number of concurrent bodies: the excess is retried, and the rest arrives', async () => {
    const gateway = await startGateway(inject('clickhouseUrl'), {
      collector: { url: collectorUrl, key: 'k' },
      maxHeldBytes: 16 * MIB,
    });
    try {
      received.clear();
      isHeld = true;
      const body = '{}'.padEnd(MIB);
      const answers = Array.from({ length: 20 }, () => post(gateway, gateway.ingestToken, body));
      await expect.poll(() => waiting.length).toBe(8);
      // One organisation may hold at most half of it, so another is still admitted.
      const beside = post(gateway, gateway.otherToken, body);
      await expect.poll(() => waiting.length).toBe(9);
      isHeld = false;
      for (const answer of waiting.splice(0)) answer();
      expect((await beside).statusCode).toBe(200);
      const statuses = (await Promise.all(answers)).map((answer) => [answer.statusCode, answer.headers['retry-after']]);
      expect(statuses.filter(([status]) => status === 200)).toHaveLength(8);
      expect(statuses.filter(([status, wait]) => status === 503 && wait === '1')).toHaveLength(12);
      expect(received.get('org_a')).toBe(8);
      // Everything is released: the same amount fits again.
      expect(
        (await Promise.all(Array.from({ length: 8 }, () => post(gateway, gateway.ingestToken, body)))).map(
          ({ statusCode }) => statusCode,
        ),
      ).toEqual(Array.from({ length: 8 }, () => 200));
    } finally {
      await gateway.close();
    }
  });

  it('of 64 bombs at once stays far below what they would be, and each is refused', async () => {
    // Without a collector, where bodies are decompressed in memory.
    const gateway = await startGateway(inject('clickhouseUrl'));
    const bomb = gzipSync(Buffer.alloc(80 * MIB));
    const used = (): number => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = used();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, used() - before);
    }, 2);
    try {
      const answers = await Promise.all(
        Array.from({ length: 64 }, () => post(gateway, gateway.ingestToken, bomb, { 'content-encoding': 'gzip' })),
      );
      expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 413));
      // Decompressed completely they would take 64 times 32 MiB; four at a time take 128 MiB, plus garbage.
      expect(most / MIB).toBeLessThan(1_000);
      expect((await post(gateway, gateway.otherToken)).statusCode).toBe(200);
    } finally {
      clearInterval(watch);
      await gateway.close();
    }
  });

  it('of a body that comes byte by byte is that of its bytes', async () => {
    const gateway = await startGateway(inject('clickhouseUrl'), { collector: { url: collectorUrl, key: 'k' } });
    try {
      const url = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
      expect(await sendChunked(url, gateway.ingestToken, 100_000, 1)).toBe(200);
    } finally {
      await gateway.close();
    }
  });
});

describe('turns', () => {
  it('run at most their number, in order, and continue after a failure', async () => {
    const take = createTurns(2);
    const order: number[] = [];
    let [running, most] = [0, 0];
    const work = (index: number) => async (): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      order.push(index);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (index % 3 === 0) throw new Error(String(index));
      return index;
    };
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => take('a', work(index))));
    expect(results.map(({ status }) => status === 'rejected')).toEqual(
      Array.from({ length: 10 }, (_, index) => index % 3 === 0),
    );
    expect([most, order]).toEqual([2, Array.from({ length: 10 }, (_, index) => index)]);
  });
});
