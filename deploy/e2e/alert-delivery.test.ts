import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { queueNotice } from '#ingest/delivery/queue.js';
import { noticeOf } from '#ingest/delivery/testing/notice.js';
import { startStandIn, type StandIn } from '#ingest/delivery/testing/stand-in.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '#ingest/testing/gateway.js';
import type { DeliveryInfo, DestinationInfo } from '#schemas/http/alert-delivery.js';
import { inOrg } from '#schemas/postgres/session.js';
import { freePort } from '#schemas/testing/ports.js';
import { PROMETHEUS } from '../testing/prometheus.js';

const POLL = { timeout: 90_000, interval: 100 };
const SECRET = 'FAKE-part-of-a-webhook-address';
const SIGNING = `whsec_${Buffer.from('FAKE-signing-secret-of-a-test').toString('base64')}`;

let gateway: TestGateway;
let service: StandIn;
const lines: string[] = [];
beforeAll(async () => {
  service = await startStandIn();
  gateway = await startGateway(inject('clickhouseUrl'), {
    delivery: { egress: { allow: ['127.0.0.1'] }, publicUrl: 'https://shieldwatch.example' },
    logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
  });
});
afterAll(async () => {
  await gateway.close();
  await service.close();
});

interface Answer<T> {
  status: number;
  body: T;
  text: string;
}

async function call<T>(method: string, url: string, body?: unknown): Promise<Answer<T>> {
  const token = gateway.adminToken;
  const answer = await gateway.app.inject({
    method: method as 'GET',
    url,
    headers: body === undefined ? { authorization: `Bearer ${token}` } : jsonHeaders(token),
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  return { status: answer.statusCode, body: answer.json<T>(), text: answer.body };
}
const add = (name: string, kind: string, secrets: object) =>
  call<DestinationInfo & Refusal>('POST', '/v1/alerts/destinations', { name, kind, secrets });
const show = async (id: string) => (await call<DeliveryInfo>('GET', `/v1/alerts/deliveries/${id}`)).body;
const test = async (name: string) => (await call<DeliveryInfo>('POST', `/v1/alerts/destinations/${name}/test`)).body;

describe('a destination', () => {
  it('is added, tested and removed by administrators, and never shows or logs its secrets', async () => {
    const added = await add('hook', 'webhook', { url: `${service.origin}/${SECRET}`, signingSecret: SIGNING });
    expect(added.status, added.text).toBe(200);
    expect((await add('hook', 'pagerduty', { routingKey: 'FAKE' })).status).toBe(409);
    const { id } = await test('hook');
    await expect.poll(async () => (await show(id)).state, POLL).toBe('sent');
    expect(JSON.parse(service.received[0]?.body ?? '')).toMatchObject({ data: { kind: 'test' } });

    service.answer(({ url }, response) => void response.writeHead(404).end(`nothing at ${url}`));
    const failed = await test('hook');
    await expect.poll(async () => (await show(failed.id)).state, POLL).toBe('dead');
    const dead = await call<{ deliveries: DeliveryInfo[] }>('GET', '/v1/alerts/deliveries?state=dead');
    expect(dead.body.deliveries).toMatchObject([{ id: failed.id, destination: 'hook', lastStatus: 404, attempts: 1 }]);
    service.answer((_request, response) => void response.end());
    expect((await call('POST', `/v1/alerts/deliveries/${failed.id}/resend`)).status).toBe(200);
    await expect.poll(async () => (await show(failed.id)).state, POLL).toBe('sent');
    expect((await call('POST', `/v1/alerts/deliveries/${failed.id}/resend`)).status).toBe(409);

    const list = await call('GET', '/v1/alerts/destinations');
    expect((await call('DELETE', '/v1/alerts/destinations/hook')).status).toBe(200);
    expect((await call('POST', '/v1/alerts/destinations/hook/test')).status).toBe(404);
    const rows = await gateway.postgres.query('SELECT * FROM alert_destination, alert_delivery');
    const audit = await call<{ entries: { record: string }[] }>('GET', '/v1/audit?limit=1000');
    const actions = audit.body.entries.map(({ record }) => (JSON.parse(record) as { action: string }).action);
    expect(actions.filter((action) => action.startsWith('alert_'))).toEqual([
      'alert_destination.add',
      'alert_destination.test',
      'alert_destination.test',
      'alert_delivery.resend',
      'alert_destination.remove',
    ]);
    for (const seen of [added.text, list.text, dead.text, audit.text, JSON.stringify(rows), lines.join('')])
      for (const secret of [SECRET, SIGNING]) expect(seen).not.toContain(secret);
  });

  it.each([
    ['webhook', { url: 'https://a.test/' }, 'secrets.signingSecret'],
    ['webhook', { url: 'file:///etc/passwd', signingSecret: SIGNING }, 'secrets.url'],
    ['slack', { url: 'https://slack.evil.example/services/x' }, 'secrets.url'],
    ['slack', { url: 'http://hooks.slack.com/services/x' }, 'secrets.url'],
    ['pagerduty', { routingKey: `FAKE\r\nx: y` }, 'secrets.routingKey'],
    ['pagerduty', { routingKey: 'FAKE', other: 'FAKE-unknown' }, 'secrets'],
    ['smoke-signals', {}, 'kind'],
  ])('of kind %s with wrong settings is refused by the name of the field', async (kind, secrets, field) => {
    const { status, body, text } = await add('wrong', kind, secrets);
    expect([status, body.error.field]).toEqual([400, field]);
    for (const value of Object.values(secrets)) expect(text).not.toContain(value);
  });

  it('that was removed while notices waited makes them dead, and they stay listed', async () => {
    service.answer((_request, response) => void response.writeHead(500).end());
    await add('leaving', 'webhook', { url: service.origin, signingSecret: SIGNING });
    const { id } = await test('leaving');
    await expect.poll(async () => (await show(id)).attempts, POLL).toBeGreaterThan(0);
    expect((await call('DELETE', '/v1/alerts/destinations/leaving')).status).toBe(200);
    expect(await show(id)).toMatchObject({ state: 'dead', lastError: 'the destination was removed' });
    expect((await call('POST', `/v1/alerts/deliveries/${id}/resend`)).status).toBe(409);
  });
});

interface Active {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  status: { state: string };
  generatorURL: string;
  endsAt: string;
}

describe.skipIf(!PROMETHEUS.hasAlertmanager)(
  `Debian's Alertmanager${PROMETHEUS.hasAlertmanager ? '' : ' (NOT RUN: no packages or no user namespaces)'}`,
  () => {
    let folder: string;
    let url: string;
    let process_: ChildProcess;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'shieldwatch-alertmanager-'));
      const port = String(await freePort());
      url = `http://127.0.0.1:${port}`;
      await writeFile(
        join(folder, 'alertmanager.yml'),
        'route: { receiver: none, group_wait: 1s }\nreceivers: [{ name: none }]\n',
      );
      const [command, args] = PROMETHEUS.alertmanager(
        '--config.file=alertmanager.yml',
        '--storage.path=data',
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      );
      process_ = spawn(command, args, { stdio: 'ignore', cwd: folder });
    });
    afterAll(async () => {
      if (process_.exitCode === null && process_.signalCode === null) {
        process_.kill();
        await once(process_, 'exit');
      }
      await rm(folder, { recursive: true, force: true });
    });

    it('shows a notice as one alert, and ends it when it is resolved', async () => {
      await expect
        .poll(
          () =>
            fetch(`${url}/-/ready`).then(
              ({ ok }) => ok,
              () => false,
            ),
          POLL,
        )
        .toBe(true);
      const { body } = await add('alertmanager', 'alertmanager', { url });
      const queue = (kind: 'firing' | 'resolved', episode: number) =>
        inOrg(gateway.postgres, 'org_a', (tx) =>
          queueNotice(tx, {
            orgId: 'org_a',
            destinationId: body.id,
            idempotencyKey: `${kind} ${String(episode)}`,
            notice: noticeOf({ kind, episode, title: 'hostile "title" \u202e {{ .Labels }}' }),
            ticket: false,
          }),
        );
      const active = async (): Promise<Active[]> => (await (await fetch(`${url}/api/v2/alerts`)).json()) as Active[];
      await queue('firing', 1);
      await queue('firing', 2);
      await expect.poll(async () => (await active()).length, POLL).toBe(1);
      const [alert] = await active();
      expect(alert?.labels).toEqual({
        alertname: 'shieldwatch-new-secret',
        severity: 'critical',
        org_id: 'org_a',
        repository: 'acme/app',
        shieldwatch_key: noticeOf().key,
      });
      expect(alert?.generatorURL).toBe('https://shieldwatch.example/boards/shieldwatch-secrets');
      expect(Date.parse(alert?.endsAt ?? '')).toBeGreaterThan(Date.now() + 20 * 86_400_000);
      await queue('resolved', 2);
      await expect.poll(active, POLL).toEqual([]);
    });
  },
);
