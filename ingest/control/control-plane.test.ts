import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { inOrg } from '#schemas/postgres/session.js';
import { scanOfSpec } from '../testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import type { AuditVerdict } from './audit-chain.js';
import { drainOutbox } from './outbox.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const actor = { orgId: 'org_a', actor: 'test' };
const countsOfA = () =>
  inOrg(gateway.postgres, 'org_a', async (tx) => ({
    repos: (await tx.query("SELECT id FROM repo WHERE full_name LIKE 'acme/change%'")).length,
    entries: (await tx.query("SELECT seq FROM audit_entry WHERE record LIKE '%test.change%'")).length,
  }));
const outbox = () => gateway.postgres.query<{ id: string; subject: string }>("SELECT id, subject FROM outbox WHERE kind = 'test'");
const facts = () => selectRows<{ subject: string }>(gateway.store.client, "SELECT subject FROM control_event WHERE kind = 'test' ORDER BY subject");

/** A change that leaves a row, an entry of the trail and a fact, and then does what `last` does. */
const change = (subject: string, last: () => void = () => undefined) =>
  gateway.app.plane.change(actor, async (tx) => {
    await tx.query('INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3)', [subject, 'org_a', `acme/${subject}`]);
    await tx.record({ action: 'test.change', subject, fact: { kind: 'test', state: 'done', repository: `acme/${subject}` } });
    last();
  });

describe('a change of state', () => {
  it('that fails at its end leaves no row, no entry of the trail and no fact', async () => {
    const before = await countsOfA();
    await expect(change('change-fails', () => { throw new Error('at its end'); })).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await countsOfA()).toEqual(before);
    expect(await outbox()).toEqual([]);
    expect(await facts()).toEqual([]);
  });

  it('that cannot be written to the outbox is not made', async () => {
    await gateway.postgres.execute("ALTER TABLE outbox ADD CONSTRAINT outbox_broken CHECK (subject <> 'change-unheard')");
    const before = await countsOfA();
    await expect(change('change-unheard')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await countsOfA()).toEqual(before);
    await gateway.postgres.execute('ALTER TABLE outbox DROP CONSTRAINT outbox_broken');
  });

  it('becomes one fact, also when the outbox dies between the store and its own row', async () => {
    const before = await countsOfA();
    await change('change-kept');
    expect(await countsOfA()).toEqual({ repos: before.repos + 1, entries: before.entries + 1 });
    await expect.poll(facts).toEqual([{ subject: 'change-kept' }]);
    await expect.poll(outbox).toEqual([]);

    // Stored, and not taken out: what a kill in between leaves.
    await gateway.app.close();
    await change('change-twice');
    const broken: Postgres = {
      ...gateway.postgres,
      transaction: (work) =>
        gateway.postgres.transaction((tx) =>
          work({ ...tx, query: (sql, params) => (sql.startsWith('DELETE') ? Promise.reject(new Error('killed')) : tx.query(sql, params)) }),
        ),
    };
    await expect(drainOutbox(broken, gateway.store.client)).rejects.toThrow('killed');
    expect(await outbox()).toHaveLength(1);
    expect(await drainOutbox(gateway.postgres, gateway.store.client)).toBeGreaterThan(0);
    expect(await outbox()).toEqual([]);
    expect(await facts()).toEqual([{ subject: 'change-kept' }, { subject: 'change-twice' }]);
  });
});

describe('what is decided about a repository that is removed at that moment', () => {
  it('is refused, and is no error of ours', async () => {
    const postgres = await openPostgres({});
    // Somebody else is faster: at the latest moment there is.
    const raced: Postgres = {
      ...postgres,
      transaction: (work) =>
        postgres.transaction((tx) =>
          work({
            ...tx,
            query: async (sql, params) => {
              if (/^INSERT INTO (finding_triage|baseline)/.test(sql)) await tx.query("DELETE FROM repo WHERE full_name = 'acme/raced'");
              return tx.query(sql, params);
            },
          }),
        ),
    };
    const other = await startGateway(inject('clickhouseUrl'), { postgres: raced });
    try {
      const send = async (method: 'POST' | 'PUT', url: string, token: string, body: object): Promise<[number, unknown]> => {
        const answer = await other.app.inject({ method, url, payload: JSON.stringify(body), headers: jsonHeaders(token) });
        return [answer.statusCode, answer.json<Partial<Refusal>>().error?.message];
      };
      const gone = [409, 'the repository was removed meanwhile'];
      expect(await send('POST', '/v1/ingest/scan', other.ingestToken, scanOfSpec({ repository: 'acme/raced', filesScanned: 1 }))).toEqual([200, undefined]);
      expect(await send('PUT', '/v1/repo/acme%2Fraced/findings/triage', other.adminToken, { findingKey: 'k', state: 'muted', reason: 'r' })).toEqual(gone);
      expect(await send('PUT', '/v1/repo/acme%2Fraced/baseline', other.adminToken, {})).toEqual(gone);
      expect(await postgres.query('SELECT * FROM finding_triage')).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('the trail in the database', () => {
  it('that somebody edited, past the trigger, is told by the API', async () => {
    const other = await startGateway(inject('clickhouseUrl'));
    try {
      const verdict = async (): Promise<AuditVerdict> =>
        (await other.app.inject({ url: '/v1/audit/verify', headers: { authorization: `Bearer ${other.adminToken}` } })).json<AuditVerdict>();
      for (const name of ['one', 'two', 'three']) {
        expect((await other.app.inject({ method: 'POST', url: '/v1/tokens', payload: JSON.stringify({ name, scopes: ['read'] }), headers: jsonHeaders(other.adminToken) })).statusCode).toBe(200);
      }
      expect(await verdict()).toMatchObject({ ok: true, entries: 3 });
      await expect(other.postgres.query('DELETE FROM audit_entry WHERE seq = 2')).rejects.toThrow(/append-only/);
      const tamper = async (sql: string): Promise<void> => other.postgres.execute(`ALTER TABLE audit_entry DISABLE TRIGGER USER; ${sql}; ALTER TABLE audit_entry ENABLE TRIGGER USER`);
      await tamper("CREATE TABLE kept AS SELECT * FROM audit_entry; DELETE FROM audit_entry WHERE seq = 3 AND org_id = 'org_a'");
      expect(await verdict()).toMatchObject({ ok: false, seq: 3 });
      await tamper("UPDATE audit_entry SET record = replace(record, 'two', 'owt') WHERE seq = 2 AND org_id = 'org_a'");
      expect(await verdict()).toMatchObject({ ok: false, seq: 2 });
      await tamper('DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM kept');
      expect(await verdict()).toMatchObject({ ok: true, entries: 3 });
    } finally {
      await other.close();
    }
  });
});
