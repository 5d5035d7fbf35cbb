import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { mintToken } from '#ingest/auth/tokens.js';
import { readBoards } from '#ingest/boards/board-library.js';
import { repositoryFilter } from '#ingest/boards/repository-filter.js';
import { runQuery } from '#ingest/boards/run-query.js';
import { removeRows } from '#ingest/control/remove-rows.js';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { openTokenSession } from '#ingest/testing/session.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { DAY, seedByHand, T } from '../testing/board-seed.js';

const OWN = 'acme/web';
/** Values that count from now on to when they are read, by the name of their column. */
const CLOCKS = new Set(['seconds', 'age', 'silent_seconds', 'exposed_for', 'open_for', 'oldest', 'lag']);
const SLACK_SECONDS = 900;

let gateway: TestGateway;
let bound: string;
/** Every address of the boards that answers with data. */
const addresses: string[] = [];
beforeAll(async () => {
  const open = { rate: 1e9, burst: 1e9 };
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, entries: open, failures: open },
  });
  bound = (await mintToken(gateway.postgres, { orgId: 'org_a', name: 'bound', scopes: ['read'], repository: OWN }))
    .token;
  const { client } = gateway.store;
  await client.command({
    query: 'CREATE TABLE org_total_v1 (org_id LowCardinality(String), total UInt32) ENGINE = MergeTree ORDER BY org_id',
  });
  await client.command({ query: 'CREATE VIEW org_total AS SELECT org_id, total FROM org_total_v1' });
  await client.insert({ table: 'org_total_v1', values: [{ org_id: 'org_a', total: 7 }], format: 'JSONEachRow' });
  await seedByHand(client);
  const range = `from=${String(T - 9 * DAY)}&to=${String(Date.now())}`;
  for (const board of (await readBoards()).all()) {
    const at = `/boards/api/boards/${board.uid}`;
    addresses.push(`${at}/variables?${range}`);
    const panels = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
    for (const { id, targets = [] } of panels)
      for (const { refId } of targets) addresses.push(`${at}/panels/${String(id)}?refId=${refId}&${range}`);
    for (const { name, target } of board.annotations.list)
      if (target?.rawSql !== undefined) addresses.push(`${at}/annotations/${encodeURIComponent(name)}?${range}`);
  }
});
afterAll(() => gateway.close());

interface Answer {
  status: number;
  body: { columns?: { name: string }[]; rows?: unknown[][] };
}

async function readAll(headers: Record<string, string>): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (const url of addresses) {
    // A board of one repository or session asks for it, as the page does; the token's own repository wins anyway.
    const answer = await gateway.app.inject({
      url: `${url}&var-repo=${encodeURIComponent(OWN)}&var-session=session-1`,
      headers,
    });
    answers.set(url, { status: answer.statusCode, body: answer.json() });
  }
  return answers;
}

/** The answer with what only time has changed made equal. */
function settled({ status, body }: Answer, before: Answer): unknown {
  const rows = body.rows?.map((row, at) =>
    row.map((value, column) => {
      const was = before.body.rows?.[at]?.[column];
      const isClock =
        CLOCKS.has(body.columns?.[column]?.name ?? '') && typeof value === 'number' && typeof was === 'number';
      return isClock && Math.abs(value - was) < SLACK_SECONDS ? was : value;
    }),
  );
  return { status, body: { ...body, ...(rows === undefined ? {} : { rows }) } };
}

/** Short names of addresses, for what a failure shows. */
const named = (urls: readonly string[]): string[] =>
  urls.map((url) => url.replace('/boards/api/boards/shieldwatch-', '').split('?', 1)[0] ?? '');

describe('a token that is bound to a repository', () => {
  it('returns for every panel, annotation and variable, also to a browser session, the same as a store with only that repository', async () => {
    const session = await openTokenSession(gateway.app, bound);
    const answers = await readAll(session);
    const whole = await readAll({ authorization: `Bearer ${gateway.readToken}` });
    // Else nothing below would show anything.
    expect([...whole.values()].filter(({ status }) => status !== 200)).toEqual([]);
    const { client } = gateway.store;
    const others = await selectRows<{ repo: string }>(
      client,
      `SELECT repo FROM repository_activity WHERE org_id = 'org_a' AND repo NOT IN ('', '${OWN}')`,
    );
    expect(others.length).toBeGreaterThan(1);
    for (const { repo } of others) {
      const removed = await removeRows(
        client,
        { orgId: 'org_a', repository: repo, tokenId: undefined, from: undefined, to: undefined, isWhole: true },
        () => Promise.resolve(),
      );
      expect(removed).toBeGreaterThan(0);
    }
    const alone = await readAll({ authorization: `Bearer ${bound}` });
    const differing = addresses.filter((url) => {
      const [before, after] = [answers.get(url), alone.get(url)];
      return (
        before === undefined || after === undefined || JSON.stringify(settled(after, before)) !== JSON.stringify(before)
      );
    });
    expect(
      named(differing).map((name, at) => [
        name,
        answers.get(differing[at] ?? '')?.body.rows,
        alone.get(differing[at] ?? '')?.body.rows,
      ]),
    ).toEqual([]);
    for (const [url, { body }] of answers) expect(JSON.stringify(body), url).not.toMatch(/acme\/(?!web)/);
  }, 300_000);

  it('is refused queries on tables without repositories', async () => {
    const { client } = gateway.store;
    const caller = {
      orgId: 'org_a',
      tokenId: 't',
      actor: 't',
      role: 'viewer' as const,
      scopes: ['read'],
      repository: OWN,
      retentionDays: 90,
    };
    const wall = await repositoryFilter(client, caller);
    for (const sql of [
      'SELECT total FROM org_total_v1',
      'SELECT (SELECT sum(total) FROM org_total)',
      "SELECT total FROM org_total_v1 WHERE org_id = 'org_a'",
    ]) {
      await expect(runQuery(client, sql, wall), sql).rejects.toMatchObject({ code: 'repository_not_allowed' });
      expect((await runQuery(client, sql)).rows.length).toBeGreaterThan(0);
    }
    // Quotes and backslashes of a name are no way out of the condition.
    for (const repository of ["x' OR repo != '", "x\\' OR 1 OR '", 'x\\']) {
      const { rows } = await runQuery(
        client,
        'SELECT count() FROM scan_v1',
        await repositoryFilter(client, { ...caller, repository }),
      );
      expect([repository, rows]).toEqual([repository, [[0]]]);
    }
  });
});
