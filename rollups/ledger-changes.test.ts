import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { moveRepository } from '#schemas/clickhouse/move.js';
import { ATTR_TENANT_ORG_ID, ATTR_TENANT_TOKEN_ID } from '#schemas/semconv.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { backfillMonth, monthsOf } from './backfill.js';
import { rollupJobs } from './jobs.js';
import { reconcileMonth } from './reconcile.js';
import { readStatus } from './status.js';
import { landDecisions } from './testing/landing-rows.js';
import { randomOf, sessionFacts } from './testing/ledger/generate.js';
import { differingCalls, ledgerCalls, naiveCalls } from './testing/ledger/oracle.js';
import { differingBuckets, differingSessions, insertFacts } from './testing/ledger/play.js';
import { createRollupWorker } from './worker.js';

const ORG = 'org_changes';
const HOUR_MS = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const JOBS = rollupJobs().filter(({ scope }) => scope === 'session');
/** Tables of the ledger and of what is counted of it. */
const TABLES = JOBS.map(({ name }) => `${name}_v1`);

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const command = (query: string): Promise<unknown> => db.client.command({ query });
const pass = (): Promise<unknown> => createRollupWorker({ clickhouse: db.client, settleMs: 0, jobs: JOBS }).tick();

/** Expects the ledger, its series and its sessions to be what all facts of the store say. */
async function expectExact(): Promise<void> {
  expect(differingCalls(await ledgerCalls(db.client), await naiveCalls(db.client))).toEqual({ count: 0, some: [] });
  expect(await differingBuckets(db.client, 'hour')).toEqual([]);
  expect(await differingBuckets(db.client, 'day')).toEqual([]);
  expect(await differingSessions(db.client)).toEqual([]);
}

interface Landed {
  call: string;
  decision: 'allow' | 'block';
  repository?: string;
  hoursAgo?: number;
  /** Tokens by which the guard and the agent send. */
  guard: string;
  agent: string;
}

/** Lands a judgement and what Claude Code reports of the call: that it ran, or that a hook denied it. */
async function land({ call, decision, repository = 'acme/app', hoursAgo = 5, guard, agent }: Landed): Promise<void> {
  const at = (ms: number): string => new Date(NOW - hoursAgo * HOUR_MS + ms).toISOString();
  await landDecisions(db.client, [
    {
      orgId: ORG,
      tokenId: guard,
      repository,
      sessionId: `session-${call}`,
      toolCallId: call,
      eventId: `judged-${call}`,
      timestamp: at(0),
      tool: 'Bash',
      decision,
      reason: decision === 'block' ? 'matches a rule of the policy' : '',
    },
  ]);
  const [owner = '', name = ''] = repository.split('/');
  const event = (ms: number, attributes: Record<string, string>) => ({
    Timestamp: at(ms).replace('T', ' ').replace('Z', ''),
    Body: `claude_code.${attributes['event.name'] ?? ''}`,
    ResourceAttributes: {
      [ATTR_TENANT_ORG_ID]: ORG,
      [ATTR_TENANT_TOKEN_ID]: agent,
      'vcs.owner.name': owner,
      'vcs.repository.name': name,
    },
    LogAttributes: {
      'session.id': `session-${call}`,
      'event.timestamp': at(ms),
      tool_name: 'Bash',
      tool_use_id: call,
      ...attributes,
    },
  });
  await db.client.insert({
    table: 'otel_logs',
    format: 'JSONEachRow',
    values:
      decision === 'block'
        ? [event(10, { 'event.name': 'tool_decision', decision: 'reject', source: 'hook' })]
        : [
            event(10, { 'event.name': 'tool_decision', decision: 'accept', source: 'config' }),
            event(20, { 'event.name': 'tool_result', success: 'true', duration_ms: '5' }),
          ],
  });
}

/** Outcomes of calls, and the repository in which they lie. */
const outcomes = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (
      await selectRows<{ id: string; what: string }>(
        db.client,
        `SELECT tool_call_id AS id, concat(outcome, ' ', repo) AS what FROM tool_call_outcome WHERE org_id = '${ORG}' AND startsWith(tool_call_id, 'call-') ORDER BY id`,
      )
    ).map(({ id, what }) => [id, what]),
  );

describe('the ledger follows', () => {
  it('the deletion of all that one token sent', async () => {
    await land({ call: 'call-1', decision: 'block', guard: 'token_guard', agent: 'token_agent' });
    await land({ call: 'call-2', decision: 'allow', guard: 'token_gone', agent: 'token_agent' });
    await land({ call: 'call-3', decision: 'block', guard: 'token_gone', agent: 'token_agent' });
    await land({ call: 'call-4', decision: 'allow', guard: 'token_guard', agent: 'token_gone' });
    await pass();
    expect(await outcomes()).toEqual({
      'call-1': 'enforced acme/app',
      'call-2': 'allowed acme/app',
      'call-3': 'enforced acme/app',
      'call-4': 'allowed acme/app',
    });
    await deleteFacts(db.client, { orgId: ORG, tokenId: 'token_gone' });
    await pass();
    expect(await outcomes()).toEqual({
      'call-1': 'enforced acme/app',
      'call-2': 'unjudged acme/app',
      'call-3': 'denied_elsewhere acme/app',
      'call-4': 'unknown acme/app',
    });
    await expectExact();
  });

  it('the merge of a repository into another', async () => {
    await land({
      call: 'call-5',
      decision: 'block',
      repository: 'acme/old',
      guard: 'token_guard',
      agent: 'token_agent',
    });
    await land({
      call: 'call-6',
      decision: 'allow',
      repository: 'acme/old',
      guard: 'token_guard',
      agent: 'token_agent',
    });
    await pass();
    expect(await outcomes()).toMatchObject({ 'call-5': 'enforced acme/old', 'call-6': 'allowed acme/old' });
    await moveRepository(db.client, {
      orgId: ORG,
      from: 'acme/old',
      to: 'acme/app',
      since: new Date(NOW - 24 * HOUR_MS),
      until: new Date(Date.now() + HOUR_MS),
    });
    await pass();
    expect(await outcomes()).toMatchObject({ 'call-5': 'enforced acme/app', 'call-6': 'allowed acme/app' });
    for (const view of ['tool_call_outcome', 'tool_call_outcomes_hour', 'tool_call_outcomes_day', 'agent_session'])
      expect(await selectRows(db.client, `SELECT repo FROM ${view} WHERE repo = 'acme/old'`), view).toEqual([]);
    await expectExact();
  });
});

describe('the ledger of 10 sessions', () => {
  beforeEach(async () => {
    const facts = Array.from({ length: 10 }, (_, session) =>
      sessionFacts('org_random', `s${session}`, 8, NOW - 30 * HOUR_MS, randomOf(session)),
    );
    await insertFacts(db.client, facts.flat());
    await pass();
    await expectExact();
  });

  it('is made again by a backfill of its series, of which nothing was left', async () => {
    for (const table of TABLES) await command(`TRUNCATE TABLE ${table}`);
    for (const job of JOBS)
      for (const { month } of await monthsOf(db.client, job))
        expect((await backfillMonth(db.client, job, month)).failed, `${job.name} ${month}`).toBe(0);
    await expectExact();
  });

  it('has its sessions with younger marks in the status, and none after a pass for which they have settled', async () => {
    const open = async (): Promise<Record<string, number>> =>
      Object.fromEntries(
        (await readStatus(db.client))
          .filter(({ series }) => JOBS.some(({ name }) => name === series))
          .map(({ series, openBuckets }) => [series, openBuckets]),
      );
    const each = (sessions: number) => Object.fromEntries(JOBS.map(({ name }) => [name, sessions]));
    // A pass that had something to do records how far it settled: the marks of its own sessions included.
    await insertFacts(db.client, sessionFacts('org_random', 's1', 8, NOW - 30 * HOUR_MS, randomOf(1)));
    await insertFacts(db.client, sessionFacts('org_random', 's2', 8, NOW - 30 * HOUR_MS, randomOf(2)));
    expect(await open()).toEqual(each(2));
    await pass();
    expect(await open()).toEqual(each(0));
  });

  it.each(JOBS.map(({ name }) => name))('is repaired where rows of %s were lost', async (name) => {
    const job = JOBS.find((one) => one.name === name);
    if (job === undefined) throw new Error(`no job ${name}`);
    const reconcile = async (): Promise<number> => {
      let found = 0;
      for (const one of JOBS)
        for (const { month } of await monthsOf(db.client, one)) found += await reconcileMonth(db.client, one, month);
      return found;
    };
    // Written and marked an hour ago: what is younger than three minutes counts as in progress.
    await age();
    expect(await reconcile()).toBe(0);
    await command(`TRUNCATE TABLE ${name}_v1`);
    expect(await reconcile()).toBeGreaterThan(0);
    await pass();
    await expectExact();
  });

  /** Makes marks and rows of the ledger an hour older. */
  async function age(): Promise<void> {
    for (const table of [...TABLES, 'session_hour_v1']) {
      const [column, value] =
        table === 'session_hour_v1'
          ? ['marked_at', 'marked_at - toIntervalHour(1)']
          : ['version', 'version - 3600000000'];
      await command(
        `CREATE TABLE aged ENGINE = Memory AS SELECT * REPLACE (${value} AS ${column}) FROM ${table} FINAL`,
      );
      await command(`TRUNCATE TABLE ${table}`);
      await command(`INSERT INTO ${table} SELECT * FROM aged`);
      await command('DROP TABLE aged');
    }
  }
});
