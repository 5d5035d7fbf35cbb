import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';
import type { Baseline, RepoMerge } from '#schemas/http/control.js';
import { inOrg } from '#schemas/postgres/session.js';
import { repositoryAttributes, repositoryId } from '#schemas/records/repository.js';
import { INGEST_SCOPES } from '../auth/caller.js';
import { mintToken } from '../auth/tokens.js';
import { scanOfSpec } from '../testing/bodies.js';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';
import type { Fleet, ReviewItem, ReviewItemState } from '#schemas/http/fleet.js';
import { scanIdOf } from '#schemas/records/ids.js';
import { openReviewItems } from '../fleet/review-items.js';
import { addMember } from './members.js';
import { runMerges } from './merges.js';

const [OLD, NEW] = ['gitlab.com/acme/old', 'acme/new'];
const FACT_TABLES = [
  'scan_v1',
  'finding_v1',
  'runtime_event_v1',
  'agent_event_v1',
  'control_event_v1',
  'call_judgement_v1',
  'quarantine_v1',
];
const NOW = Date.now();
let gateway: TestGateway;
let owner: string;
let bound: string;

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const { id } = await addMember(
    gateway.app.plane,
    { orgId: 'org_a', actor: 'test' },
    { login: 'owner', role: 'owner' },
  );
  owner = (
    await inOrg(gateway.postgres, 'org_a', (tx) =>
      mintToken(tx, { orgId: 'org_a', name: 'o', scopes: ['read', 'admin'], memberId: id }),
    )
  ).token;
  bound = (await mintToken(gateway.postgres, { orgId: 'org_a', name: 'b', scopes: INGEST_SCOPES, repository: OLD }))
    .token;
  for (const token of [gateway.ingestToken, gateway.otherToken])
    await send(token, '/v1/ingest/scan', scanOfSpec({ repository: OLD }));
  await decisions(OLD, ['a', 'b', 'shared']);
  await decisions(NEW, ['shared', 'c']);
  await agentEvent(OLD, 'first');
});
afterAll(() => gateway.close());

async function send(token: string, url: string, body: unknown): Promise<unknown> {
  const answer = await gateway.app.inject({
    method: 'POST',
    url,
    payload: JSON.stringify(body),
    headers: jsonHeaders(token),
  });
  expect([url, answer.statusCode, answer.statusCode === 200 ? '' : answer.body]).toEqual([url, 200, '']);
  return answer.json();
}

const decisions = (
  repository: string | undefined,
  ids: readonly string[],
  token = gateway.ingestToken,
): Promise<unknown> =>
  send(token, '/v1/ingest/runtime', {
    repository,
    sessionId: 's',
    entries: ids.map((eventId) => ({
      eventId,
      timestamp: new Date(NOW).toISOString(),
      tool: 'Bash',
      decision: 'block',
      reason: 'r',
    })),
  });

/** Sends telemetry by OTLP, whose repository the gateway does not parse. */
function agentEvent(repository: string, call: string): Promise<unknown> {
  const attributes = (of: Record<string, string>) =>
    Object.entries(of).map(([key, value]) => ({ key, value: { stringValue: value } }));
  const logRecords = [
    {
      timeUnixNano: String(BigInt(NOW) * 1_000_000n),
      attributes: attributes({ 'event.name': 'codex.tool_decision', call_id: call, decision: 'a_new_word' }),
    },
  ];
  return send(gateway.ingestToken, '/v1/logs', {
    resourceLogs: [
      { resource: { attributes: attributes(repositoryAttributes(repository)) }, scopeLogs: [{ logRecords }] },
    ],
  });
}

const ids = async (table: string, repo: string): Promise<string[]> =>
  (
    await selectRows<{ id: string }>(
      gateway.store.client,
      `SELECT DISTINCT event_id AS id FROM ${table} FINAL WHERE org_id = 'org_a' AND repo = {repo:String} ORDER BY id`,
      { repo },
    )
  ).map(({ id }) => id);

/** Returns the event ids of every kind of fact, by repository. */
async function facts(): Promise<Record<string, Record<string, string[]>>> {
  const found: Record<string, Record<string, string[]>> = {};
  for (const table of FACT_TABLES) found[table] = { old: await ids(table, OLD), new: await ids(table, NEW) };
  return found;
}

const landed = (repo: string) =>
  selectRows<{ spans: number; logs: number }>(
    gateway.store.client,
    "SELECT (SELECT uniqExact(SpanId) FROM otel_traces WHERE OrgId = 'org_a' AND Repository = {repo:String}) AS spans, (SELECT count() FROM otel_logs WHERE OrgId = 'org_a' AND Repository = {repo:String}) AS logs",
    { repo },
  );

const run = (client: ClickHouseClient = gateway.store.client): Promise<void> =>
  runMerges(gateway.postgres, client, gateway.app.plane, { settledMs: 0, everyMs: 0 });

/** Creates a client whose n-th command fails without running, as if the process were killed there. */
function killedAt(number: number): ClickHouseClient {
  let commands = 0;
  return new Proxy(gateway.store.client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'command') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (args: Parameters<ClickHouseClient['command']>[0]) =>
        (commands += 1) === number ? Promise.reject(new Error('killed')) : target.command(args);
    },
  });
}

const merge = (from: string, into: string) =>
  gateway.app.inject({
    method: 'POST',
    url: '/v1/repos/merge',
    payload: JSON.stringify({ from, into }),
    headers: jsonHeaders(owner),
  });

describe('a merge of two names', () => {
  it('moves all facts, landing and decisions to the surviving name, killed at any statement and run again', async () => {
    await expect.poll(() => ids('control_event_v1', OLD)).not.toEqual([]);
    const items = async (repository: string): Promise<ReviewItem[]> =>
      (
        await gateway.app.inject({
          url: `/v1/repo/${encodeURIComponent(repository)}/review-items`,
          headers: { authorization: `Bearer ${owner}` },
        })
      ).json<ReviewItem[]>();
    const [item] = await items(OLD);
    await send(owner, `/v1/review-items/${item?.id ?? ''}/comments`, { text: 'said before the merge' });
    const asked = await merge(OLD, NEW);
    expect(asked.json<RepoMerge>()).toMatchObject({
      from: OLD,
      into: NEW,
      status: 'running',
      requestedBy: 'member:owner',
    });
    expect((await merge(OLD, NEW)).json<RepoMerge>().id).toBe(asked.json<RepoMerge>().id);
    // Its scan has not moved yet, and the item is the new repository's: it is shown and decided about there.
    await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
    expect(await items(NEW)).toMatchObject([{ id: item?.id, commentCount: 1, repository: NEW }]);
    const fleet = await gateway.app.inject({
      url: '/v1/org/org_a/fleet',
      headers: { authorization: `Bearer ${owner}` },
    });
    expect(fleet.json<Fleet>().entries.map(({ repository }) => repository)).toEqual([NEW]);
    for (const status of ['approved', 'open']) {
      const decided = await gateway.app.inject({
        method: 'PATCH',
        url: `/v1/review-items/${item?.id ?? ''}`,
        payload: JSON.stringify({ status }),
        headers: jsonHeaders(owner),
      });
      expect([decided.statusCode, decided.json<ReviewItemState>().status]).toEqual([200, status]);
      expect((await items(NEW)).map((each) => [each.id, each.status])).toEqual([[item?.id, status]]);
    }
    // The repository that was added, and the two decisions.
    await expect.poll(() => ids('control_event_v1', NEW)).toHaveLength(3);
    const before = await facts();
    const [spans, logs] = [(await landed(OLD))[0], (await landed(NEW))[0]];
    let kills = 0;
    for (let at = 1; ; at += 1) {
      const isKilled = await run(killedAt(at)).then(
        () => false,
        (error: unknown) => String(error).includes('killed'),
      );
      if (!isKilled) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(5);
    await run();
    const after = await facts();
    for (const table of FACT_TABLES) {
      expect([table, after[table]?.old]).toEqual([table, []]);
      expect([table, after[table]?.new]).toEqual([
        table,
        [...new Set([...(before[table]?.old ?? []), ...(before[table]?.new ?? [])])].sort(),
      ]);
    }
    expect(after['runtime_event_v1']?.new).toHaveLength(4);
    expect(await landed(OLD)).toEqual([{ spans: 0, logs: 0 }]);
    expect((await landed(NEW))[0]?.spans).toBeGreaterThanOrEqual(Math.max(spans?.spans ?? 0, logs?.spans ?? 0));
    // Landing was moved too, so nothing is created under the old name again.
    for (const day of await landingDays(gateway.store.client))
      expect([day, await reconcileFacts(gateway.store.client, day)]).toEqual([day, 0]);
    // The other organisation has another repository with that name.
    expect(await selectRows(gateway.store.client, "SELECT repo FROM scan_v1 WHERE org_id = 'org_b'")).toEqual([
      { repo: OLD },
    ]);
    const { merges } = (
      await gateway.app.inject({ url: '/v1/repos/merges', headers: { authorization: `Bearer ${owner}` } })
    ).json<{ merges: RepoMerge[] }>();
    expect(merges).toMatchObject([{ status: 'done' }]);
    // Its review item is the same as before, with its comments.
    await openReviewItems(gateway.app.plane, gateway.store.client, 'org_a');
    expect(await items(NEW)).toMatchObject([{ id: item?.id, status: 'open', commentCount: 1, repository: NEW }]);
  });

  it('marks the hours of both names for recomputation', async () => {
    const marked = await selectRows<{ fact: string; repos: string[] }>(
      gateway.store.client,
      "SELECT fact, arraySort(groupUniqArray(repo)) AS repos FROM dirty_hour_v1 WHERE org_id = 'org_a' AND fact IN ('scan', 'runtime_event', 'agent_event') GROUP BY fact ORDER BY fact",
    );
    expect(marked).toEqual(['agent_event', 'runtime_event', 'scan'].map((fact) => ({ fact, repos: [NEW, OLD] })));
  });

  it('counts later reports under the old name for the surviving one: by REST and by a bound token at once, by OTLP in the next round', async () => {
    await decisions(OLD, ['later']);
    await decisions(undefined, ['by-bound'], bound);
    expect(await ids('runtime_event_v1', NEW)).toEqual(expect.arrayContaining(['later', 'by-bound']));
    await agentEvent(OLD, 'second');
    expect(await ids('agent_event_v1', OLD)).toHaveLength(1);
    await run();
    expect([await ids('agent_event_v1', OLD), (await ids('agent_event_v1', NEW)).length]).toEqual([[], 2]);
    expect(await gateway.postgres.query("SELECT full_name FROM repo WHERE org_id = 'org_a' ORDER BY 1")).toEqual([
      { full_name: NEW },
    ]);
    for (const name of [encodeURIComponent(OLD), repositoryId('org_a', OLD)]) {
      const posture = await gateway.app.inject({
        url: `/v1/repo/${name}/posture`,
        headers: { authorization: `Bearer ${gateway.readToken}` },
      });
      expect([posture.statusCode, posture.json<{ repository: string }>().repository]).toEqual([200, NEW]);
    }
  });

  it('is refused into a name that was merged itself, into itself, and a second time elsewhere; a chain ends at the last name', async () => {
    expect([
      (await merge(NEW, OLD)).statusCode,
      (await merge(NEW, NEW)).statusCode,
      (await merge(OLD, 'acme/third')).statusCode,
    ]).toEqual([409, 400, 409]);
    expect((await merge(NEW, 'acme/third')).statusCode).toBe(200);
    await decisions(OLD, ['after-chain']);
    await run();
    expect(await ids('runtime_event_v1', 'acme/third')).toEqual(
      expect.arrayContaining(['a', 'after-chain', 'by-bound', 'c', 'later', 'shared']),
    );
    const { entries } = (
      await gateway.app.inject({ url: '/v1/audit?limit=1000', headers: { authorization: `Bearer ${owner}` } })
    ).json<{ entries: { record: string }[] }>();
    expect(entries.filter(({ record }) => record.includes('"repo.merge"')).length).toBe(2);
  });
});

describe('the baseline of a merged repository', () => {
  const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const scan = (repository: string, letter: string, minute: number): Promise<unknown> =>
    send(
      gateway.ingestToken,
      '/v1/ingest/scan',
      scanOfSpec({
        repository,
        bundleDigest: digest(letter),
        expectedBundleDigest: digest(letter),
        generatedAt: new Date(NOW - 3_600_000 + minute * 60_000).toISOString(),
        report: {
          score: { grade: 'C', numericScore: 66 },
          findings: { total: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0 },
        },
      }),
    );
  const baseline = async (repository: string, method: 'GET' | 'PUT' = 'GET'): Promise<Baseline> => {
    const answer = await gateway.app.inject({
      method,
      url: `/v1/repo/${encodeURIComponent(repository)}/baseline`,
      headers: method === 'GET' ? { authorization: `Bearer ${owner}` } : jsonHeaders(owner),
      ...(method === 'GET' ? {} : { payload: '{}' }),
    });
    expect([repository, answer.statusCode, answer.statusCode === 200 ? '' : answer.body]).toEqual([
      repository,
      200,
      '',
    ]);
    return answer.json<Baseline>();
  };
  /** Returns the event and scan ids of the baseline that boards show: of the newest fact. */
  const shown = async (repository: string): Promise<unknown> => {
    const [row] = await selectRows<{ detail: string; facts: number }>(
      gateway.store.client,
      "SELECT argMax(detail, (occurred_at, event_id)) AS detail, count() AS facts FROM control_event WHERE org_id = 'org_a' AND kind = 'baseline' AND repo = {repository:String}",
      { repository },
    );
    const { eventId, scanId } = JSON.parse(row?.detail === '' ? '{}' : (row?.detail ?? '{}')) as Record<string, string>;
    return { eventId, scanId, facts: row?.facts };
  };

  it("is the surviving name's own, for API and boards, even if the other was set later", async () => {
    const [old, kept] = ['acme/base-old', 'acme/base-kept'];
    await scan(old, 'a', 0);
    await scan(kept, 'b', 1);
    const before = await baseline(kept, 'PUT');
    await baseline(old, 'PUT');
    expect((await merge(old, kept)).statusCode).toBe(200);
    await expect.poll(() => ids('control_event_v1', old)).not.toEqual([]);
    await run();
    const { sourceScanId } = await baseline(kept);
    expect([sourceScanId, scanIdOf('org_a', kept, digest('b'))]).toEqual([before.sourceScanId, before.sourceScanId]);
    // Both names' facts, and the one that the merge recorded.
    await expect.poll(() => shown(kept)).toEqual({ eventId: digest('b'), scanId: sourceScanId, facts: 3 });
  });

  it('moves to a surviving name that has none, and names its scan by that name', async () => {
    const [old, kept] = ['acme/only-old', 'acme/only-kept'];
    await scan(old, 'c', 0);
    const before = await baseline(old, 'PUT');
    expect((await merge(old, kept)).statusCode).toBe(200);
    await expect.poll(() => ids('control_event_v1', old)).not.toEqual([]);
    await run();
    const { sourceScanId, repository, numericScore } = await baseline(kept);
    expect([repository, numericScore]).toEqual([kept, before.numericScore]);
    expect([sourceScanId, before.sourceScanId]).toEqual(
      [old, kept].map((name) => scanIdOf('org_a', name, digest('c'))).reverse(),
    );
    await expect.poll(() => shown(kept)).toEqual({ eventId: digest('c'), scanId: sourceScanId, facts: 2 });
  });
});
