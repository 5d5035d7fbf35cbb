import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Postgres } from '#schemas/postgres/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import type { Delivery } from '../engine.js';
import type { NoticeInput } from '../notice.js';
import { GITHUB_TOKEN, startGitHub, type FakeGitHub } from '../testing/github.js';
import { testOutbox, type TestOutbox } from '../testing/outbox.js';

const POLL = { timeout: 60_000, interval: 50 };
let db: Postgres;
let outbox: TestOutbox;
let service: FakeGitHub;
let engine: Delivery;
let destination: string;
beforeAll(async () => {
  db = await freshPostgres();
  outbox = await testOutbox(db);
});
afterAll(() => db.close());
beforeEach(async () => {
  service = await startGitHub('acme/security');
  engine = outbox.start({ reroute: { 'https://api.github.com': service.origin } });
  destination = await outbox.add({
    name: 'issues',
    kind: 'github',
    config: { repository: 'acme/security' },
    secrets: { token: GITHUB_TOKEN },
  });
});
afterEach(async () => {
  await engine.stop();
  await service.close();
  for (const table of ['alert_ticket', 'alert_delivery', 'alert_destination'])
    await outbox.query(`DELETE FROM ${table}`);
});

const send = async (notice: Partial<NoticeInput>): Promise<void> => {
  const id = await outbox.queue(destination, notice);
  engine.wake();
  await expect
    .poll(async () => {
      await outbox.hurry();
      engine.wake();
      const { state, last_error: error } = await outbox.state(id);
      return state === 'dead' ? error : state;
    }, POLL)
    .toBe('sent');
};
const ticket = async () => (await outbox.query('SELECT external_id, url, state, episode FROM alert_ticket'))[0];

describe('an issue on GitHub', () => {
  it('is one per key: commented on, closed when resolved, and reopened by the next episode', async () => {
    await send({ episode: 1 });
    expect(service.issues).toMatchObject([{ number: 1, state: 'open', labels: ['shieldwatch'], comments: [] }]);
    expect(await ticket()).toEqual({ external_id: '1', url: service.issues[0]?.html_url, state: 'open', episode: 1 });
    await send({ kind: 'acknowledged' });
    await send({ kind: 'resolved' });
    expect(service.issues[0]).toMatchObject({ state: 'closed', comments: { length: 2 } });
    await send({ episode: 2 });
    expect([service.issues.length, service.issues[0]?.state, service.issues[0]?.comments.length]).toEqual([
      1,
      'open',
      3,
    ]);
    expect(await ticket()).toMatchObject({ state: 'open', episode: 2 });
    await send({ key: 'another', title: 'other' });
    expect(service.issues).toHaveLength(2);
  });

  it('is not created twice when the connection is cut after it was created', async () => {
    service.cutAfter('POST /issues');
    await send({});
    expect([service.issues.length, service.issues[0]?.comments.length]).toEqual([1, 1]);
    expect(await ticket()).toMatchObject({ external_id: '1', state: 'open' });
  });

  it('gets no second comment when the connection is cut after the first', async () => {
    await send({});
    service.cutAfter('POST /issues/N/comments');
    await send({ episode: 2 });
    expect(service.issues[0]?.comments).toHaveLength(1);
  });

  it('is created after a rate limit, which is answered with 403', async () => {
    service.refuseOnce(403, { 'retry-after': '60' });
    await send({});
    service.refuseOnce(403, {
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(Math.floor(Date.now() / 1_000) + 60),
    });
    await send({ key: 'other' });
    expect(service.issues).toHaveLength(2);
  });

  it('is closed at once when it is a test, and none is created to be resolved', async () => {
    await send({ kind: 'test' });
    await send({ kind: 'resolved', key: 'never fired' });
    expect(service.issues.map(({ state }) => state)).toEqual(['closed']);
  });

  it('that the token may not create makes the notice dead, without the token in the reason', async () => {
    service.refuseOnce(403);
    const id = await outbox.queue(destination);
    engine.wake();
    await expect.poll(async () => (await outbox.state(id)).state, POLL).toBe('dead');
    const { last_error: error } = await outbox.state(id);
    expect(error).toBe('the service answered 403: {"message":"refused"}');
  });
});
