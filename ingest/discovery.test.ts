import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { repositoryAttributes, repositoryId } from '#schemas/records/repository.js';
import { auditFilesInMemory } from './control/audit-files.js';
import { createControlPlane } from './control/control-plane.js';
import { createDiscovery } from './control/discovery.js';
import { runPurges } from './control/purges.js';
import { openReviewItems } from './fleet/review-items.js';
import { driftOfSpec } from './testing/bodies.js';
import { scanOf, Seed } from './testing/board-seed.js';
import { jsonHeaders, startGateway, type TestGateway } from './testing/gateway.js';

const NAMED = 9_000;
/** Inserts what one OTLP request that names so many repositories leaves in the store. */
async function nameRepositories(client: ClickHouseClient, orgId: string, count: number): Promise<void> {
  const at = new Date().toISOString().replace('T', ' ').replace('Z', '');
  const names = Array.from({ length: count }, (_, i) => `acme/r${String(i).padStart(5, '0')}`);
  await client.insert({
    table: 'repository_activity_v1',
    format: 'JSONEachRow',
    values: names.map((repo) => ({ org_id: orgId, repo, first_seen: at, last_seen: at })),
  });
  await client.insert({
    table: 'dirty_hour_v1',
    format: 'JSONEachRow',
    values: names.map((repo) => ({
      fact: 'scan',
      org_id: orgId,
      repo,
      bucket_start: at.slice(0, 13) + ':00:00',
      marked_at: at,
    })),
  });
}

/** Counts statements and keeps those that write. */
function counting(postgres: Postgres): { postgres: Postgres; statements: string[] } {
  const statements: string[] = [];
  return {
    statements,
    postgres: {
      ...postgres,
      transaction: (work) =>
        postgres.transaction((tx) =>
          work({
            ...tx,
            query: (sql, params) => {
              statements.push(sql);
              return tx.query(sql, params);
            },
          }),
        ),
    },
  };
}
/** Returns the writing statements, except those of unrelated background work: flushing the outbox and token use. */
const writes = (statements: readonly string[]): string[] =>
  statements.filter((sql) => /^\s*(INSERT|UPDATE|DELETE)/.test(sql) && !/last_used_at|DELETE FROM outbox/.test(sql));

describe('background work', () => {
  let store: TestDatabase;
  let postgres: Postgres;
  let statements: string[];
  beforeAll(async () => {
    store = await freshDatabase(inject('clickhouseUrl'));
    ({ postgres, statements } = counting(await freshPostgres()));
  });
  afterAll(async () => {
    await postgres.close();
    await store.drop();
  });

  it('creates rows for as many repositories as the plan allows, in a bounded number of statements, once', async () => {
    await postgres.query(
      "INSERT INTO org (id, name, plan) VALUES ('org_t', 't', 'team'), ('org_e', 'e', 'enterprise'), ('org_d', 'd', 'enterprise')",
    );
    await postgres.query("UPDATE org SET deleted_at = now() WHERE id = 'org_d'");
    for (const org of ['org_t', 'org_e', 'org_d']) await nameRepositories(store.client, org, NAMED);
    await postgres.query(
      "INSERT INTO purge (id, org_id, repository, requested_by) VALUES ('p', 'org_e', 'acme/r00000', 'test')",
    );
    const discover = createDiscovery(store.client, createControlPlane(postgres, auditFilesInMemory()));
    statements.length = 0;
    await discover();
    expect(
      await postgres.query('SELECT org_id, count(*)::int AS repos FROM repo GROUP BY org_id ORDER BY org_id'),
    ).toEqual([
      { org_id: 'org_e', repos: NAMED - 1 },
      { org_id: 'org_t', repos: 100 },
    ]);
    // 18 batches of 500 for one organisation, one for each of the others: not one statement per name.
    expect(statements.length).toBeLessThan(300);
    expect(await postgres.query("SELECT id FROM repo WHERE full_name = 'acme/r00001' AND org_id = 'org_t'")).toEqual([
      { id: repositoryId('org_t', 'acme/r00001') },
    ]);
    const [trail] = await postgres.query<{ record: string }>("SELECT record FROM audit_entry WHERE org_id = 'org_t'");
    expect(JSON.parse(trail?.record ?? '')).toMatchObject({ action: 'repo.discover', detail: { repositories: 100 } });
    statements.length = 0;
    await discover();
    expect(writes(statements)).toEqual([]);
    expect(statements.length).toBeLessThan(20);
  }, 120_000);

  it('goes on with other organisations when one fails, and repeats that one in the next round', async () => {
    await postgres.query("INSERT INTO org (id, name) VALUES ('org_bad', 'bad'), ('org_good', 'good')");
    await postgres.execute(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refused BEFORE INSERT ON repo FOR EACH ROW WHEN (NEW.org_id = 'org_bad') EXECUTE FUNCTION refuse()`);
    await nameRepositories(store.client, 'org_bad', 3);
    await nameRepositories(store.client, 'org_good', 3);
    const counts = (): Promise<unknown> =>
      postgres.query(
        "SELECT org_id, count(*)::int AS repos FROM repo WHERE org_id IN ('org_bad', 'org_good') GROUP BY 1 ORDER BY 1",
      );
    const discover = createDiscovery(store.client, createControlPlane(postgres, auditFilesInMemory()));
    await expect(discover()).rejects.toThrow('temporarily unavailable');
    expect(await counts()).toEqual([{ org_id: 'org_good', repos: 3 }]);
    await postgres.execute('DROP TRIGGER refused ON repo');
    await discover();
    expect(await counts()).toEqual([
      { org_id: 'org_bad', repos: 3 },
      { org_id: 'org_good', repos: 3 },
    ]);
  });

  it('runs the other purges when one fails, and that one again', async () => {
    await postgres.query("INSERT INTO org (id, name) VALUES ('org_one', '1'), ('org_two', '2')");
    await postgres.query("UPDATE purge SET finished_at = now() WHERE id = 'p'");
    await postgres.query(
      "INSERT INTO purge (id, org_id, repository, requested_by, requested_at) VALUES ('p1', 'org_one', 'acme/a', 'test', now() - interval '1 hour'), ('p2', 'org_two', 'acme/a', 'test', now())",
    );
    await postgres.execute(`CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refused BEFORE INSERT ON audit_entry FOR EACH ROW WHEN (NEW.org_id = 'org_one') EXECUTE FUNCTION refuse_entry()`);
    const plane = createControlPlane(postgres, auditFilesInMemory());
    const finished = async (): Promise<unknown[]> =>
      (
        await postgres.query("SELECT id FROM purge WHERE id IN ('p1', 'p2') AND finished_at IS NOT NULL ORDER BY id")
      ).map(({ id }) => id);
    await expect(runPurges(postgres, store.client, plane)).rejects.toThrow('temporarily unavailable');
    expect(await finished()).toEqual(['p2']);
    await postgres.execute('DROP TRIGGER refused ON audit_entry');
    await runPurges(postgres, store.client, plane);
    expect(await finished()).toEqual(['p1', 'p2']);
  });

  it('opens the review items of many scans in a bounded number of statements', async () => {
    await postgres.query("INSERT INTO org (id, name) VALUES ('org_s', 's')");
    const critical = { critical: 1, high: 0, medium: 0, low: 0, info: 0 };
    await new Seed(store.client, 'org_s').scans(
      Array.from({ length: 1_000 }, (_, i) =>
        scanOf(`acme/r${String(i)}`, new Date().toISOString(), { score: 10, grade: 'F', findings: critical }),
      ),
    );
    statements.length = 0;
    await openReviewItems(createControlPlane(postgres, auditFilesInMemory()), store.client, 'org_s');
    expect(await postgres.query('SELECT count(*)::int AS items FROM review_item')).toEqual([{ items: 1_000 }]);
    expect(statements.length).toBeLessThan(100);
  }, 120_000);
});

describe('a gateway whose telemetry named 9,000 repositories', () => {
  let gateway: TestGateway;
  let statements: string[];
  beforeAll(async () => {
    const counted = counting(await freshPostgres());
    ({ statements } = counted);
    gateway = await startGateway(inject('clickhouseUrl'), { postgres: counted.postgres });
    await nameRepositories(gateway.store.client, 'org_a', NAMED);
  });
  afterAll(() => gateway.close());

  const get = async (url: string) => {
    statements.length = 0;
    const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${gateway.adminToken}` } });
    return {
      status: answer.statusCode,
      body: answer.json<{
        repos: { repository: string; repoId: string }[];
        nextCursor: string | null;
        beyondPlan: number;
      }>(),
      statements: [...statements],
    };
  };

  it('has as many rows as its plan allows', async () => {
    await expect
      .poll(() => gateway.postgres.query("SELECT count(*)::int AS repos FROM repo WHERE org_id = 'org_a'"), {
        interval: 100,
      })
      .toEqual([{ repos: 100 }]);
  });

  it('lists them in pages with few statements, and says how many are beyond the plan', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const {
        status,
        body,
        statements: asked,
      } = await get(`/v1/repos?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect([status, body.beyondPlan]).toEqual([200, NAMED - 100]);
      expect(writes(asked)).toEqual([]);
      expect(asked.length).toBeLessThan(20);
      seen.push(...body.repos.map(({ repository }) => repository));
      cursor = body.nextCursor;
    }
    expect([seen.length, new Set(seen).size]).toEqual([NAMED, NAMED]);
    expect(seen).toEqual([...seen].sort());
    expect((await get('/v1/repos?limit=1001')).status).toBe(400);
  });

  it('finds one that has no row by name and by id, and makes one when something is decided about it', async () => {
    const name = 'acme/r08999';
    for (const id of [encodeURIComponent(name), repositoryId('org_a', name)]) {
      const { status, statements: asked } = await get(`/v1/repo/${id}/posture`);
      expect([id, status, writes(asked)]).toEqual([id, 200, []]);
    }
    expect((await get(`/v1/repo/${repositoryId('org_b', name)}/posture`)).status).toBe(404);
    const triaged = await gateway.app.asMachine(
      'org_a',
      'PUT',
      `/v1/repo/${encodeURIComponent(name)}/findings/triage`,
      { findingKey: 'k', state: 'muted', reason: 'r' },
    );
    expect(triaged.status, triaged.body).toBe(200);
  });

  it('writes nothing for any GET, except the audit entry of an export', async () => {
    for (const { id, method, url } of gateway.app.apiRoutes.filter(
      (route) => route.method === 'GET' && route.id !== 'exportAudit',
    )) {
      statements.length = 0;
      const path = url
        .replace('{orgId}', 'org_a')
        .replace('{repoId}', 'acme%2Fr00001')
        .replace('{name}', 'score_trend')
        .replace(/\{\w+\}/g, 'none');
      await gateway.app.inject({ method, url: path, headers: { authorization: `Bearer ${gateway.adminToken}` } });
      expect([id, writes(statements)]).toEqual([id, []]);
    }
  });
});

describe('a repository that only `agentshield watch` or an agent reports', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway(inject('clickhouseUrl'));
  });
  afterAll(() => gateway.close());

  const post = async (url: string, body: unknown): Promise<void> => {
    const answer = await gateway.app.inject({
      method: 'POST',
      url,
      payload: JSON.stringify(body),
      headers: jsonHeaders(gateway.ingestToken),
    });
    expect([answer.statusCode, answer.statusCode === 200 ? '' : answer.body]).toEqual([200, '']);
  };
  const get = async <T>(url: string): Promise<T> => {
    const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${gateway.readToken}` } });
    expect([url, answer.statusCode]).toEqual([url, 200]);
    return answer.json<T>();
  };
  const attributes = (of: Record<string, string>): unknown[] =>
    Object.entries(of).map(([key, value]) => ({ key, value: { stringValue: value } }));
  const agentEvent = (resource: Record<string, string>): Promise<void> =>
    post('/v1/logs', {
      resourceLogs: [
        {
          resource: { attributes: attributes(resource) },
          scopeLogs: [
            {
              logRecords: [
                {
                  timeUnixNano: `${String(Date.now())}000000`,
                  attributes: attributes({ 'event.name': 'codex.tool_decision', decision: 'approved' }),
                },
              ],
            },
          ],
        },
      ],
    });

  it('is listed by API and boards, discovered and read by the alerts like any other', async () => {
    expect(await get('/boards/api/boards')).toMatchObject({ isEmpty: true });
    await post('/v1/ingest/drift', driftOfSpec({ repository: 'acme/watched', timestamp: new Date().toISOString() }));
    await agentEvent(repositoryAttributes('acme/agent'));
    await agentEvent({});
    const names = ['acme/agent', 'acme/watched'];
    const { repos } = await get<{ repos: Record<string, unknown>[] }>('/v1/repos');
    expect(repos).toMatchObject(
      names.map((repository) => ({ repository, firstSeenAt: expect.any(String) as unknown })),
    );
    for (const name of names) await get(`/v1/repo/${encodeURIComponent(name)}/posture`);
    expect(await get('/boards/api/boards')).toMatchObject({ isEmpty: false });
    const { variables } = await get<{ variables: { name: string; options: { value: string }[] }[] }>(
      '/boards/api/boards/shieldwatch-posture/variables',
    );
    expect(JSON.stringify(variables)).toContain('acme/watched');
    expect(JSON.stringify(variables)).toContain('acme/agent');
    await expect
      .poll(() => gateway.postgres.query("SELECT full_name FROM repo WHERE org_id = 'org_a' ORDER BY 1"), {
        interval: 100,
      })
      .toEqual(names.map((full_name) => ({ full_name })));
    // What alerts and variables of boards read.
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT repo FROM repository_activity WHERE org_id = 'org_a' ORDER BY repo",
      ),
    ).toEqual(names.map((repo) => ({ repo })));
  });
});
