import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { alertFile, type ProvisionedRule } from '#grafana/alerts/provisioning.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { packageRoot } from '#schemas/root.js';
import { evaluateInGrafana, seedAlertHistories, WITHOUT_HISTORY } from '../testing/alert-histories.js';
import { MINUTE } from '../testing/board-seed.js';

const NOW = Date.now();

let database: TestDatabase;

const rules = (org?: string): Map<string, ProvisionedRule> =>
  new Map((alertFile(org === undefined ? {} : { org }).groups[0]?.rules ?? []).map((rule) => [rule.uid, rule]));

async function outcome(uid: string, labels: string, org?: string): Promise<'fires' | 'quiet' | 'no data'> {
  const rule = rules(org).get(`shieldwatch-${uid}`);
  if (rule === undefined) throw new Error(`no rule ${uid}`);
  const found = (await evaluateInGrafana(database.client, rule)).get(labels);
  return found === undefined ? 'no data' : found.fires ? 'fires' : 'quiet';
}

beforeAll(async () => {
  database = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => database.drop());

it('returns no data for every rule without history, with the state that the rule declares', async () => {
  for (const rule of rules().values()) {
    expect((await evaluateInGrafana(database.client, rule)).size, rule.title).toBe(0);
    expect(['OK', 'NoData', 'Alerting']).toContain(rule.noDataState);
    expect(['Error', 'Alerting']).toContain(rule.execErrState);
  }
});

describe('with histories', () => {
  beforeAll(() => seedAlertHistories(database.client));

  it('every rule fires in a history of alert-histories.ts, or is listed there with a reason', async () => {
    const silent: string[] = [];
    for (const rule of rules().values())
      if (![...(await evaluateInGrafana(database.client, rule)).values()].some(({ fires }) => fires))
        silent.push(rule.uid);
    expect(silent).toEqual(Object.keys(WITHOUT_HISTORY));
  });

  it.each([
    ['blocked-fast', 'fires', 'org_loud', 'acme/fast'],
    ['blocked-fast', 'quiet', 'org_calm', 'acme/fast'],
    ['blocked-fast', 'quiet', 'org_loud', 'acme/over'],
    ['blocked-fast', 'no data', 'org_loud', 'acme/few'],
    ['blocked-slow', 'fires', 'org_loud', 'acme/slow'],
    ['blocked-slow', 'quiet', 'org_calm', 'acme/slow'],
    ['blocked-slow', 'no data', 'org_loud', 'acme/few'],
    ['injection-spike', 'fires', 'org_loud', 'acme/inject'],
    ['injection-spike', 'quiet', 'org_calm', 'acme/inject'],
    ['injection-spike', 'quiet', 'org_calm', 'acme/inject-few'],
    ['injection-spike', 'no data', 'org_calm', 'acme/silent'],
    ['new-secret', 'fires', 'org_loud', 'acme/secret'],
    ['new-secret', 'quiet', 'org_calm', 'acme/secret'],
    ['new-secret', 'quiet', 'org_calm', 'acme/repaired'],
    ['new-secret', 'no data', 'org_calm', 'acme/fast'],
    ['score-drop', 'fires', 'org_loud', 'acme/score'],
    ['score-drop', 'quiet', 'org_calm', 'acme/score'],
    ['score-drop', 'no data', 'org_calm', 'acme/score-new'],
    ['guard-passed', 'fires', 'org_loud', 'acme/passed'],
    ['guard-passed', 'fires', 'org_loud', 'acme/mod'],
    ['guard-passed', 'quiet', 'org_calm', 'acme/passed'],
    ['guard-passed', 'no data', 'org_calm', 'acme/score-new'],
    ['masked-spike', 'fires', 'org_loud', 'acme/masked'],
    ['masked-spike', 'quiet', 'org_calm', 'acme/masked'],
    ['masked-spike', 'no data', 'org_calm', 'acme/fast'],
  ] as const)('%s %s for %s %s', async (uid, expected, org, repo) => {
    expect(await outcome(uid, `org_id=${org} repo=${repo}`)).toBe(expected);
  });

  it.each([
    ['fires', 'org_loud', 'acme/overdue'],
    ['fires', 'org_loud', 'acme/failed'],
    ['quiet', 'org_calm', 'acme/overdue'],
    // Never proved.
    ['no data', 'org_calm', 'acme/failed'],
    ['no data', 'org_calm', 'acme/retired'],
  ] as const)('drill-overdue %s for %s %s', async (expected, org, repo) => {
    expect(await outcome('drill-overdue', `org_id=${org} repo=${repo} client=codex seat=${'a'.repeat(32)}`)).toBe(
      expected,
    );
  });

  it.each([
    ['fires', 'org_loud', 'guard', 'acme/silent'],
    ['fires', 'org_loud', 'scan', 'acme/silent'],
    ['quiet', 'org_calm', 'guard', 'acme/silent'],
    ['quiet', 'org_calm', 'scan', 'acme/silent'],
    ['no data', 'org_calm', 'guard', 'acme/retired'],
    ['no data', 'org_loud', 'scan', 'acme/fast'],
  ] as const)('silent %s for %s: %s of %s', async (expected, org, producer, repo) => {
    expect(await outcome('silent', `org_id=${org} repo=${repo} producer=${producer}`)).toBe(expected);
  });

  it('rollup-lag fires for a wait of over 5 minutes, not for 2 minutes, and has no data without organisations', async () => {
    expect(await outcome('rollup-lag', 'org_id=org_loud')).toBe('fires');
    expect(await outcome('rollup-lag', 'org_id=org_calm')).toBe('quiet');
    expect(await outcome('rollup-lag', 'org_id=org_none')).toBe('no data');
  });

  it('session-too-large fires for sessions of which events arrive, of any age, and not for those that ended', async () => {
    expect(await outcome('session-too-large', 'org_id=org_loud')).toBe('fires');
    const rule = rules().get('shieldwatch-session-too-large');
    expect(rule === undefined ? [] : [...(await evaluateInGrafana(database.client, rule))]).toEqual([
      ['org_id=org_loud', { value: 2, fires: true }],
      ['org_id=org_calm', { value: 0, fires: false }],
    ]);
    expect(await outcome('session-too-large', 'org_id=org_none')).toBe('no data');
  });

  it('rollup-lag fires for a bucket that could not be computed for over 5 minutes', async () => {
    await database.client.insert({
      table: 'rollup_failure_v1',
      format: 'JSONEachRow',
      values: [10, 2].map((minutes) => ({
        ...{ org_id: minutes === 10 ? 'org_calm' : 'org_b', series: 'score_trend', is_open: true },
        ...{ bucket_start: 0, since: NOW - minutes * MINUTE, retry_at: NOW, version: 1 },
      })),
    });
    expect(await outcome('rollup-lag', 'org_id=org_calm')).toBe('fires');
  });

  it('dropping fires for an increase, not for a constant or first total, and has no data without telemetry', async () => {
    expect(await outcome('dropping', 'org_id=org_loud counter=exporter_send_failed_spans')).toBe('fires');
    expect(await outcome('dropping', 'org_id=org_calm counter=exporter_send_failed_spans')).toBe('quiet');
    expect(await outcome('dropping', 'org_id=org_calm counter=receiver_refused_spans')).toBe('quiet');
    expect(await outcome('dropping', 'org_id=org_none counter=receiver_refused_spans')).toBe('no data');
  });

  it('rules of one organisation raise alerts of that organisation only', async () => {
    for (const rule of rules('org_calm').values()) {
      const found = await evaluateInGrafana(database.client, rule);
      expect(
        [...found.keys()].filter((labels) => !labels.startsWith('org_id=org_calm ') && labels !== 'org_id=org_calm'),
        rule.title,
      ).toEqual([]);
    }
  });
});

describe('the alert file', () => {
  it('has the fields of Grafana 12, links that Grafana expands, and no `$` that provisioning would expand', async () => {
    const text = await readFile(join(packageRoot(), 'grafana/provisioning/alerting/rules.json'), 'utf8');
    expect(text).not.toContain('$');
    for (const rule of rules().values()) {
      expect(Object.keys(rule)).toEqual([
        'uid',
        'title',
        'condition',
        'data',
        'dashboardUid',
        'panelId',
        'noDataState',
        'execErrState',
        'for',
        'annotations',
        'labels',
        'isPaused',
      ]);
      expect(rule.uid).toMatch(/^[a-z-]{1,40}$/);
      expect(rule.annotations['runbook_url']).toMatch(
        /^\{\{ externalURL \}\}d\/shieldwatch-runbooks\?viewPanel=panel-\d+$/,
      );
      expect(rule.annotations).toMatchObject({
        __dashboardUid__: rule.dashboardUid,
        __panelId__: String(rule.panelId),
      });
      expect(rule.execErrState, 'a query that fails is no alert of the rule').toBe('Error');
      const [query] = rule.data;
      expect(query).toMatchObject({
        refId: 'A',
        datasourceUid: 'shieldwatch-clickhouse',
        model: { editorType: 'sql', format: 1, queryType: 'table' },
      });
      expect(String(query?.model['rawSql'])).not.toMatch(/\$|__from/);
      const board = JSON.parse(
        await readFile(
          join(packageRoot(), 'grafana/generated', `${rule.dashboardUid.replace('shieldwatch-', '')}.json`),
          'utf8',
        ),
      ) as { panels: { id: number; targets?: unknown[] }[] };
      expect(board.panels.find(({ id }) => id === rule.panelId)?.targets).toHaveLength(1);
    }
  });
});
