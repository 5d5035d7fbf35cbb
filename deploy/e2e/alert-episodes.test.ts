import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { alertFile } from '#grafana/alerts/provisioning.js';
import { createEvaluation } from '#ingest/alerts/evaluate.js';
import { explainAlert, changeAlert, listAlerts, onTicket } from '#ingest/alerts/alerts.js';
import { announceDrift } from '#ingest/alerts/accept-drift.js';
import { replaceRoutes, showRoutes } from '#ingest/alerts/routes.js';
import { auditFilesInMemory } from '#ingest/control/audit-files.js';
import { createControlPlane, type ControlPlane } from '#ingest/control/control-plane.js';
import type { Notice } from '#ingest/delivery/notice.js';
import { addBareDestination } from '#ingest/delivery/testing/notice.js';
import { findingOf, scanOf, Seed, decisionOf } from '#ingest/testing/board-seed.js';
import { ALERT_RULES, dedupeKey, fillIn } from '#schemas/alerts/rules.js';
import { alertRoute, alertsQuery, type Alert } from '#schemas/http/alerts.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { evaluateInGrafana, seedAlertHistories } from '../testing/alert-histories.js';
import { DAY, foldSeries, HOUR, MINUTE } from '../testing/board-seed.js';

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

let store: TestDatabase;
let postgres: Postgres;
let plane: ControlPlane;
let evaluate: () => Promise<void>;

beforeAll(async () => {
  store = await freshDatabase(inject('clickhouseUrl'));
  postgres = await freshPostgres();
  plane = createControlPlane(postgres, auditFilesInMemory());
  evaluate = createEvaluation(postgres, store.client);
});
afterAll(async () => {
  await postgres.close();
  await store.drop();
});

async function addOrg(
  orgId: string,
  routes: object[] = [{ name: 'all', destinations: [`to-${orgId}`] }],
): Promise<void> {
  await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
    tx.query('INSERT INTO org (id, name) VALUES ($1, $1)', [orgId]),
  );
  await inOrg(postgres, orgId, (tx) => addBareDestination(tx, orgId, `to-${orgId}`));
  await replaceRoutes(
    plane,
    { orgId, actor: 'test' },
    { version: 0, routes: routes.map((each) => alertRoute.parse(each)) },
  );
}

/** Makes an organisation due, and evaluates what is due. */
async function round(orgId: string, evaluation = evaluate): Promise<void> {
  await inOrg(postgres, orgId, (tx) => tx.query("UPDATE alert_evaluation SET due_at = now() - interval '1 second'"));
  await evaluation();
}
const alerts = async (orgId: string, state = 'all'): Promise<Alert[]> =>
  (await listAlerts(plane, orgId, alertsQuery.parse({ state, limit: 1_000 }))).alerts;
async function notices(orgId: string): Promise<(Notice & { idempotency: string; isTicket: boolean })[]> {
  const rows = await inOrg(postgres, orgId, (tx) =>
    tx.query<{ notice: string; idempotency_key: string; is_ticket: boolean }>(
      'SELECT notice, idempotency_key, is_ticket FROM alert_delivery ORDER BY id',
    ),
  );
  return rows.map((row) => ({
    ...(JSON.parse(row.notice) as Notice),
    idempotency: row.idempotency_key,
    isTicket: row.is_ticket,
  }));
}
const inject6 = { decision: 'block', ruleName: 'inject[0]', ruleCategory: 'injection' } as const;
const spike = (seed: Seed, repository: string): Promise<void> =>
  seed.decisions(Array.from({ length: 6 }, (_, index) => decisionOf(repository, ago(5 * MINUTE + index), inject6)));
/** Makes the spike one of the past. */
const endSpike = (orgId: string): Promise<unknown> =>
  store.client.command({
    query: `ALTER TABLE runtime_event_v1 DELETE WHERE org_id = '${orgId}'`,
    clickhouse_settings: { mutations_sync: '2' },
  });

describe('the evaluation', () => {
  it('decides as the rules of Grafana do on the same histories, with the same keys', async () => {
    await seedAlertHistories(store.client, { loud: 'org_loud', calm: 'org_calm' });
    for (const org of ['org_loud', 'org_calm']) {
      await addOrg(org);
      await round(org);
      const immediate = new Set(ALERT_RULES.filter(({ for: wait }) => wait === '0s').map(({ uid }) => uid));
      const expected = new Set<string>();
      const held = new Set<string>();
      for (const rule of alertFile({ org }).groups[0]?.rules ?? []) {
        const source = ALERT_RULES.find(({ uid }) => uid === rule.uid);
        for (const [labels, { fires }] of await evaluateInGrafana(store.client, rule)) {
          if (!fires || source === undefined) continue;
          const named = Object.fromEntries(labels.split(' ').map((label) => label.split('=') as [string, string]));
          const key = fillIn(dedupeKey(source), {
            org: named['org_id'] ?? '',
            repository: labels.includes('repo=not named') ? 'not named' : (named['repo'] ?? ''),
            value: '',
            producer: named['producer'] ?? '',
            counter: named['counter'] ?? '',
            client: named['client'] ?? '',
          });
          (immediate.has(rule.uid) ? expected : held).add(key);
        }
      }
      const found = (await alerts(org)).filter(({ kind }) => kind === 'rule').map(({ key }) => key);
      expect(new Set(found), org).toEqual(expected);
      const pending = await inOrg(postgres, org, (tx) => tx.query<{ key: string }>('SELECT key FROM alert_pending'));
      expect(new Set(pending.map(({ key }) => key)), org).toEqual(held);
      if (org === 'org_loud') expect([expected.size > 5, held.size > 3]).toEqual([true, true]);
      const { problems } = await listAlerts(plane, org, alertsQuery.parse({}));
      expect(problems).toEqual([]);
    }
  });

  it('sends one notice for an episode, however often it is evaluated, and a recovery when it ends', async () => {
    await addOrg('org_once');
    const seed = new Seed(store.client, 'org_once');
    await spike(seed, 'acme/app');
    for (let count = 0; count < 3; count += 1) await round('org_once');
    expect((await notices('org_once')).map(({ kind, key, episode }) => [kind, key, episode])).toEqual([
      ['firing', 'shieldwatch-injection-spike/org_once/acme/app', 1],
    ]);
    const [notice] = await notices('org_once');
    expect(notice).toMatchObject({
      value: 6,
      threshold: 4,
      windowSeconds: 3_600,
      repository: 'acme/app',
      suppressed: 0,
    });
    expect(notice?.links.board).toMatch(/^\/boards\/shieldwatch-runtime\?from=\d+&to=\d+&var-repo=acme%2Fapp$/);
    const [episode] = await alerts('org_once');
    expect(notice?.links.explain).toBe(`/v1/alerts/${episode?.id ?? ''}`);

    // Without any decision there is no data, which resolves nothing; one that is allowed is a value below the threshold.
    await endSpike('org_once');
    await round('org_once');
    expect((await alerts('org_once'))[0]?.state).toBe('no_data');
    expect(await notices('org_once')).toHaveLength(1);
    await seed.decisions([decisionOf('acme/app', ago(MINUTE))]);
    await round('org_once');
    expect((await alerts('org_once'))[0]?.state).toBe('resolved');
    expect((await notices('org_once')).map(({ kind }) => kind)).toEqual(['firing', 'resolved']);

    // It recurs: a new episode of the same key.
    await spike(seed, 'acme/app');
    await round('org_once');
    expect((await notices('org_once')).map(({ kind, episode: number }) => [kind, number])).toEqual([
      ['firing', 1],
      ['resolved', 1],
      ['firing', 2],
    ]);
  });

  it('is done by one of several gateways, each organisation once, and none is doubled', async () => {
    await addOrg('org_two');
    await spike(new Seed(store.client, 'org_two'), 'acme/app');
    await inOrg(postgres, 'org_two', (tx) =>
      tx.query("UPDATE alert_evaluation SET due_at = now() - interval '1 second'"),
    );
    await Promise.all([1, 2, 3].map(() => createEvaluation(postgres, store.client)()));
    expect(await notices('org_two')).toHaveLength(1);
    expect(await alerts('org_two')).toHaveLength(1);
  });

  it('neither loses nor doubles a notice when a gateway dies between reading and queueing', async () => {
    await addOrg('org_dies');
    await spike(new Seed(store.client, 'org_dies'), 'acme/app');
    const dying: Postgres = {
      ...postgres,
      transaction: (work) =>
        postgres.transaction((tx) =>
          work({
            ...tx,
            query: (sql, params) => {
              if (sql.includes('INSERT INTO alert_decision')) return Promise.reject(new Error('killed'));
              return tx.query(sql, params);
            },
          }),
        ),
    };
    await expect(round('org_dies', createEvaluation(dying, store.client))).rejects.toThrow('killed');
    expect([await notices('org_dies'), await alerts('org_dies')]).toEqual([[], []]);
    // The lease of the dead one is still held: nobody evaluates until it ends.
    await round('org_dies');
    expect(await alerts('org_dies')).toEqual([]);
    await inOrg(postgres, 'org_dies', (tx) =>
      tx.query("UPDATE alert_evaluation SET leased_until = now() - interval '1 second'"),
    );
    await round('org_dies');
    expect(await notices('org_dies')).toHaveLength(1);
  });

  it('writes nothing when its lease was taken over meanwhile', async () => {
    await addOrg('org_slow');
    await spike(new Seed(store.client, 'org_slow'), 'acme/app');
    const overtaken: Postgres = {
      ...postgres,
      transaction: (work) =>
        postgres.transaction((tx) =>
          work({
            ...tx,
            query: async (sql, params) => {
              if (sql.includes('SELECT lease, since')) await tx.query("UPDATE alert_evaluation SET lease = 'other'");
              return tx.query(sql, params);
            },
          }),
        ),
    };
    await round('org_slow', createEvaluation(overtaken, store.client));
    expect([await notices('org_slow'), await alerts('org_slow')]).toEqual([[], []]);
  });

  it('goes on when the clock was turned back', async () => {
    await addOrg('org_clock');
    await spike(new Seed(store.client, 'org_clock'), 'acme/app');
    await inOrg(postgres, 'org_clock', (tx) =>
      tx.query(
        "UPDATE alert_evaluation SET due_at = now() + interval '1 day', lease = 'old', leased_until = now() + interval '1 day'",
      ),
    );
    await evaluate();
    expect(await notices('org_clock')).toHaveLength(1);
  });

  it('evaluates the other organisations when one fails, and an organisation without routes not at all', async () => {
    await addOrg('org_bad');
    await addOrg('org_good');
    await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
      tx.query("INSERT INTO org (id, name) VALUES ('org_mute', 'm')"),
    );
    for (const org of ['org_bad', 'org_good', 'org_mute']) await spike(new Seed(store.client, org), 'acme/app');
    await inOrg(postgres, 'org_bad', (tx) => tx.query("UPDATE alert_routes SET routes = '[{}]'"));
    await inOrg(postgres, 'org_bad', (tx) =>
      tx.query("UPDATE alert_evaluation SET due_at = now() - interval '2 seconds'"),
    );
    await expect(round('org_good')).rejects.toThrow();
    expect(await notices('org_good')).toHaveLength(1);
    expect(await alerts('org_mute')).toEqual([]);
    expect((await listAlerts(plane, 'org_mute', alertsQuery.parse({}))).isEvaluated).toBe(false);
  });

  it('keeps the state of rules that cannot be read, and names them', async () => {
    await addOrg('org_down');
    await spike(new Seed(store.client, 'org_down'), 'acme/app');
    await round('org_down');
    const failing = new Proxy(store.client, {
      get: (client, name) =>
        name === 'query' ? () => Promise.reject(new Error('down')) : (Reflect.get(client, name) as unknown),
    });
    await round('org_down', createEvaluation(postgres, failing));
    expect((await alerts('org_down')).map(({ state }) => state)).toEqual(['firing']);
    const { problems } = await listAlerts(plane, 'org_down', alertsQuery.parse({}));
    expect(problems.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['shieldwatch-injection-spike', 'shieldwatch-new-finding', 'shieldwatch-drift']),
    );
  });
});

describe('findings', () => {
  it('that are critical or secrets open one episode each, are resolved by a scan without them, and flood nobody', async () => {
    await addOrg('org_flood');
    const seed = new Seed(store.client, 'org_flood');
    const secret = { severity: 'critical', category: 'secrets' } as const;
    const before = scanOf('acme/flood', ago(3 * HOUR));
    const scan = scanOf('acme/flood', ago(2 * HOUR), {
      findings: { critical: 10_000, high: 0, medium: 0, low: 0, info: 0 },
    });
    await seed.scans([before, scan]);
    await seed.findings(
      'acme/flood',
      Array.from({ length: 10_000 }, (_, index) => findingOf(scan, `k${String(index)}`, secret)),
    );
    await foldSeries(store.client);
    await round('org_flood');
    const sent = await notices('org_flood');
    expect(sent.filter(({ kind }) => kind === 'firing')).toHaveLength(20);
    const digests = sent.filter(({ kind }) => kind === 'digest');
    expect(digests).toHaveLength(1);
    expect([digests[0]?.members.length, (digests[0]?.more ?? 0) > 900]).toEqual([50, true]);
    await round('org_flood');
    expect(await notices('org_flood')).toHaveLength(sent.length);
    const { problems } = await listAlerts(plane, 'org_flood', alertsQuery.parse({}));
    expect(problems).toContainEqual({
      rule: 'shieldwatch-new-finding',
      problem: expect.stringContaining('left out') as string,
    });
  });

  it('that a scan no longer reports are resolved, and those accepted or older than the evaluation are not announced', async () => {
    await addOrg('org_find');
    const seed = new Seed(store.client, 'org_find');
    const critical = { severity: 'critical', category: 'hooks' } as const;
    const old = scanOf('acme/find', ago(20 * DAY), { findings: { critical: 1, high: 0, medium: 0, low: 0, info: 0 } });
    const scan = scanOf('acme/find', ago(2 * HOUR), { findings: { critical: 3, high: 0, medium: 0, low: 0, info: 0 } });
    await seed.scans([old, scan]);
    await seed.findings('acme/find', [
      findingOf(old, 'old', critical),
      ...['old', 'new', 'accepted'].map((key) => findingOf(scan, key, critical)),
    ]);
    await foldSeries(store.client);
    const [row] = await store.client
      .query({
        query: "SELECT finding_key FROM finding_transition WHERE org_id = 'org_find' AND finding_key LIKE '%accepted%'",
        format: 'JSONEachRow',
      })
      .then((answer) => answer.json<{ finding_key: string }>());
    await seed.control([
      {
        kind: 'finding_triage',
        subject: row?.finding_key ?? '',
        state: 'accepted',
        repository: 'acme/find',
        at: ago(MINUTE),
      },
    ]);
    await round('org_find');
    expect((await alerts('org_find')).filter(({ kind }) => kind === 'finding')).toHaveLength(1);
    await seed.scans([scanOf('acme/find', ago(HOUR))]);
    await foldSeries(store.client);
    await round('org_find');
    const found = (await alerts('org_find')).filter(({ kind }) => kind === 'finding');
    expect(found.map(({ state }) => state)).toEqual(['resolved']);
    expect(
      (await notices('org_find')).filter(({ rule }) => rule === 'shieldwatch-new-finding').map(({ kind }) => kind),
    ).toEqual(['firing', 'resolved']);
  });
});

describe('drifts', () => {
  const bad = {
    repository: 'acme/drift',
    occurredAt: ago(MINUTE),
    hasCritical: true,
    scorePrevious: 90,
    scoreCurrent: 60,
    newFindings: 2,
  };

  it('are announced in the transaction that accepts them, once for REST and fact together', async () => {
    await addOrg('org_drift');
    await new Seed(store.client, 'org_drift').drifts([
      { repository: 'acme/drift', at: bad.occurredAt, previous: 90, current: 60, hasCritical: true },
    ]);
    const answer = await store.client.query({
      query: "SELECT event_id FROM drift_event WHERE org_id = 'org_drift'",
      format: 'JSONEachRow',
    });
    const [fact] = await answer.json<{ event_id: string }>();
    const eventId = fact?.event_id ?? '';
    expect(await announceDrift(plane, 'org_drift', { ...bad, eventId })).toBe(true);
    expect(await announceDrift(plane, 'org_drift', { ...bad, eventId })).toBe(false);
    await round('org_drift');
    expect((await notices('org_drift')).filter(({ rule }) => rule === 'shieldwatch-drift')).toHaveLength(1);
    expect(await announceDrift(plane, 'org_drift', { ...bad, eventId: 'two' })).toBe(true);
    const drifts = (await alerts('org_drift')).filter(({ kind }) => kind === 'drift');
    expect(drifts.map(({ state, episode }) => [state, episode])).toEqual([
      ['firing', 2],
      ['superseded', 1],
    ]);
  });

  it('are not announced without routes, or when the store of decisions fails, and then harm nothing', async () => {
    await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
      tx.query("INSERT INTO org (id, name) VALUES ('org_none', 'n')"),
    );
    expect(await announceDrift(plane, 'org_none', { ...bad, eventId: 'one' })).toBe(false);
    const down = { ...plane, read: () => Promise.reject(new Error('down')) } as ControlPlane;
    expect(await announceDrift(down, 'org_drift', { ...bad, eventId: 'three' })).toBe(false);
  });
});

describe('people', () => {
  it('acknowledge, assign and mute; a mute needs a reason, is audited, and holds for the next episode', async () => {
    await addOrg('org_people');
    const seed = new Seed(store.client, 'org_people');
    await inOrg(postgres, 'org_people', (tx) =>
      tx.query("INSERT INTO member (id, org_id, login, role) VALUES ('m1', 'org_people', 'Ann', 'admin')"),
    );
    await spike(seed, 'acme/app');
    await round('org_people');
    const [first] = await alerts('org_people');
    const id = first?.id ?? '';
    const actor = { orgId: 'org_people', actor: 'member:Ann' };
    const acknowledged = await changeAlert(plane, actor, id, { acknowledged: true, assignee: 'ann' });
    expect(acknowledged).toMatchObject({ acknowledgedBy: 'member:Ann', assignee: 'Ann' });
    expect((await notices('org_people')).map(({ kind }) => kind)).toEqual(['firing', 'acknowledged']);
    await expect(changeAlert(plane, actor, id, { assignee: 'nobody' })).rejects.toThrow('assignee');
    await expect(changeAlert(plane, actor, id, { mute: { until: ago(1), reason: 'x' } })).rejects.toThrow('mute.until');
    await changeAlert(plane, actor, id, {
      mute: { until: new Date(Date.now() + HOUR).toISOString(), reason: 'known' },
    });
    const audit = await inOrg(postgres, 'org_people', (tx) =>
      tx.query<{ record: string }>('SELECT record FROM audit_entry'),
    );
    expect(audit.map(({ record }) => (JSON.parse(record) as { action: string }).action)).toEqual(
      expect.arrayContaining(['alert.acknowledge', 'alert.assign', 'alert.mute']),
    );

    await endSpike('org_people');
    await seed.decisions([decisionOf('acme/app', ago(MINUTE))]);
    await round('org_people');
    await spike(seed, 'acme/app');
    await round('org_people');
    const [second] = await alerts('org_people', 'open');
    expect(second?.episode).toBe(2);
    expect((await notices('org_people')).map(({ kind }) => kind)).toEqual(['firing', 'acknowledged', 'resolved']);
    const { decisions } = await explainAlert(plane, 'org_people', second?.id ?? '');
    expect(decisions).toMatchObject([{ notice: 'firing', outcome: 'suppressed', reason: 'muted' }]);
    await changeAlert(plane, actor, second?.id ?? '', { mute: null });
    expect((await notices('org_people')).at(-1)).toMatchObject({ kind: 'firing', episode: 2 });
  });

  it('close a ticket, which resolves nothing: the next evaluation says that it still fires', async () => {
    await addOrg('org_ticket', [{ name: 'tickets', destinations: ['to-org_ticket'], ticket: true }]);
    await spike(new Seed(store.client, 'org_ticket'), 'acme/app');
    await round('org_ticket');
    await onTicket(plane, {
      orgId: 'org_ticket',
      key: 'shieldwatch-injection-spike/org_ticket/acme/app',
      state: 'closed',
    });
    expect((await alerts('org_ticket')).map(({ state }) => state)).toEqual(['firing']);
    await round('org_ticket');
    await round('org_ticket');
    const sent = await notices('org_ticket');
    expect(sent.map(({ kind, isTicket }) => [kind, isTicket])).toEqual([
      ['firing', true],
      ['firing', true],
    ]);
    expect(sent[1]?.summary).toContain('ticket was closed');
  });

  it('replace routes with the version they read, and only to destinations that exist', async () => {
    const actor = { orgId: 'org_once', actor: 'test' };
    const { version } = await showRoutes(plane, 'org_once');
    const routes = [alertRoute.parse({ name: 'none', destinations: ['nowhere'] })];
    await expect(replaceRoutes(plane, actor, { version: version + 1, routes })).rejects.toThrow('version');
    await expect(replaceRoutes(plane, actor, { version, routes })).rejects.toThrow('routes[0].destinations[0]');
  });
});

describe('another organisation', () => {
  it('sees none of these', async () => {
    await addOrg('org_other');
    await round('org_other');
    expect(await alerts('org_other')).toEqual([]);
    const [foreign] = await alerts('org_once');
    await expect(explainAlert(plane, 'org_other', foreign?.id ?? '')).rejects.toThrow('no such alert');
    await expect(
      changeAlert(plane, { orgId: 'org_other', actor: 'x' }, foreign?.id ?? '', { acknowledged: true }),
    ).rejects.toThrow('no such alert');
  });
});
