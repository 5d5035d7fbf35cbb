import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { Purge, Token } from '#schemas/http/control.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { createGateway } from '../app.js';
import { INGEST_SCOPES } from '../auth/caller.js';
import { mintToken } from '../auth/tokens.js';
import { scanOfSpec } from '../testing/bodies.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { addMember } from './members.js';
import { runPurges } from './purges.js';

let gateway: TestGateway;
let owner: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const { id } = await addMember(
    gateway.app.plane,
    { orgId: 'org_a', actor: 'test' },
    { login: 'owner', role: 'owner' },
  );
  owner = (
    await inOrg(gateway.postgres, 'org_a', (tx) =>
      mintToken(tx, { orgId: 'org_a', name: 'o', scopes: [...INGEST_SCOPES, 'read', 'admin'], memberId: id }),
    )
  ).token;
  for (const token of [gateway.ingestToken, gateway.otherToken]) await fill(token, 'acme/app');
});
afterAll(() => gateway.close());

interface Answer<T> {
  status: number;
  body: T;
}

async function call<T>(method: string, url: string, token: string, body?: unknown): Promise<Answer<T>> {
  const answer = await gateway.app.inject({
    method: method as 'GET',
    url,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  return { status: answer.statusCode, body: answer.json<T>() };
}

async function fill(token: string, repository: string): Promise<void> {
  expect((await call('POST', '/v1/ingest/scan', token, scanOfSpec({ repository }))).status).toBe(200);
  const entries = [{ timestamp: new Date().toISOString(), tool: 'Bash', decision: 'allow' }];
  expect((await call('POST', '/v1/ingest/runtime', token, { repository, entries })).status).toBe(200);
}

/** Counts an organisation's rows in every table of the store. Rows that a merge deduplicates count as one. */
async function rowsOf(orgId: string): Promise<Record<string, number>> {
  const tables = await selectRows<{ table_name: string; column_name: string; engine: string }>(
    gateway.store.client,
    `SELECT c.table AS table_name, c.name AS column_name, t.engine AS engine FROM system.columns AS c
     INNER JOIN (SELECT name, engine FROM system.tables WHERE database = currentDatabase()) AS t ON t.name = c.table
     WHERE c.database = currentDatabase() AND c.name IN ('org_id', 'OrgId') AND t.engine LIKE '%MergeTree'`,
  );
  const counts = await selectRows<{ name: string; n: number }>(
    gateway.store.client,
    tables
      .map(
        ({ table_name: name, column_name: column, engine }) =>
          `SELECT '${name}' AS name, count() AS n FROM ${name} ${engine === 'MergeTree' ? '' : 'FINAL'} WHERE ${column} = {orgId:String}`,
      )
      .join(' UNION ALL '),
    { orgId },
  );
  return Object.fromEntries(counts.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}

const finished = (id: string, token: string) =>
  expect.poll(async () => (await call<Purge>('GET', `/v1/purges/${id}`, token)).body.status).toBe('done');

describe('a purge', () => {
  it('that is repeated removes nothing more, except late deliveries of a spool', async () => {
    await fill(gateway.ingestToken, 'acme/purged');
    const { body } = await call<Purge>('DELETE', '/v1/repo/acme%2Fpurged', owner);
    await finished(body.id, owner);
    const before = await rowsOf('org_a');
    const again = async (): Promise<Purge> => {
      await asRole(gateway.postgres, 'shieldwatch_worker', {}, (tx) =>
        tx.query("UPDATE purge SET last_run_at = now() - interval '2 hours' WHERE id = $1", [body.id]),
      );
      await runPurges(gateway.postgres, gateway.store.client, gateway.app.plane);
      return (await call<Purge>('GET', `/v1/purges/${body.id}`, owner)).body;
    };
    for (let twice = 0; twice < 2; twice += 1) {
      const { status, progress } = await again();
      expect([status, progress.rowsRemoved >= body.progress.rowsRemoved]).toEqual(['done', true]);
      // Apart from what the changes themselves left: outbox entries that became facts.
      expect({ ...(await rowsOf('org_a')), control_event_v1: 0, dirty_hour_v1: 0 }).toEqual({
        ...before,
        control_event_v1: 0,
        dirty_hour_v1: 0,
      });
    }
    const late = [
      { timestamp: new Date(Date.parse(body.requestedAt) - 60_000).toISOString(), tool: 'Bash', decision: 'block' },
    ];
    const fresh = [
      { timestamp: new Date(Date.parse(body.requestedAt) + 60_000).toISOString(), tool: 'Read', decision: 'allow' },
    ];
    await call('POST', '/v1/ingest/runtime', gateway.ingestToken, {
      repository: 'acme/purged',
      entries: [...late, ...fresh],
    });
    await again();
    const left = await selectRows<{ tool: string }>(
      gateway.store.client,
      "SELECT tool FROM runtime_event WHERE org_id = 'org_a' AND repo = 'acme/purged'",
    );
    expect(left).toEqual([{ tool: 'Read' }]);
  });
});

describe('what a spool delivers after a purge', () => {
  const at = (minute: number): string => `2026-11-20T10:0${String(minute)}:00.000Z`;
  const decision = (minute: number, tool: string) => ({ timestamp: at(minute), tool, decision: 'block' });
  const left = () =>
    selectRows<{ tool: string }>(
      gateway.store.client,
      "SELECT tool FROM runtime_event WHERE org_id = 'org_a' AND repo = 'acme/spooled' ORDER BY tool",
    );

  it.each(['token', 'time'])(
    'of a %s is removed when the purge is repeated, and what others sent stays',
    async (by) => {
      const { id, token } = await inOrg(gateway.postgres, 'org_a', (tx) =>
        mintToken(tx, { orgId: 'org_a', name: by, scopes: INGEST_SCOPES }),
      );
      const send = (sender: string, ...entries: object[]) =>
        call('POST', '/v1/ingest/runtime', sender, { repository: 'acme/spooled', entries });
      const deliver = () => send(token, decision(1, `Bad${by}`), decision(2, `Bad${by}`));
      await deliver();
      await send(gateway.ingestToken, decision(5, `Good${by}`));
      const conditions = by === 'token' ? { tokenId: id } : { repository: 'acme/spooled', from: at(0), to: at(4) };
      const { body } = await call<Purge>('POST', '/v1/purges', owner, conditions);
      await finished(body.id, owner);
      expect(await left()).not.toContainEqual({ tool: `Bad${by}` });
      // The client got no answer and sends it again.
      await deliver();
      expect(await left()).toContainEqual({ tool: `Bad${by}` });
      await asRole(gateway.postgres, 'shieldwatch_worker', {}, (tx) =>
        tx.query("UPDATE purge SET last_run_at = now() - interval '2 hours' WHERE id = $1", [body.id]),
      );
      await runPurges(gateway.postgres, gateway.store.client, gateway.app.plane);
      expect(await left()).not.toContainEqual({ tool: `Bad${by}` });
      expect(await left()).toContainEqual({ tool: `Good${by}` });
      expect(
        await selectRows(
          gateway.store.client,
          `SELECT 1 FROM otel_traces WHERE OrgId = 'org_a' AND SpanAttributes['gen_ai.tool.name'] = 'Bad${by}'`,
        ),
      ).toEqual([]);
    },
  );
});

describe('tokens', () => {
  it('show when they were last used', async () => {
    await gateway.app.inject({ url: '/v1/repos', headers: { authorization: `Bearer ${gateway.readToken}` } });
    // The gateway writes what it has in memory when it stops; use another one on the same Postgres.
    const other = await createGateway({ clickhouse: gateway.store.client, postgres: gateway.postgres });
    await other.inject({ url: '/v1/repos', headers: { authorization: `Bearer ${gateway.readToken}` } });
    await other.close();
    const { tokens } = (await call<{ tokens: Token[] }>('GET', '/v1/tokens', owner)).body;
    const lastUse = (scopes: string): string | null | undefined =>
      tokens.find((token) => token.scopes.join() === scopes)?.lastUsedAt;
    expect(Math.abs(Date.parse(lastUse('read') ?? '') - Date.now())).toBeLessThan(120_000);
    // Nobody has used it yet.
    expect(lastUse('read,admin')).toBeNull();
  });
});

describe('an organisation that is deleted', () => {
  it('is deleted only by its owner, who confirms its name', async () => {
    expect((await call('DELETE', '/v1/org/org_a', gateway.adminToken, { name: 'a' })).status).toBe(403);
    expect((await call<Refusal>('DELETE', '/v1/org/org_a', owner, { name: 'b' })).body.error.field).toBe('name');
    expect((await call('DELETE', '/v1/org/org_b', owner, { name: 'b' })).status).toBe(404);
    expect(Object.keys(await rowsOf('org_a'))).toEqual(
      expect.arrayContaining(['otel_traces', 'scan_v1', 'runtime_event_v1']),
    );
  });

  it('refuses data at once, shows progress, keeps its audit trail, and touches no other organisation', async () => {
    const other = await rowsOf('org_b');
    const { status, body } = await call<Purge>('DELETE', '/v1/org/org_a', owner, { name: 'a' });
    expect([status, body.organisation]).toEqual([200, true]);
    const send = (token: string) => call('POST', '/v1/ingest/runtime', token, { repository: 'acme/app', entries: [] });
    // A token is cached for a second.
    await expect.poll(async () => (await send(gateway.ingestToken)).status).toBe(401);
    await expect.poll(async () => (await send(owner)).status).not.toBe(200);
    // Its owner can follow the purge, and is then deleted.
    await expect.poll(async () => (await call('GET', `/v1/purges/${body.id}`, owner)).status).toBe(401);
    await expect
      .poll(async () => Object.keys(await rowsOf('org_a')).filter((table) => table !== 'control_event_v1'))
      .toEqual([]);
    const trail = async (): Promise<string[]> =>
      (
        await inOrg(gateway.postgres, 'org_a', (tx) =>
          tx.query<{ record: string }>('SELECT record FROM audit_entry ORDER BY seq'),
        )
      ).map(({ record }) => (JSON.parse(record) as { action: string }).action);
    await expect
      .poll(trail)
      .toEqual(expect.arrayContaining(['org.delete', 'purge.request', 'org.gone', 'purge.finish']));
    const rows = await inOrg(gateway.postgres, 'org_a', async (tx) => ({
      kept: await tx.query('SELECT name, deleted_at IS NOT NULL AS is_deleted FROM org'),
      gone: await tx.query(
        'SELECT id FROM repo UNION ALL SELECT id FROM member UNION ALL SELECT id FROM token WHERE revoked_at IS NULL',
      ),
    }));
    expect(rows.kept).toEqual([{ name: 'deleted', is_deleted: true }]);
    expect(rows.gone).toEqual([]);
    expect(await rowsOf('org_b')).toEqual(other);
  });

  it('is not the one of the machine itself', async () => {
    await asRole(gateway.postgres, 'shieldwatch_operator', {}, (tx) =>
      tx.query("INSERT INTO org (id, name) VALUES ('org_local', 'local')"),
    );
    expect((await gateway.app.asMachine('org_local', 'DELETE', '/v1/org/org_local', { name: 'local' })).status).toBe(
      409,
    );
  });
});
