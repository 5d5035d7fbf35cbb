import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { inOrg } from '#schemas/postgres/session.js';
import { ensureFirstTokens } from './first-tokens.js';
import { scanOfSpec } from '../testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import type { AuditVerdict } from './audit-chain.js';
import { auditFilesInMemory } from './audit-files.js';
import { createControlPlane } from './control-plane.js';
import { createOrg, setPlan } from './orgs.js';
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
const outbox = () =>
  gateway.postgres.query<{ id: string; subject: string }>("SELECT id, subject FROM outbox WHERE kind = 'test'");
const facts = () =>
  selectRows<{ subject: string }>(
    gateway.store.client,
    "SELECT subject FROM control_event WHERE kind = 'test' ORDER BY subject",
  );

/** Makes a change that leaves a row, an audit entry and a fact, and then runs `last`. */
const change = (subject: string, last: () => void = () => undefined) =>
  gateway.app.plane.change(actor, async (tx) => {
    await tx.query('INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3)', [
      subject,
      'org_a',
      `acme/${subject}`,
    ]);
    await tx.record({
      action: 'test.change',
      subject,
      fact: { kind: 'test', state: 'done', repository: `acme/${subject}` },
    });
    last();
  });

describe('a change of state', () => {
  it('that fails at its end leaves no row, audit entry or fact', async () => {
    const before = await countsOfA();
    await expect(
      change('change-fails', () => {
        throw new Error('at its end');
      }),
    ).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await countsOfA()).toEqual(before);
    expect(await outbox()).toEqual([]);
    expect(await facts()).toEqual([]);
  });

  it('that cannot be written to the outbox is not made', async () => {
    await gateway.postgres.execute(
      "ALTER TABLE outbox ADD CONSTRAINT outbox_broken CHECK (subject <> 'change-unread')",
    );
    const before = await countsOfA();
    await expect(change('change-unread')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await countsOfA()).toEqual(before);
    await gateway.postgres.execute('ALTER TABLE outbox DROP CONSTRAINT outbox_broken');
  });

  it('becomes one fact, also when the outbox is killed between the store and its own row', async () => {
    const before = await countsOfA();
    await change('change-kept');
    expect(await countsOfA()).toEqual({ repos: before.repos + 1, entries: before.entries + 1 });
    await expect.poll(facts).toEqual([{ subject: 'change-kept' }]);
    await expect.poll(outbox).toEqual([]);

    // Stored but not removed from the outbox: the state after a crash in between.
    await gateway.app.close();
    await change('change-twice');
    const broken: Postgres = {
      ...gateway.postgres,
      transaction: (work) =>
        gateway.postgres.transaction((tx) =>
          work({
            ...tx,
            query: (sql, params) =>
              sql.startsWith('DELETE') ? Promise.reject(new Error('killed')) : tx.query(sql, params),
          }),
        ),
    };
    await expect(drainOutbox(broken, gateway.store.client)).rejects.toThrow('killed');
    expect(await outbox()).toHaveLength(1);
    expect(await drainOutbox(gateway.postgres, gateway.store.client)).toBeGreaterThan(0);
    expect(await outbox()).toEqual([]);
    expect(await facts()).toEqual([{ subject: 'change-kept' }, { subject: 'change-twice' }]);
  });
});

describe('an organisation', () => {
  const orgs = () => gateway.postgres.query('SELECT id, plan FROM org ORDER BY id');

  it('is neither added nor given a plan without an audit entry', async () => {
    const { plane } = gateway.app;
    const before = await orgs();
    await gateway.postgres.execute(
      "ALTER TABLE audit_entry ADD CONSTRAINT audit_broken CHECK (record NOT LIKE '%org.create%' AND record NOT LIKE '%org.plan%')",
    );
    await expect(createOrg(plane, { name: 'unread', plan: 'team' })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    await expect(setPlan(plane, 'org_a', 'enterprise')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await orgs()).toEqual(before);
    await gateway.postgres.execute('ALTER TABLE audit_entry DROP CONSTRAINT audit_broken');

    const { id } = await createOrg(plane, { name: 'heard', plan: 'team' });
    await setPlan(plane, id, 'enterprise');
    const trail = await inOrg(gateway.postgres, id, (tx) =>
      tx.query<{ record: string }>('SELECT record FROM audit_entry ORDER BY seq'),
    );
    expect(trail.map(({ record }) => JSON.parse(record) as unknown)).toMatchObject([
      { orgId: id, action: 'org.create', actor: 'machine', detail: { plan: 'team' } },
      { action: 'org.plan', detail: { plan: 'enterprise' } },
    ]);
    await expect(setPlan(plane, 'org_none', 'team')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('of a first start is created with its tokens or not at all', async () => {
    const postgres = await freshPostgres();
    await postgres.execute("ALTER TABLE token ADD CONSTRAINT token_broken CHECK (name <> 'first ingest token')");
    await expect(ensureFirstTokens(postgres)).rejects.toThrow();
    expect(await postgres.query('SELECT id FROM org')).toEqual([]);
    await postgres.execute('ALTER TABLE token DROP CONSTRAINT token_broken');
    expect(await ensureFirstTokens(postgres)).toMatchObject({ orgId: 'org_local' });
    await postgres.close();
  });
});

describe('a change that is committed', () => {
  it('succeeds when heads cannot be published; they follow with the next change', async () => {
    const memory = auditFilesInMemory();
    let isFull = true;
    const failures: unknown[] = [];
    const plane = createControlPlane(gateway.postgres, {
      ...memory,
      publish(heads) {
        if (isFull) throw new Error('no space left on device');
        memory.publish(heads);
      },
    });
    plane.onPublishFailed((error) => void failures.push(error));
    const record = (subject: string) =>
      plane.change({ orgId: 'org_b', actor: 'test' }, async (tx) => {
        await tx.record({ action: 'test.published', subject });
        return subject;
      });
    expect(await record('one')).toBe('one');
    expect(await record('two')).toBe('two');
    expect([failures.length, memory.heads()]).toEqual([2, []]);
    isFull = false;
    expect(await record('three')).toBe('three');
    const stored = await inOrg(gateway.postgres, 'org_b', (tx) =>
      tx.query<{ seq: string; hash: string }>('SELECT seq, hash FROM audit_entry ORDER BY seq'),
    );
    expect(memory.heads().map(({ seq, hash }) => [seq, hash])).toEqual(
      stored.slice(-2).map(({ seq, hash }) => [Number(seq), hash]),
    );
  });

  it('writes as many statements for a thousand entries as for one', async () => {
    const statements: string[] = [];
    const counted: Postgres = {
      ...gateway.postgres,
      transaction: (work) =>
        gateway.postgres.transaction((tx) =>
          work({
            ...tx,
            query: (sql, params) => {
              statements.push(sql);
              return tx.query(sql, params);
            },
          }),
        ),
    };
    const plane = createControlPlane(counted, auditFilesInMemory());
    const many = async (count: number): Promise<number> => {
      statements.length = 0;
      await plane.change({ orgId: 'org_b', actor: 'test' }, async (tx) => {
        for (let i = 0; i < count; i += 1)
          await tx.record({ action: 'test.many', subject: String(i), fact: { kind: 'test-many', state: 'done' } });
      });
      return statements.length;
    };
    const one = await many(1);
    expect(await many(1_000)).toBe(one);
    await expect
      .poll(() =>
        gateway.postgres.query("SELECT 1 FROM audit_entry WHERE record LIKE '%test.many%'").then((rows) => rows.length),
      )
      .toBe(1_001);
  });
});

describe('what is decided about a repository that is removed at that moment', () => {
  it('is refused with a 4xx', async () => {
    const postgres = await freshPostgres();
    // A concurrent removal at the latest possible time.
    const raced: Postgres = {
      ...postgres,
      transaction: (work) =>
        postgres.transaction((tx) =>
          work({
            ...tx,
            query: async (sql, params) => {
              if (/^INSERT INTO (finding_triage|baseline)/.test(sql))
                await tx.query("DELETE FROM repo WHERE full_name = 'acme/raced'");
              return tx.query(sql, params);
            },
          }),
        ),
    };
    const other = await startGateway(inject('clickhouseUrl'), { postgres: raced });
    try {
      const send = async (
        method: 'POST' | 'PUT',
        url: string,
        token: string,
        body: object,
      ): Promise<[number, unknown]> => {
        const answer = await other.app.inject({
          method,
          url,
          payload: JSON.stringify(body),
          headers: jsonHeaders(token),
        });
        return [answer.statusCode, answer.json<Partial<Refusal>>().error?.message];
      };
      const gone = [409, 'the repository was removed meanwhile'];
      expect(
        await send(
          'POST',
          '/v1/ingest/scan',
          other.ingestToken,
          scanOfSpec({ repository: 'acme/raced', filesScanned: 1 }),
        ),
      ).toEqual([200, undefined]);
      expect(
        await send('PUT', '/v1/repo/acme%2Fraced/findings/triage', other.adminToken, {
          findingKey: 'k',
          state: 'muted',
          reason: 'r',
        }),
      ).toEqual(gone);
      expect(await send('PUT', '/v1/repo/acme%2Fraced/baseline', other.adminToken, {})).toEqual(gone);
      expect(await postgres.query('SELECT * FROM finding_triage')).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('the trail in the database', () => {
  it('that was edited past the trigger is reported by the API', async () => {
    const other = await startGateway(inject('clickhouseUrl'));
    try {
      const verdict = async (): Promise<AuditVerdict> =>
        (
          await other.app.inject({ url: '/v1/audit/verify', headers: { authorization: `Bearer ${other.adminToken}` } })
        ).json<AuditVerdict>();
      for (const name of ['one', 'two', 'three']) {
        expect(
          (
            await other.app.inject({
              method: 'POST',
              url: '/v1/tokens',
              payload: JSON.stringify({ name, scopes: ['read'] }),
              headers: jsonHeaders(other.adminToken),
            })
          ).statusCode,
        ).toBe(200);
      }
      expect(await verdict()).toMatchObject({ ok: true, entries: 3 });
      await expect(other.postgres.query('DELETE FROM audit_entry WHERE seq = 2')).rejects.toThrow(/append-only/);
      const tamper = async (sql: string): Promise<void> =>
        other.postgres.execute(
          `ALTER TABLE audit_entry DISABLE TRIGGER USER; ${sql}; ALTER TABLE audit_entry ENABLE TRIGGER USER`,
        );
      await tamper(
        "CREATE TABLE kept AS SELECT * FROM audit_entry; DELETE FROM audit_entry WHERE seq = 3 AND org_id = 'org_a'",
      );
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
