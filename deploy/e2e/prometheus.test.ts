import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { alertFile } from '#grafana/alerts/provisioning.js';
import { exposition, OPEN_METRICS, PLAIN_TEXT, type Family } from '#ingest/metrics/exposition.js';
import { labelOf, MAX_NAMED } from '#ingest/metrics/named-repositories.js';
import { SOURCES } from '#ingest/metrics/sources.js';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { ALERT_RULES } from '#schemas/alerts/rules.js';
import { packageRoot } from '#schemas/root.js';
import { freePort } from '#schemas/testing/ports.js';
import { alertName, PROMETHEUS_RULES, ruleFile, ruleTestFile } from '../prometheus/rules.js';
import { evaluateInGrafana, seedAlertHistories } from '../testing/alert-histories.js';
import { PROMETHEUS } from '../testing/prometheus.js';
import { until } from '../testing/stack.js';

const FOLDER = join(packageRoot(), 'deploy/prometheus');
const title = PROMETHEUS.isInstalled ? '' : ` (NOT RUN: no ${PROMETHEUS.needs})`;
/** A machine may be slow; nothing here is measured. */
const DEADLINE_MS = 240_000;

const promtool = (...args: string[]) =>
  spawnSync(PROMETHEUS.program('promtool'), args, { cwd: FOLDER, encoding: 'utf8' });

describe('rules for Prometheus', () => {
  it('are fresh: run `npm run prometheus:generate` after a change', async () => {
    expect(await readFile(join(FOLDER, 'shieldwatch.rules.yml'), 'utf8')).toBe(ruleFile());
    expect(await readFile(join(FOLDER, 'shieldwatch.rules.test.yml'), 'utf8')).toBe(ruleTestFile());
  });

  it("have a counterpart for each of Grafana's rules, with its duration and severity", () => {
    const ofGrafana = (alertFile().groups[0]?.rules ?? []).map((rule) => [
      alertName(rule.uid),
      rule.for,
      rule.labels['severity'],
    ]);
    expect(PROMETHEUS_RULES.map((rule) => [rule.alert, rule.for, rule.labels['severity']])).toEqual([
      ...ofGrafana,
      ['ShieldwatchMetricsMissing', '0s', 'critical'],
    ]);
  });

  it('go with an answer of a bounded number of samples, below the limit of the example configuration', async () => {
    const most = SOURCES.reduce(
      (sum, { labels, gauges, isOfOrganisation }) =>
        sum +
        gauges.length *
          labels.reduce((product, { values }) => product * (values.length + 1), 1) *
          (isOfOrganisation === true ? 1 : MAX_NAMED + 2),
      3,
    );
    const example = await readFile(join(FOLDER, 'prometheus.yml'), 'utf8');
    expect(most).toBeLessThan(Number(/sample_limit: (\d+)/.exec(example)?.[1]));
    expect(await readFile(join(FOLDER, 'README.md'), 'utf8')).toContain(
      `${String(Math.ceil(most / 1_000))},000 samples`,
    );
  });
});

describe.skipIf(!PROMETHEUS.isInstalled)(`Debian's promtool${title}`, () => {
  it('accepts the rules and the example configuration, and the unit tests of every rule pass', async () => {
    expect(promtool('check', 'rules', 'shieldwatch.rules.yml')).toMatchObject({ status: 0, stderr: '' });
    expect(promtool('check', 'config', '--syntax-only', 'prometheus.yml')).toMatchObject({ status: 0 });
    expect(promtool('test', 'rules', 'shieldwatch.rules.test.yml')).toMatchObject({ status: 0 });
    const tested = await readFile(join(FOLDER, 'shieldwatch.rules.test.yml'), 'utf8');
    for (const { alert } of PROMETHEUS_RULES) expect(tested).toContain(`name: ${alert} fires`);
  });

  it('fails the unit tests of a rule whose threshold, duration or bridge is changed, and of no other rule', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rules-'));
    try {
      const changes = [
        ['ShieldwatchBlockedFast', '> 14.4"', '>= 14.4"'],
        ['ShieldwatchBlockedSlow', 'for: 15m', 'for: 14m'],
        ['ShieldwatchScoreDrop', 'shieldwatch_score_drop_points[5m]', 'shieldwatch_score_drop_points[1h]'],
        ['ShieldwatchMetricsMissing', ' or absent_over_time', ' and absent_over_time'],
      ] as const;
      let rules = ruleFile();
      for (const [alert, from, to] of changes) {
        const at = rules.indexOf(from, rules.indexOf(`alert: ${alert}\n`));
        expect([alert, at > 0]).toEqual([alert, true]);
        rules = rules.slice(0, at) + to + rules.slice(at + from.length);
      }
      await writeFile(join(folder, 'shieldwatch.rules.test.yml'), ruleTestFile());
      await writeFile(join(folder, 'shieldwatch.rules.yml'), rules);
      const { status, stdout, stderr } = promtool('test', 'rules', join(folder, 'shieldwatch.rules.test.yml'));
      const failed = new Set([...`${stdout}${stderr}`.matchAll(/alertname: (\w+)/g)].map(([, name]) => name));
      expect([status, [...failed].sort()]).toEqual([1, changes.map(([alert]) => alert).sort()]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Label values that anybody may choose who sends telemetry. */
const HOSTILE = [
  'acme/quote"} 1\nshieldwatch_score{repository="acme/forged"} 100',
  'acme/back\\slash\\',
  'acme/line\nbreak\r\n# EOF\n',
  'acme/{brace="x"},',
  'acme/\u202egnp.exe\u202c',
  'acme/nul\0',
  'acme/\ud83d\ude00 emoji',
  '{{ .Labels.org_id }}',
  '$labels',
  '_other',
];

interface Scraped {
  metric: Record<string, string>;
  value: [number, string];
}

describe.skipIf(!PROMETHEUS.isInstalled)(`Debian's Prometheus${title}`, () => {
  let gateway: TestGateway;
  let folder: string;
  let url: string;
  let alertmanager: string;
  let pages: Server;
  const processes: ChildProcess[] = [];
  /** What the pages beside the gateway hold. */
  const random = fc.sample(fc.tuple(fc.string({ unit: 'binary', maxLength: 40 }), fc.double({ noNaN: true })), {
    numRuns: 300,
    seed: 7,
  });
  const written: Family = {
    name: 'shieldwatch_hostile',
    help: 'Any text.',
    samples: [...HOSTILE.map((text, index) => [text, index] as const), ...random].map(([text, value], index) => ({
      labels: { index: String(index), repository: labelOf(text) },
      value,
    })),
  };

  const get = async <T>(address: string): Promise<T> => (await (await fetch(address)).json()) as T;
  const query = async (expression: string): Promise<Scraped[]> =>
    (
      await get<{ data: { result: Scraped[] } }>(
        `${url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`,
      )
    ).data.result;

  function start(command: string, args: readonly string[]): void {
    processes.push(spawn(command, args, { stdio: 'ignore', cwd: folder }));
  }

  beforeAll(async () => {
    gateway = await startGateway(inject('clickhouseUrl'));
    await seedAlertHistories(gateway.store.client, { loud: 'org_a', calm: 'org_b' });
    const target = new URL(await gateway.app.listen({ host: '127.0.0.1', port: 0 })).host;
    pages = createServer((request, response) => {
      response.setHeader('content-type', request.url === '/open' ? OPEN_METRICS : PLAIN_TEXT);
      response.end(exposition([written]));
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    const pagesPort = (pages.address() as AddressInfo).port;

    folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
    const [port, alertPort] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${String(port)}`;
    alertmanager = `http://127.0.0.1:${String(alertPort)}`;
    // The example, with addresses of this test, every second instead of every half minute, and a second organisation.
    const example = await readFile(join(FOLDER, 'prometheus.yml'), 'utf8');
    const [head = '', job = '', tail = ''] = example.split(/(?= {2}- job_name)|(?=alerting:)/);
    const changed = (text: string, changes: readonly (readonly [string, string])[]): string =>
      changes.reduce((result, [from, to]) => {
        expect(result).toContain(from);
        return result.replaceAll(from, to);
      }, text);
    const jobOf = (name: string): string =>
      changed(job, [
        ['job_name: shieldwatch', `job_name: ${name}`],
        ['credentials_file: shieldwatch.token', `credentials_file: ${name}.token`],
        ['scrape_interval: 30s', 'scrape_interval: 1s'],
        ['scrape_timeout: 20s', 'scrape_timeout: 1s'],
        ['127.0.0.1:4000', target],
      ]);
    const pageJob = (path: string): string =>
      `  - { job_name: ${path}, metrics_path: /${path}, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{ targets: ['127.0.0.1:${String(pagesPort)}'] }] }\n`;
    await writeFile(
      join(folder, 'prometheus.yml'),
      head +
        jobOf('org_a') +
        jobOf('org_b') +
        pageJob('open') +
        pageJob('plain') +
        changed(tail, [['127.0.0.1:9093', `127.0.0.1:${String(alertPort)}`]]),
    );
    await writeFile(join(folder, 'org_a.token'), gateway.readToken);
    await writeFile(join(folder, 'org_b.token'), gateway.otherToken);
    await writeFile(join(folder, 'shieldwatch.rules.yml'), changed(ruleFile(), [['interval: 1m', 'interval: 1s']]));
    await writeFile(
      join(folder, 'alertmanager.yml'),
      'route: { receiver: none, group_wait: 1s }\nreceivers: [{ name: none }]\n',
    );
    if (PROMETHEUS.hasAlertmanager)
      start(
        ...PROMETHEUS.alertmanager(
          '--config.file=alertmanager.yml',
          '--storage.path=alertmanager-data',
          `--web.listen-address=127.0.0.1:${String(alertPort)}`,
          '--cluster.listen-address=',
        ),
      );
    start(PROMETHEUS.program('prometheus'), [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${String(port)}`,
    ]);
  });
  afterAll(async () => {
    for (const each of processes) {
      if (each.exitCode !== null || each.signalCode !== null) continue;
      each.kill();
      await once(each, 'exit');
    }
    pages.close();
    await gateway.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('scrapes every target, and keeps what the gateway answered', async () => {
    await until('all targets are up', async () => (await query('up == 1').catch(() => [])).length === 4, DEADLINE_MS);
    const [score] = await query('shieldwatch_score{org_id="org_a",repository="acme/score"}');
    expect(score?.value[1]).toBe('80');
    // Each organisation's token reads its own only.
    const pairs = (await query('count by (job, org_id) ({__name__=~"shieldwatch_.+",org_id!=""})')).map(
      ({ metric }) => [metric['job'], metric['org_id']],
    );
    expect(pairs.sort()).toEqual([
      ['org_a', 'org_a'],
      ['org_b', 'org_b'],
    ]);
  });

  it("raises the alerts of a bypass, and decides the same as Grafana's rules on the same history", async () => {
    interface Active {
      labels: Record<string, string>;
      state: string;
    }
    const active = async (): Promise<Active[]> =>
      (await get<{ data: { alerts: Active[] } }>(`${url}/api/v1/alerts`)).data.alerts;
    await until(
      'the alert of the bypass fires',
      async () =>
        (await active()).some(
          ({ state, labels }) =>
            state === 'firing' &&
            labels['alertname'] === 'ShieldwatchGuardPassed' &&
            labels['org_id'] === 'org_a' &&
            labels['repository'] === 'acme/passed',
        ),
      DEADLINE_MS,
    );
    const keyOf = (alert: string, labels: Readonly<Record<string, string | undefined>>): string =>
      [alert, labels['org_id'], labels['repository'] ?? labels['repo'], labels['producer'] ?? labels['counter']].join(
        ' ',
      );
    const decided = new Set(ALERT_RULES.map(({ uid }) => alertName(uid)));
    let both: { grafana: string[]; prometheus: string[] } = { grafana: [], prometheus: [] };
    await until(
      'both decide the same',
      async () => {
        // A rule's further labels (a seat, a client) may be folded in its metric: each repository counts once.
        const grafana = new Set<string>();
        for (const rule of alertFile().groups[0]?.rules ?? [])
          for (const [text, { fires }] of await evaluateInGrafana(gateway.store.client, rule))
            if (fires)
              grafana.add(
                keyOf(
                  alertName(rule.uid),
                  Object.fromEntries(text.split(' ').map((pair) => pair.split('=') as [string, string])),
                ),
              );
        // One that waits for its duration is decided, too.
        const prometheus = new Set(
          (await active()).flatMap(({ labels }) =>
            decided.has(labels['alertname'] ?? '') ? [keyOf(labels['alertname'] ?? '', labels)] : [],
          ),
        );
        both = { grafana: [...grafana].sort(), prometheus: [...prometheus].sort() };
        return JSON.stringify(both.grafana) === JSON.stringify(both.prometheus);
      },
      DEADLINE_MS,
    ).catch(() => undefined);
    expect(both.prometheus).toEqual(both.grafana);
  }, 600_000);

  it.skipIf(!PROMETHEUS.hasAlertmanager)(
    `hands the alert to Alertmanager with its texts${PROMETHEUS.hasAlertmanager ? '' : ' (NOT RUN: no user namespaces for Alertmanager)'}`,
    async () => {
      interface Received {
        labels: Record<string, string>;
        annotations: Record<string, string>;
      }
      const received = await until(
        'the alert is at Alertmanager',
        async () =>
          (await get<Received[]>(`${alertmanager}/api/v2/alerts`).catch(() => [])).find(
            ({ labels }) => labels['alertname'] === 'ShieldwatchGuardPassed' && labels['repository'] === 'acme/passed',
          ),
        DEADLINE_MS,
      );
      expect(received.labels).toMatchObject({ severity: 'critical', product: 'shieldwatch', org_id: 'org_a' });
      expect(received.annotations).toEqual({
        dedup_key: 'shieldwatch-guard-passed/org_a/acme/passed',
        summary: 'Calls ran past the guard of acme/passed of org_a',
        description: '2 calls of this hour and the last ran although a guard denied them, or because the guard failed.',
        runbook: 'grafana/runbooks/guard-passed.md',
      });
    },
  );

  it.each(['open', 'plain'])('reads any text in labels and any number as it was written: %s', async (job) => {
    const read = await until(
      'the page was scraped',
      async () => {
        const found = await query(`shieldwatch_hostile{job="${job}"}`).catch(() => []);
        return found.length === written.samples.length && found;
      },
      DEADLINE_MS,
    );
    const shape = (rows: { labels: Readonly<Record<string, string>>; value: number }[]): unknown[] =>
      rows.map(({ labels, value }) => [labels['index'], labels['repository'] ?? '', value]).sort();
    expect(
      shape(
        read.map(({ metric, value: [, value] }) => ({
          labels: metric,
          value: Number(value.replace('Inf', 'Infinity')),
        })),
      ),
    ).toEqual(shape(written.samples.map(({ labels, value }) => ({ labels, value: value === 0 ? 0 : value }))));
    expect(await query(`{job="${job}",__name__=~"shieldwatch_.+",__name__!="shieldwatch_hostile"}`)).toEqual([]);
  });
});
