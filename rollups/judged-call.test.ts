import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { explainPoint } from '#schemas/clickhouse/explain.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { landDecisions, type DecisionFixture } from './testing/landing-rows.js';
import { createRollupWorker, type RollupWorker } from './worker.js';

let db: TestDatabase;
let worker: RollupWorker;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
  worker = createRollupWorker({ clickhouse: db.client, settleMs: 0 });
});
afterAll(() => db.drop());

const select = (sql: string, params: Record<string, unknown>) =>
  selectRows<Record<string, unknown>>(db.client, sql, params);

/**
 * Returns an organisation's series: (hour, allowed, blocked, asked), decisions timed, attempts, and the day's totals.
 */
async function readings(orgId: string): Promise<unknown> {
  const params = { orgId };
  return {
    rate: await select(
      `SELECT formatDateTime(bucket_start, '%H:00') AS hour, sum(r.allowed) AS allowed, sum(r.blocked) AS blocked, sum(r.asked) AS asked FROM blocked_command_rate_hour AS r WHERE org_id = {orgId:String} GROUP BY hour ORDER BY hour`,
      params,
    ),
    durations: await select(
      'SELECT sum(decisions) AS n FROM decision_duration_day WHERE org_id = {orgId:String}',
      params,
    ),
    injections: await select(
      'SELECT sum(i.attempts) AS attempts, sum(i.decisions) AS n FROM injection_attempt_rate_day AS i WHERE org_id = {orgId:String}',
      params,
    ),
    week: await select(
      'SELECT sum(w.blocked) AS blocked, sum(w.total) AS total FROM blocked_command_rate_org_week AS w WHERE org_id = {orgId:String}',
      params,
    ),
  };
}

let next = 0;
const newOrg = (): string => `calls${next++}`;
const judgement = (
  eventId: string,
  time: string,
  decision: 'allow' | 'block' | 'ask',
  more: Partial<DecisionFixture> = {},
): DecisionFixture => ({
  eventId,
  timestamp: `2026-11-20T${time}Z`,
  tool: 'Bash',
  decision,
  toolCallId: 'toolu_1',
  ...(decision === 'block' ? { ruleCategory: 'injection', reason: 'no' } : {}),
  ...more,
});

async function land(orgId: string, batches: readonly (readonly DecisionFixture[])[]): Promise<void> {
  for (const batch of batches) {
    await landDecisions(
      db.client,
      batch.map((one) => ({ ...one, orgId })),
    );
    await worker.tick();
  }
}

describe('a call that two hooks judged', () => {
  const allowed = judgement('a', '10:59:59.900', 'allow');
  const blocked = judgement('b', '11:00:00.100', 'block');

  it.each([
    ['allow first', [[allowed], [blocked]]],
    ['block first', [[blocked], [allowed]]],
    ['both in one delivery', [[allowed, blocked]]],
    ['each delivered twice', [[blocked, allowed], [allowed], [blocked]]],
  ])('counts once, as blocked, in the hour of the block: %s', async (_, batches) => {
    const orgId = newOrg();
    await land(orgId, batches);
    expect(await readings(orgId)).toEqual({
      rate: [{ hour: '11:00', allowed: 0, blocked: 1, asked: 0 }],
      durations: [{ n: 1 }],
      injections: [{ attempts: 1, n: 1 }],
      week: [{ blocked: 1, total: 1 }],
    });
    // Both judgements stay, as evidence.
    expect(
      await select('SELECT event_id, decision FROM runtime_event WHERE org_id = {orgId:String} ORDER BY event_id', {
        orgId,
      }),
    ).toEqual([
      { event_id: 'a', decision: 'allow' },
      { event_id: 'b', decision: 'block' },
    ]);
  });

  it('counts in the hour of the earlier judgement when both agree', async () => {
    const orgId = newOrg();
    await land(orgId, [[judgement('late', '13:10:00.000', 'allow')], [judgement('early', '09:10:00.000', 'allow')]]);
    expect(await readings(orgId)).toMatchObject({ rate: [{ hour: '09:00', allowed: 1, blocked: 0, asked: 0 }] });
  });

  it.each([
    ['another session', { sessionId: 'other' }],
    ['another call', { toolCallId: 'toolu_2' }],
    ['another repository', { repository: 'acme/web' }],
  ])('counts as two calls with %s', async (_, more) => {
    const orgId = newOrg();
    await land(orgId, [[allowed, judgement('b', '10:59:59.950', 'block', more)]]);
    expect(await readings(orgId)).toMatchObject({ rate: [{ hour: '10:00', allowed: 1, blocked: 1 }] });
  });

  it.each([
    ['without a call id', { toolCallId: undefined }],
    ['without a session', { sessionId: '' }],
    ['whose call id was masked', { toolCallId: '[REDACTED:high-entropy]' }],
  ])('%s counts by event id', async (_, more) => {
    const orgId = newOrg();
    await land(orgId, [
      [judgement('a', '10:00:00.000', 'allow', more), judgement('b', '10:00:00.000', 'block', more)],
      [judgement('a', '10:00:00.000', 'allow', more)],
    ]);
    expect(await readings(orgId)).toMatchObject({ rate: [{ hour: '10:00', allowed: 1, blocked: 1 }] });
  });

  it('stays blocked when one event is delivered with both verdicts, in either order', async () => {
    for (const order of [
      ['allow', 'block'],
      ['block', 'allow'],
    ] as const) {
      const orgId = newOrg();
      await land(
        orgId,
        order.map((decision) => [judgement('same', '10:00:00.000', decision)]),
      );
      expect(await readings(orgId)).toMatchObject({ rate: [{ allowed: 0, blocked: 1, asked: 0 }] });
    }
  });

  it('counts by the remaining judgement when one is deleted', async () => {
    const orgId = newOrg();
    await land(orgId, [[allowed]]);
    await landDecisions(db.client, [{ ...blocked, orgId, tokenId: 'bad' }]);
    await worker.tick();
    await deleteFacts(db.client, { orgId, tokenId: 'bad' });
    await worker.tick();
    expect(await readings(orgId)).toMatchObject({ rate: [{ hour: '10:00', allowed: 1, blocked: 0 }] });
  });

  it('is explained with both judgements and the one that counts', async () => {
    const orgId = newOrg();
    await land(orgId, [
      [
        judgement('a', '10:00:00.000', 'allow'),
        judgement('b', '10:00:00.100', 'block'),
        judgement('c', '10:00:00.200', 'block'),
      ],
    ]);
    const explained = await explainPoint(db.client, {
      orgId,
      series: 'blocked_command_rate',
      repo: 'acme/app',
      at: Date.UTC(2026, 10, 20, 10) / 1_000,
      grain: 'hour',
    });
    expect(explained.rows).toMatchObject([{ blocked: 1, total: 1 }]);
    expect(explained.facts).toMatchObject([
      {
        fact: 'runtime_event',
        count: 3,
        counted: 1,
        rows: [
          { event_id: 'a', is_counted: 0 },
          { event_id: 'b', is_counted: 1 },
          { event_id: 'c', is_counted: 0 },
        ],
      },
    ]);
  });
});

describe('any judgements of a few calls', () => {
  const anyJudgement = fc.record({
    call: fc.integer({ min: 0, max: 3 }),
    minute: fc.integer({ min: 0, max: 179 }),
    decision: fc.constantFrom('allow' as const, 'ask' as const, 'block' as const),
    batch: fc.integer({ min: 0, max: 2 }),
  });

  const anyOrganisation = fc.record({
    judgements: fc.array(anyJudgement, { minLength: 1, maxLength: 12 }),
    luck: fc.infiniteStream(fc.nat()),
  });

  it('give the same series in any order, any batches and with repeats: one count per call, in the hour of its strictest, then earliest judgement', async () => {
    await fc.assert(
      // Side by side in organisations of their own, so that a pass works off a batch of all of them.
      fc.asyncProperty(fc.array(anyOrganisation, { minLength: 15, maxLength: 15 }), async (organisations) => {
        const played = organisations.map(({ judgements, luck }) => {
          const all = judgements.map(({ call, minute, decision, batch }, i) => ({
            batch,
            call,
            minute,
            decision,
            fixture: judgement(
              `e${i}`,
              `1${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, '0')}:00.000`,
              decision,
              { toolCallId: `toolu_${call}` },
            ),
          }));
          return { orgId: newOrg(), all, shuffled: [...all].sort(() => ((luck.next().value ?? 0) % 3) - 1) };
        });
        const landAll = async (chosen: (each: (typeof played)[number]) => (typeof played)[number]['all']) => {
          for (const each of played)
            await landDecisions(
              db.client,
              chosen(each).map(({ fixture }) => ({ ...fixture, orgId: each.orgId })),
            );
          await worker.tick();
        };
        for (const batch of [0, 1, 2]) await landAll(({ shuffled }) => shuffled.filter((one) => one.batch === batch));
        await landAll(({ shuffled }) => shuffled.slice(0, 2));

        for (const { orgId, all } of played) {
          const expected = new Map<string, { hour: string; allowed: number; blocked: number; asked: number }>();
          for (const call of new Set(all.map((one) => one.call))) {
            const of = all.filter((one) => one.call === call);
            const verdict = (['block', 'ask', 'allow'] as const).find((one) =>
              of.some(({ decision }) => decision === one),
            );
            const minute = Math.min(...of.filter(({ decision }) => decision === verdict).map((one) => one.minute));
            const hour = `1${Math.floor(minute / 60)}:00`;
            const row = expected.get(hour) ?? { hour, allowed: 0, blocked: 0, asked: 0 };
            row[verdict === 'block' ? 'blocked' : verdict === 'ask' ? 'asked' : 'allowed'] += 1;
            expected.set(hour, row);
          }
          expect(await readings(orgId)).toMatchObject({
            rate: [...expected.values()].sort((a, b) => (a.hour < b.hour ? -1 : 1)),
          });
        }
      }),
      { numRuns: 1 },
    );
  });
});
