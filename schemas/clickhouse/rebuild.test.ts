import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createClickHouse, selectRows, type ClickHouseClient } from './client.js';
import { landingDays } from './facts.js';
import { clickhouseMigrations, migrateClickHouse } from './migrate.js';
import { outdatedDays, rebuildFacts } from './rebuild.js';

/** The last migration before the one that reads Codex's Code Mode and Gemini CLI's hooks as this version does. */
const BEFORE = 28;
const SESSIONS = 16;

const url = inject('clickhouseUrl');
const database = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
let client: ClickHouseClient;
beforeAll(async () => {
  client = createClickHouse({ url, database });
  const migrations = await clickhouseMigrations();
  await migrateClickHouse({ url, database }, migrations.slice(0, BEFORE));
  await land('before');
  await migrateClickHouse({ url, database });
});
afterAll(async () => {
  await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
  await client.close();
});

/** Lands a Code Mode script of Codex, a hook of Gemini CLI and a decision in each of 16 sessions. */
async function land(prefix: string, store = client): Promise<void> {
  const at = (session: number): string =>
    new Date(Date.now() - 3_600_000 + session * 1_000).toISOString().replace('T', ' ').replace('Z', '');
  const ResourceAttributes = { 'shieldwatch.tenant.org_id': 'o', 'vcs.repository.name': 'app' };
  const sessions = Array.from({ length: SESSIONS }, (_, i) => i);
  await store.insert({
    table: 'otel_logs',
    format: 'JSONEachRow',
    values: sessions.flatMap((i) => [
      {
        Timestamp: at(i),
        ResourceAttributes,
        LogAttributes: {
          'event.name': 'codex.tool_result',
          'conversation.id': `${prefix}-codex-${i}`,
          tool_name: 'exec',
          call_id: `c${i}`,
          success: 'true',
        },
      },
      {
        Timestamp: at(i),
        ResourceAttributes,
        LogAttributes: {
          'event.name': 'gemini_cli.hook_call',
          'session.id': `${prefix}-gemini-${i}`,
          hook_event_name: 'BeforeTool',
          hook_name: 'shieldwatch',
          success: 'true',
          exit_code: '0',
        },
      },
    ]),
  });
  await store.insert({
    table: 'otel_traces',
    format: 'JSONEachRow',
    values: sessions.map((i) => ({
      Timestamp: at(i),
      TraceId: `${prefix}-${i}`,
      SpanId: String(i),
      SpanName: 'agentshield.pre_tool_use',
      ResourceAttributes,
      SpanAttributes: {
        'shieldwatch.event.id': `${prefix}-${i}`,
        'agentshield.decision.action': 'block',
        'gen_ai.tool.name': 'Bash',
        'session.id': `${prefix}-codex-${i}`,
        'gen_ai.tool.call.id': `c${i}`,
      },
    })),
  });
}

const rows = (sql: string): Promise<unknown[]> => selectRows(client, sql);
/** Facts by what of them the upgrade reads differently: kinds of Codex's scripts, names of Gemini CLI's hooks. */
const derived = (prefix: string): Promise<unknown[]> =>
  rows(`SELECT toString(agent) AS agent, toString(kind) AS kind, toString(decision_source) AS source, count() AS n FROM agent_event
    WHERE startsWith(session_id, '${prefix}') GROUP BY ALL ORDER BY ALL`);
const inSessions = (prefix: string): Promise<unknown[]> =>
  rows(`SELECT toString(agent) AS agent, toString(kind) AS kind, toString(decision_source) AS source, count() AS n FROM session_event_v1 FINAL
    WHERE startsWith(session_id, '${prefix}') GROUP BY ALL ORDER BY ALL`);
const decisions = (): Promise<unknown[]> =>
  rows(
    'SELECT (SELECT count() FROM runtime_event) AS facts, (SELECT count() FROM call_judgement_v1 FINAL) AS judgements',
  );

describe('facts that were derived before an upgrade', () => {
  it('are named, until they are derived again', async () => {
    expect((await outdatedDays(client)).map(({ fact }) => fact)).toContain('agent_event');
    const before = await derived('before');
    await land('after');
    const wanted = await derived('after');
    const wantedInSessions = await inSessions('after');
    expect(before).not.toEqual(wanted);

    const days = await landingDays(client);
    for (const day of days) await rebuildFacts(client, day);
    expect(await outdatedDays(client)).toEqual([]);
    expect(await derived('before')).toEqual(wanted);
    expect(await inSessions('before')).toEqual(wantedInSessions);
    expect(await decisions()).toEqual([{ facts: 2 * SESSIONS, judgements: 2 * SESSIONS }]);
  });

  it('stay as they are when they are derived once more, and where landing holds them no longer', async () => {
    const all = (): Promise<unknown[]> =>
      Promise.all([rows('SELECT * FROM agent_event ORDER BY ALL'), rows('SELECT * FROM runtime_event ORDER BY ALL')]);
    const before = await all();
    const days = await landingDays(client);
    await client.command({ query: "DELETE FROM otel_logs WHERE LogAttributes['call_id'] = 'c1'" });
    for (const day of days) await rebuildFacts(client, day);
    expect(await all()).toEqual(before);
  });

  it('are none in a new store', async () => {
    const fresh = `${database}_new`;
    await migrateClickHouse({ url, database: fresh });
    const other = createClickHouse({ url, database: fresh });
    try {
      await land('new', other);
      expect(await outdatedDays(other)).toEqual([]);
    } finally {
      await other.command({ query: 'DROP DATABASE {fresh:Identifier}', query_params: { fresh } });
      await other.close();
    }
  });
});
