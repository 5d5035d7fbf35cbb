import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Postgres } from '#schemas/postgres/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { createEgress } from './egress.js';
import type { Delivery } from './engine.js';
import { delaySeconds, lease, MAX_ATTEMPTS, MAX_DELAY_SECONDS, MAX_PER_MINUTE, prune } from './outbox.js';
import { secretsKeyInMemory } from './seal.js';
import { startStandIn, type StandIn } from './testing/stand-in.js';
import { testOutbox, type TestOutbox } from './testing/outbox.js';

const POLL = { timeout: 60_000, interval: 50 };
const SIGNING = `whsec_${Buffer.from('FAKE-signing-secret-of-a-test').toString('base64')}`;

let db: Postgres;
let outbox: TestOutbox;
let service: StandIn;
const engines: Delivery[] = [];
beforeAll(async () => {
  db = await freshPostgres();
  outbox = await testOutbox(db);
});
afterAll(() => db.close());
beforeEach(async () => {
  service = await startStandIn();
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
  await service.close();
  await outbox.query('DELETE FROM alert_delivery');
  await outbox.query('DELETE FROM alert_destination');
});

const start = (over?: Parameters<TestOutbox['start']>[0]): Delivery => {
  const engine = outbox.start(over);
  engines.push(engine);
  return engine;
};
const webhook = (name: string, to: StandIn = service, path = '/hook') =>
  outbox.add({ name, kind: 'webhook', secrets: { url: `${to.origin}${path}`, signingSecret: SIGNING } });
const ended = (id: string) => expect.poll(async () => (await outbox.state(id)).state, POLL);
const tried = (id: string, attempts: number) =>
  expect
    .poll(async () => {
      const { attempts: made, last_error: error } = await outbox.state(id);
      return made >= attempts && error !== null;
    }, POLL)
    .toBe(true);

describe('delivery', () => {
  it('sends what was queued once, and notices of one key in their order', async () => {
    const destination = await webhook('ordered');
    const ids: string[] = [];
    for (let at = 0; at < 8; at += 1)
      ids.push(await outbox.queue(destination, { title: String(at), key: `k${String(at % 2)}` }));
    start();
    start();
    for (const id of ids) await ended(id).toBe('sent');
    const titles = service.received.map(
      ({ body }) => (JSON.parse(body) as { data: { key: string; title: string } }).data,
    );
    expect(titles).toHaveLength(8);
    for (const key of ['k0', 'k1']) {
      const ofKey = titles.filter((each) => each.key === key).map(({ title }) => title);
      expect(ofKey).toEqual([...ofKey].sort());
    }
  });

  it.each([500, 502, 503, 408, 429])('sends again after %i, and then succeeds', async (status) => {
    const id = await outbox.queue(await webhook('flaky'));
    service.answer((_request, response) => void response.writeHead(status).end('later'));
    const engine = start();
    await tried(id, 1);
    expect(await outbox.state(id)).toMatchObject({ state: 'waiting', last_status: status });
    service.answer((_request, response) => void response.end('ok'));
    await outbox.hurry();
    engine.wake();
    await ended(id).toBe('sent');
    expect(new Set(service.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  it.each([302, 400, 401, 404, 410, 413])('makes a delivery dead at once after %i', async (status) => {
    const id = await outbox.queue(await webhook('refused'));
    service.answer((_request, response) => void response.writeHead(status, { location: '/elsewhere' }).end());
    start();
    await ended(id).toBe('dead');
    expect([service.received.length, (await outbox.state(id)).last_status]).toEqual([1, status]);
  });

  it('waits for Retry-After with the whole destination, and for no other', async () => {
    const [limited, free] = [await webhook('limited'), await webhook('free', service, '/free')];
    service.answer(({ url }, response) => {
      if (url === '/hook') response.writeHead(429, { 'retry-after': '1800' });
      response.end();
    });
    const first = await outbox.queue(limited, { key: 'a' });
    const engine = start();
    await tried(first, 1);
    expect((await outbox.state(first)).wait).toBeGreaterThan(1_500);
    const [second, other] = [await outbox.queue(limited, { key: 'b' }), await outbox.queue(free)];
    engine.wake();
    await ended(other).toBe('sent');
    expect((await outbox.state(second)).attempts).toBe(0);
    await outbox.hurry();
    service.answer((_request, response) => void response.end());
    engine.wake();
    await ended(second).toBe('sent');
  });

  it('sends again when the connection is cut after the request was accepted, with the same key', async () => {
    const id = await outbox.queue(await webhook('cut'));
    service.answer((_request, response, count) => {
      if (count === 1) response.destroy();
      else response.end();
    });
    const engine = start();
    await tried(id, 1);
    await outbox.hurry();
    engine.wake();
    await ended(id).toBe('sent');
    expect(service.received).toHaveLength(2);
    expect(service.received[0]?.headers['webhook-id']).toBe(service.received[1]?.headers['webhook-id']);
  });

  it('retries while nothing listens', async () => {
    const down = await startStandIn();
    await down.close();
    const id = await outbox.queue(await webhook('down', down));
    start();
    await tried(id, 1);
    expect(await outbox.state(id)).toMatchObject({
      state: 'waiting',
      last_error: 'the connection failed (ECONNREFUSED)',
    });
  });

  it('sends to other destinations while one does not answer', async () => {
    const [slow, quick] = [await webhook('slow', service, '/slow'), await webhook('quick', service, '/quick')];
    service.answer(({ url }, response) => {
      if (url !== '/slow') response.end();
    });
    const stuck = await Promise.all(
      Array.from({ length: 6 }, (_, at) => outbox.queue(slow, { key: `s${String(at)}` })),
    );
    const engine = start();
    await expect.poll(() => service.received.length, POLL).toBeGreaterThan(0);
    const ids = await Promise.all(Array.from({ length: 6 }, (_, at) => outbox.queue(quick, { key: `q${String(at)}` })));
    engine.wake();
    for (const id of ids) await ended(id).toBe('sent');
    expect((await outbox.state(stuck[0] ?? '')).state).toBe('waiting');
    // Lets the stuck ones end, so that the engine can.
    await service.close();
    service = await startStandIn();
  });

  it(`attempts at most ${String(MAX_PER_MINUTE)} deliveries per destination and minute, however many wait and fail`, async () => {
    const destination = await webhook('stormy');
    for (let at = 0; at < MAX_PER_MINUTE + 20; at += 1) await outbox.queue(destination, { key: `k${String(at)}` });
    for (let attempts = 0; attempts < MAX_PER_MINUTE;) {
      const leased = await lease(db, destination);
      attempts += leased?.deliveries.length ?? expect.fail('the rate is used up too early');
      await outbox.query('UPDATE alert_delivery SET lease_until = now()');
    }
    expect(await lease(db, destination)).toBeUndefined();
    // Another minute.
    await outbox.query("UPDATE alert_destination SET minute_at = minute_at - interval '61 seconds'");
    expect((await lease(db, destination))?.deliveries.length).toBeGreaterThan(0);
  });

  it(`gives up after ${String(MAX_ATTEMPTS)} attempts, also of a gateway that ends during the last`, async () => {
    const destination = await webhook('dying');
    const [failing, killed] = [
      await outbox.queue(destination, { key: 'a' }),
      await outbox.queue(destination, { key: 'b' }),
    ];
    service.answer((_request, response) => void response.writeHead(500).end());
    await outbox.query('UPDATE alert_delivery SET attempts = $1 WHERE id = $2', [MAX_ATTEMPTS - 1, failing]);
    await outbox.query(
      "UPDATE alert_delivery SET attempts = $1, lease_id = 'gone', lease_until = now() WHERE id = $2",
      [MAX_ATTEMPTS, killed],
    );
    start();
    await ended(failing).toBe('dead');
    await ended(killed).toBe('dead');
    expect((await outbox.state(killed)).last_error).toContain('ended during the last attempt');
  });

  it('sends what a dead gateway had leased once its lease ends, and ignores a late result of the former lease', async () => {
    const destination = await webhook('leased');
    const id = await outbox.queue(destination);
    const lost = await lease(db, destination);
    expect(lost?.deliveries).toHaveLength(1);
    expect(await lease(db, destination)).toBeUndefined();
    await outbox.query("UPDATE alert_delivery SET lease_until = now() - interval '1 second'");
    start();
    await ended(id).toBe('sent');
    expect((await outbox.state(id)).attempts).toBe(2);
  });

  it('sends although the clock was set back by a year', async () => {
    const destination = await webhook('clock');
    const id = await outbox.queue(destination);
    await outbox.query(
      "UPDATE alert_delivery SET next_at = now() + interval '1 year', lease_id = 'x', lease_until = now() + interval '1 year'",
    );
    await outbox.query(
      "UPDATE alert_destination SET minute_at = now() + interval '1 year', minute_sent = 999, paused_until = now() + interval '1 year'",
    );
    start();
    await ended(id).toBe('sent');
  });

  it('refuses addresses that are not public, without connecting', async () => {
    const id = await outbox.queue(await webhook('inside'));
    start({ egress: createEgress() });
    await ended(id).toBe('dead');
    expect([service.received.length, (await outbox.state(id)).last_error]).toEqual([
      0,
      'the host has an address that is not public, and the operator does not allow it',
    ]);
  });

  it('opens no secret that was sealed with another key, or moved from another destination', async () => {
    const [one, two] = [await webhook('one'), await webhook('two', service, '/two')];
    await outbox.query(
      'UPDATE alert_destination SET sealed = (SELECT sealed FROM alert_destination WHERE id = $1) WHERE id = $2',
      [one, two],
    );
    const moved = await outbox.queue(two);
    start();
    await ended(moved).toBe('dead');
    await Promise.all(engines.splice(0).map((engine) => engine.stop()));
    const other = await outbox.queue(one);
    start({ key: secretsKeyInMemory() });
    await ended(other).toBe('dead');
    expect(service.received).toEqual([]);
    expect((await outbox.state(other)).last_error).toContain('sealed with another key');
  });

  it('stores no secret of a destination, even if the service repeats it', async () => {
    const path = '/hooks/FAKE-token-in-the-path';
    const id = await outbox.queue(await webhook('repeating', service, path));
    service.answer(({ url, headers }, response) => {
      response.writeHead(400).end(`no ${url} at http://${headers.host ?? ''}${url} signed ${SIGNING}`);
    });
    start();
    await ended(id).toBe('dead');
    const rows = JSON.stringify([
      await outbox.query('SELECT * FROM alert_delivery'),
      await outbox.query('SELECT * FROM alert_destination'),
    ]);
    for (const secret of [path, 'FAKE-token', SIGNING, service.origin]) expect(rows).not.toContain(secret);
  });

  it('stores no half of a secret that stands where the answer of the service is cut', async () => {
    const id = await outbox.queue(await webhook('halving'));
    service.answer((_request, response) => void response.writeHead(400).end(`${'x'.repeat(280)}${SIGNING}`));
    start();
    await ended(id).toBe('dead');
    const { last_error: error } = await outbox.state(id);
    expect(error).toMatch(/x\[secret\]$/);
  });

  it('removes sent deliveries after 30 days and dead ones after 90, and none that waits', async () => {
    const destination = await webhook('old');
    for (const [key, state, days] of [
      ['a', 'sent', 31],
      ['b', 'sent', 29],
      ['c', 'dead', 91],
      ['d', 'dead', 89],
      ['e', 'waiting', 400],
    ] as const) {
      const id = await outbox.queue(destination, { key });
      await outbox.query(
        'UPDATE alert_delivery SET state = $2, ended_at = now() - make_interval(days => $3), queued_at = now() - make_interval(days => $3) WHERE id = $1',
        [id, state, days],
      );
    }
    await prune(db);
    const left = await outbox.query('SELECT key FROM alert_delivery ORDER BY key');
    expect(left.map(({ key }) => key)).toEqual(['b', 'd', 'e']);
  });
});

describe('the delay before the next attempt', () => {
  it('doubles up to an hour, with full jitter, and is never shorter than Retry-After', () => {
    expect([1, 2, 3, 12, 20].map((attempts) => delaySeconds(attempts, undefined, 1))).toEqual([
      5, 10, 20, 3_600, 3_600,
    ]);
    expect(delaySeconds(5, undefined, 0)).toBe(0);
    expect([delaySeconds(1, 60, 0), delaySeconds(1, 1e9, 0.5)]).toEqual([60, MAX_DELAY_SECONDS]);
  });
});
