import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { postgresPrograms, startPostgresServer, type TestServer } from '#schemas/testing/postgres-server.js';
import type { Caller } from './caller.js';
import { createToken, hashToken } from './token-format.js';
import { createTokenLookup, type TokenLookup } from './token-lookup.js';
import { createTokenUse } from './token-use.js';
import { mintToken } from './tokens.js';

const programs = await postgresPrograms();

describe.each([
  { database: 'embedded Postgres', isServer: false },
  {
    database:
      programs === undefined ? 'a Postgres server (NOT RUN: no server programs on this machine)' : 'a Postgres server',
    isServer: true,
  },
])('a token looked up, on $database', ({ isServer }) => {
  const isRun = !isServer || programs !== undefined;
  let server: TestServer | undefined;
  let db: Postgres;
  /** The gateways' connection, which counts. */
  let watched: Postgres;
  let transactions = 0;
  let isDown = false;

  beforeAll(async () => {
    if (!isRun) return;
    if (isServer && programs !== undefined) server = await startPostgresServer(programs);
    db = await openPostgres(server === undefined ? {} : { url: server.url });
    await migratePostgres(db);
    await asRole(db, 'shieldwatch_operator', {}, (tx) =>
      tx.query("INSERT INTO org (id, name) VALUES ('org_a', 'a'), ('org_b', 'b')"),
    );
    watched = {
      ...db,
      transaction: (work) => {
        transactions += 1;
        return isDown ? Promise.reject(new Error('down')) : db.transaction(work);
      },
    };
  });
  afterAll(async () => {
    if (!isRun) return;
    await db.close();
    await server?.stop();
  });
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    transactions = 0;
    isDown = false;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const later = (ms: number): unknown => vi.setSystemTime(Date.now() + ms);
  const mint = (more: Partial<Parameters<typeof mintToken>[1]> = {}, orgId = 'org_a') =>
    inOrg(db, orgId, (tx) => mintToken(tx, { orgId, name: 'n', scopes: ['read'], ...more }));
  const inA = (sql: string, params: readonly unknown[] = []) => inOrg(db, 'org_a', (tx) => tx.query(sql, params));
  const find = async (lookup: TokenLookup, token: string): Promise<Caller | undefined> => lookup.byToken(token);

  it.runIf(isRun)('is read once; all tokens in use cost one query a second together', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, async () => (await mint()).token));
    const lookup = createTokenLookup(watched);
    for (let quarter = 0; quarter < 20; quarter++) {
      const callers = await Promise.all(tokens.map((token) => find(lookup, token)));
      expect(callers.every((caller) => caller?.orgId === 'org_a')).toBe(true);
      later(250);
    }
    process.stdout.write(`tokens: ${transactions} transactions in 5 s for ${tokens.length} tokens\n`);
    expect(transactions).toBe(tokens.length + 5);
    // Without requests there are no queries; then there is one.
    later(3_600_000);
    await Promise.all(tokens.map((token) => find(lookup, token)));
    expect(transactions).toBe(tokens.length + 6);
  });

  it.runIf(isRun)('is answered synchronously within one second', async () => {
    const { token } = await mint();
    const lookup = createTokenLookup(watched);
    expect(lookup.byToken(token)).toBeInstanceOf(Promise);
    await find(lookup, token);
    expect(lookup.byToken(token)).toMatchObject({ orgId: 'org_a' });
  });

  const CHANGES: readonly [
    what: string,
    change: (ids: { id: string; member: string }) => Promise<unknown>,
    then: (caller: Caller | undefined) => unknown,
    expected: unknown,
  ][] = [
    [
      'revoked',
      ({ id }) => inA('UPDATE token SET revoked_at = now() WHERE id = $1', [id]),
      (caller) => caller,
      undefined,
    ],
    [
      'given an end',
      ({ id }) => inA("UPDATE token SET expires_at = now() - interval '1 second' WHERE id = $1", [id]),
      (caller) => caller,
      undefined,
    ],
    [
      'of a member who is another role',
      ({ member }) => inA("UPDATE member SET role = 'viewer' WHERE id = $1", [member]),
      (caller) => caller?.role,
      'viewer',
    ],
    [
      'of a member who was removed',
      ({ member }) => inA('DELETE FROM member WHERE id = $1', [member]),
      (caller) => caller,
      undefined,
    ],
    [
      'of an organisation whose retention changed',
      () => inA('UPDATE org SET retention_days = retention_days + 1'),
      (caller) => (caller?.retentionDays ?? 0) > 90,
      true,
    ],
    [
      'of an organisation that is deleted',
      () => inA('UPDATE org SET deleted_at = now()'),
      (caller) => caller?.scopes,
      ['read', 'admin'],
    ],
  ];
  it.runIf(isRun).each(CHANGES)(
    'and %s is that a second later, at every gateway',
    async (_, change, then, expected) => {
      const member = `mem_${createToken().slice(5, 15)}`;
      await inA("INSERT INTO member (id, org_id, login, role) VALUES ($1, 'org_a', $1, 'owner')", [member]);
      const { id, token } = await mint({ memberId: member, scopes: ['read', 'admin', 'ingest:otlp'] });
      const gateways = [createTokenLookup(watched), createTokenLookup(watched)];
      for (const lookup of gateways)
        expect(await find(lookup, token)).toMatchObject({ role: 'owner', scopes: ['read', 'admin', 'ingest:otlp'] });
      await change({ id, member });
      later(1_000);
      for (const lookup of gateways) expect(then(await find(lookup, token))).toEqual(expected);
      await inA('UPDATE org SET deleted_at = NULL');
    },
  );

  it.runIf(isRun)("ends at its hour by the database's clock, though nothing changes", async () => {
    const { token } = await mint({ expiresAt: new Date(Date.now() + 600) });
    const lookup = createTokenLookup(watched);
    expect(await find(lookup, token)).toBeDefined();
    // The server's clock cannot be set, so wait for it.
    await expect
      .poll(async () => {
        later(1_000);
        return find(lookup, token);
      })
      .toBeUndefined();
  });

  it.runIf(isRun)('is refused when it cannot be checked, and when the clock was set back', async () => {
    const { id, token } = await mint();
    const lookup = createTokenLookup(watched);
    expect(await find(lookup, token)).toBeDefined();
    isDown = true;
    later(999);
    expect(await find(lookup, token)).toBeDefined();
    later(1);
    await expect(find(lookup, token)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(find(lookup, token)).rejects.toMatchObject({ code: 'store_unavailable' });
    isDown = false;
    expect(await find(lookup, token)).toBeDefined();
    await inA('UPDATE token SET revoked_at = now() WHERE id = $1', [id]);
    later(-3_600_000);
    expect(await find(lookup, token)).toBeUndefined();
  });

  it.runIf(isRun)('that is unknown is looked up again a second later, with at most one query until then', async () => {
    const token = createToken();
    const lookup = createTokenLookup(watched);
    for (let i = 0; i < 10; i++) expect(await find(lookup, token)).toBeUndefined();
    expect(transactions).toBe(2);
    await inA("INSERT INTO token (id, org_id, name, token_hash, scopes) VALUES ($1, 'org_a', 'n', $2, '{read}')", [
      token.slice(5, 25),
      hashToken(token),
    ]);
    later(1_000);
    expect(await find(lookup, token)).toMatchObject({ orgId: 'org_a' });
  });

  it.runIf(isRun)('that is mistyped is refused without a query; a well-formed one is looked up', async () => {
    const { token } = await mint();
    const lookup = createTokenLookup(watched);
    const at = 20;
    for (const mistyped of [
      token.slice(0, -1),
      `${token}0`,
      token.slice(0, at) + (token[at] === 'x' ? 'y' : 'x') + token.slice(at + 1),
      `ecpp_${token.slice(5)}`,
      '',
    ]) {
      expect(lookup.byToken(mistyped)).toBeUndefined();
    }
    expect(transactions).toBe(0);
  });

  it.runIf(isRun)('is marked as used once a second, which does not count as a change', async () => {
    const { id, token } = await mint();
    const use = createTokenUse();
    const lookup = createTokenLookup(watched, use);
    await find(lookup, token);
    await use.flush(db);
    const lastUsed = async (): Promise<number> =>
      new Date(
        String((await inA('SELECT last_used_at FROM token WHERE id = $1', [id]))[0]?.['last_used_at']),
      ).getTime();
    const first = await lastUsed();
    later(5_000);
    await find(lookup, token);
    await use.flush(db);
    expect(await lastUsed()).toBeGreaterThan(first);
    transactions = 0;
    later(5_000);
    await find(lookup, token);
    expect(transactions).toBe(1);
  });

  // The embedded one has a single connection, so nothing runs during a transaction.
  if (isServer)
    it.runIf(isRun)('works until its revocation is committed, and not afterwards', async () => {
      const { id, token } = await mint();
      const lookup = createTokenLookup(watched);
      await inOrg(db, 'org_a', async (tx) => {
        await tx.query('UPDATE token SET revoked_at = now() WHERE id = $1', [id]);
        later(1_000);
        expect(await find(lookup, token)).toBeDefined();
        later(1_000);
        expect(await find(lookup, token)).toBeDefined();
      });
      later(1_000);
      expect(await find(lookup, token)).toBeUndefined();
    });
});
