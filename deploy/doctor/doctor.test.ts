import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createGateway, type GatewaySettings } from '#ingest/app.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { callApi, manageOrgs } from '../embedded/machine-api.js';
import { gatewayChecks, machineChecks } from './machine.js';
import { pathChecks, type PathAccess } from './path.js';
import { runCheck, runPath, type Finding } from './steps.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await gateway.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => gateway.close());

const urlOf = (app: TestGateway['app']): string =>
  `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`;

function accessTo(app: TestGateway['app'], more: Partial<PathAccess> = {}): PathAccess {
  const { postgres, store } = gateway;
  return {
    gateway: urlOf(app),
    listOrgs: async () => (await manageOrgs(app, postgres, 'GET', undefined)) as { id: string; name: string }[],
    createOrg: async (name) => ((await manageOrgs(app, postgres, 'POST', { name, plan: 'team' })) as { id: string }).id,
    asMachine: async <T>(orgId: string, method: string, url: string, body: unknown) =>
      (await callApi(app, 'org_a', { orgId, method, url, body })) as T,
    select: (sql) => selectRows(store.client, sql),
    patienceMs: 3_000,
    ...more,
  };
}

/** Runs the path; returns the broken check, or undefined if all held. Those before it are ok, those after it not checked, but for the removal. */
async function brokenCheck(access: PathAccess): Promise<Finding | undefined> {
  const findings = await runPath(pathChecks(access), () => undefined);
  const at = findings.findIndex(({ state }) => state === 'failed');
  if (at < 0) {
    expect(findings.map(({ check, state, detail }) => [check, state === 'ok' ? 'ok' : detail])).toEqual(
      findings.map(({ check }) => [check, 'ok']),
    );
    return undefined;
  }
  expect(findings.slice(0, at).map(({ state }) => state)).toEqual(findings.slice(0, at).map(() => 'ok'));
  const after = findings.slice(at + 1);
  expect(after.map(({ state }) => state)).toEqual(
    after.map(({ check }) => (check === 'removal' ? 'ok' : 'not checked')),
  );
  return findings[at];
}

/** A second gateway on the same stores. */
async function withGateway<T>(
  settings: Partial<GatewaySettings>,
  use: (app: TestGateway['app']) => Promise<T>,
): Promise<T> {
  const app = await createGateway({ clickhouse: gateway.store.client, postgres: gateway.postgres, ...settings });
  await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}

/** Runs the path while a rollup worker runs. */
async function whileRollingUp<T>(use: () => Promise<T>): Promise<T> {
  const worker = createRollupWorker({ clickhouse: gateway.store.client, intervalMs: 200 });
  worker.start();
  try {
    return await use();
  } finally {
    await worker.stop();
  }
}

/** Answers every request that `status` gives a number for; passes all others on to the gateway. */
async function withProxy<T>(
  status: (path: string) => number | undefined,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? '/';
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const code = status(path);
      if (code !== undefined) {
        response.writeHead(code, { 'content-type': 'application/json' }).end('{"error":{"message":"as planned"}}');
        return;
      }
      const answer = await fetch(new URL(path, urlOf(gateway.app)), {
        method: request.method ?? 'GET',
        headers: {
          authorization: request.headers.authorization ?? '',
          'content-type': request.headers['content-type'] ?? 'application/json',
        },
        ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const orgsOfDoctor = async (): Promise<string[]> =>
  (await accessTo(gateway.app).listOrgs())
    .map(({ name }) => name)
    .filter((name) => name.startsWith('shieldwatch-doctor'));

describe('doctor', () => {
  it('finds every step of the path in order on a whole stack, and leaves no organisation behind', async () => {
    await whileRollingUp(async () => {
      expect(await brokenCheck(accessTo(gateway.app))).toBeUndefined();
    });
    await expect.poll(orgsOfDoctor).toEqual([]);
  });

  it('names the gateway when nothing listens', async () => {
    const closed = await withGateway({}, (app) => Promise.resolve(urlOf(app)));
    expect(await brokenCheck(accessTo(gateway.app, { gateway: closed }))).toMatchObject({
      check: 'gateway',
      detail: `${closed} cannot be reached: ECONNREFUSED`,
      cure: expect.stringContaining('nothing listens') as string,
    });
  });

  it('names the collector when it does not listen', async () => {
    const closed = await withGateway({}, (app) => Promise.resolve(urlOf(app)));
    await withGateway({ collector: { url: closed, key: 'fake-collector-key' } }, async (app) => {
      expect(await brokenCheck(accessTo(app))).toMatchObject({ check: 'dependencies', detail: 'not ready: collector' });
    });
  });

  it('names the gateway that refuses what was sent, with its reason', async () => {
    await withProxy(
      (path) => (path.startsWith('/v1/ingest/') ? 503 : undefined),
      async (url) => {
        expect(await brokenCheck(accessTo(gateway.app, { gateway: url }))).toMatchObject({
          check: 'receive',
          detail: 'the gateway answered 503: as planned',
        });
      },
    );
  });

  it('names landing when a collector acknowledges and stores nothing', async () => {
    await withProxy(
      () => 200,
      async (url) => {
        await withGateway({ collector: { url, key: 'fake-collector-key' } }, async (app) => {
          expect(await brokenCheck(accessTo(app))).toMatchObject({ check: 'landing' });
        });
      },
    );
  });

  it('names the facts when their view is gone', async () => {
    const { client } = gateway.store;
    await client.command({ query: 'DETACH TABLE runtime_event_mv_v1' });
    try {
      expect(await brokenCheck(accessTo(gateway.app))).toMatchObject({ check: 'facts' });
    } finally {
      await client.command({ query: 'ATTACH TABLE runtime_event_mv_v1' });
    }
  });

  it('names the series when no worker runs', async () => {
    expect(await brokenCheck(accessTo(gateway.app))).toMatchObject({
      check: 'series',
      cure: expect.stringContaining('shieldwatch rollup status') as string,
    });
  });

  it('names the API, the boards and the alerts when one of them fails', async () => {
    await whileRollingUp(async () => {
      await withProxy(
        (path) => (path.startsWith('/v1/series/') ? 500 : undefined),
        async (url) => {
          expect(await brokenCheck(accessTo(gateway.app, { gateway: url }))).toMatchObject({ check: 'api' });
        },
      );
      await withProxy(
        (path) => (path.startsWith('/boards/') ? 404 : undefined),
        async (url) => {
          expect(await brokenCheck(accessTo(gateway.app, { gateway: url }))).toMatchObject({ check: 'board' });
        },
      );
      const { client } = gateway.store;
      await client.command({ query: 'RENAME TABLE masked_value_hour TO masked_value_hour_away' });
      try {
        expect(await brokenCheck(accessTo(gateway.app))).toMatchObject({
          check: 'alerts',
          detail: expect.stringContaining('shieldwatch-masked') as string,
        });
      } finally {
        await client.command({ query: 'RENAME TABLE masked_value_hour_away TO masked_value_hour' });
      }
    });
    await expect.poll(orgsOfDoctor).toEqual([]);
  });

  it('deletes what an interrupted run left behind', async () => {
    await accessTo(gateway.app).createOrg('shieldwatch-doctor-0123456789ab');
    await whileRollingUp(async () => {
      expect(await brokenCheck(accessTo(gateway.app))).toBeUndefined();
    });
    await expect.poll(orgsOfDoctor).toEqual([]);
  });

  it('judges a token by the gateway, and stores nothing for that', async () => {
    const tokenCheck = async (token?: string): Promise<Finding> => {
      const [, check] = gatewayChecks(urlOf(gateway.app), token);
      if (check === undefined) throw new Error('no check of the token');
      return runCheck(check);
    };
    expect(await tokenCheck(gateway.ingestToken)).toMatchObject({ state: 'ok' });
    expect(await tokenCheck(gateway.readToken)).toMatchObject({
      state: 'failed',
      cure: expect.stringContaining('ingest:runtime') as string,
    });
    expect(await tokenCheck(`${gateway.readToken.slice(0, -1)}_`)).toMatchObject({ state: 'failed' });
    expect(await tokenCheck()).toMatchObject({ state: 'warning' });
    expect(await selectRows(gateway.store.client, "SELECT 1 FROM otel_traces WHERE OrgId = 'org_a'")).toEqual([]);
  });

  it('says when the clocks differ', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { date: new Date(Date.now() - 60_000).toUTCString() }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const [clock] = gatewayChecks(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, undefined);
    if (clock === undefined) throw new Error('no check of the clock');
    const finding = await runCheck(clock);
    expect(finding).toMatchObject({
      state: 'warning',
      detail: expect.stringMatching(/differs by -(59|60|61) s/) as string,
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('finds no hook in an empty home, and the space of the disk', async () => {
    const home = await mkdtemp(join(tmpdir(), 'doctor-'));
    const places = {
      project: home,
      home,
      env: { HOME: home, PATH: process.env['PATH'] ?? '' },
      platform: process.platform,
    };
    const findings = [];
    for (const check of machineChecks({ dataDir: home, places })) findings.push(await runCheck(check));
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ['node', 'ok'],
      ['disk', expect.stringMatching(/ok|warning/)],
      ['hook', 'warning'],
      ['spool', 'ok'],
    ]);
    await rm(home, { recursive: true });
  });
});
