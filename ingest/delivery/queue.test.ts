import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import type { Notice, NoticeInput } from './notice.js';
import { queueNotice } from './queue.js';
import { addBareDestination, noticeOf } from './testing/notice.js';

const SECRET = ['ghp', 'FAKE0000fake0000FAKE0000fake0000FAKE'].join('_');

let db: Postgres;
beforeAll(async () => {
  db = await freshPostgres();
  await asRole(db, 'shieldwatch_operator', {}, (tx) =>
    tx.query("INSERT INTO org (id, name) VALUES ('org_a', 'a'), ('org_b', 'b')"),
  );
  await inOrg(db, 'org_a', (tx) => addBareDestination(tx, 'org_a', 'destination-a'));
  await inOrg(db, 'org_b', (tx) => addBareDestination(tx, 'org_b', 'destination-b'));
});
afterAll(() => db.close());

const queued = (idempotencyKey: string, notice: NoticeInput = noticeOf(), destinationId = 'destination-a') => ({
  orgId: 'org_a',
  destinationId,
  idempotencyKey,
  notice,
  ticket: false,
});
const rows = (key: string) =>
  inOrg(db, 'org_a', (tx) =>
    tx.query<{ id: string | number; state: string; notice: string }>(
      'SELECT id, state, notice FROM alert_delivery WHERE idempotency_key = $1',
      [key],
    ),
  );

describe('queueNotice', () => {
  it('queues a notice once for an idempotency key, and returns the id of the first', async () => {
    const first = await inOrg(db, 'org_a', (tx) => queueNotice(tx, queued('once')));
    const again = await inOrg(db, 'org_a', (tx) => queueNotice(tx, queued('once', noticeOf({ title: 'other' }))));
    expect(again).toBe(first);
    const [row, ...others] = await rows('once');
    expect([String(row?.id), row?.state, others.length]).toEqual([first, 'waiting', 0]);
    expect((JSON.parse(row?.notice ?? '') as Notice).title).toBe('New critical secret');
  });

  it('queues nothing if the transaction is rolled back', async () => {
    await expect(
      inOrg(db, 'org_a', async (tx) => {
        await queueNotice(tx, queued('rolled back'));
        throw new Error('later');
      }),
    ).rejects.toThrow('later');
    expect(await rows('rolled back')).toEqual([]);
  });

  it('accepts background work, and never a destination of another organisation', async () => {
    const other = queued('crossed', noticeOf(), 'destination-b');
    await asRole(db, 'shieldwatch_worker', {}, (tx) => queueNotice(tx, queued('by the worker')));
    expect(await rows('by the worker')).toHaveLength(1);
    await expect(inOrg(db, 'org_a', (tx) => queueNotice(tx, other))).rejects.toThrow();
    await expect(asRole(db, 'shieldwatch_worker', {}, (tx) => queueNotice(tx, other))).rejects.toThrow();
    await expect(inOrg(db, 'org_b', (tx) => queueNotice(tx, queued('crossed')))).rejects.toThrow();
    expect(await rows('crossed')).toEqual([]);
  });

  it('refuses links that are neither http(s) nor a path of the gateway', async () => {
    for (const board of ['javascript:alert(1)', '//evil.test/', '/\\evil.test', 'https://a.test/ b', 'boards'])
      await expect(
        inOrg(db, 'org_a', (tx) =>
          queueNotice(tx, queued('link', noticeOf({ links: { board, explain: null, runbook: null } }))),
        ),
        board,
      ).rejects.toThrow();
  });

  it('stores any texts, bounded, without secrets and control characters', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), async (text, name) => {
        run += 1;
        const hostile = `${text}\0\u001b[31m ${SECRET} ${name}`;
        const notice = noticeOf({
          title: hostile.repeat(20),
          summary: hostile.repeat(200),
          repository: hostile,
          labels: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${name}${String(at)}`, hostile])),
          members: [
            { title: hostile, repository: null, severity: 'warning', since: '2026-11-20T10:00:00Z', board: null },
          ],
        });
        await inOrg(db, 'org_a', (tx) => queueNotice(tx, queued(`any ${String(run)}`, notice)));
        const [row] = await rows(`any ${String(run)}`);
        const stored = JSON.parse(row?.notice ?? '') as Notice;
        expect(row?.notice).not.toContain(SECRET);
        expect(row?.notice.length).toBeLessThan(40_000);
        expect([stored.title.length <= 300, stored.summary.length <= 2_000]).toEqual([true, true]);
        expect(Object.keys(stored.labels).length).toBeLessThanOrEqual(20);
        expect([stored.title, stored.summary, ...Object.values(stored.labels)].join('')).not.toMatch(
          /[\u0000-\u001f\u007f]/,
        );
      }),
      { numRuns: 50 },
    );
  });
});
