import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { ALERT_RULES } from '#schemas/alerts/rules.js';
import type { PanelData } from '#schemas/http/boards.js';
import { Problem, type Check } from './steps.js';

/** What the checks of the path use. */
export interface PathAccess {
  /** Base URL of the gateway. */
  gateway: string;
  /** Names and ids of all organisations. */
  listOrgs(): Promise<{ id: string; name: string }[]>;
  /** Creates an organisation; returns its id. */
  createOrg(name: string): Promise<string>;
  /** Sends an API request with the machine's rights in an organisation. Throws if it is refused. */
  asMachine<T>(orgId: string, method: 'POST' | 'DELETE', url: string, body: unknown): Promise<T>;
  /** Runs a SELECT in the store as its reader. */
  select<T>(sql: string): Promise<T[]>;
  /** Milliseconds to wait for a row or a point. */
  patienceMs?: number;
}

/** Milliseconds within which the gateway must answer a request. */
const ANSWER_MS = 10_000;
/** Milliseconds within which a sent event must be stored, and a stored one counted. */
const PATIENCE_MS = 30_000;
const POLL_MS = 200;

/** Organisations of this command. One that could not be deleted is deleted by the next run. */
const ORG_NAME = /^shieldwatch-doctor-[0-9a-f]{12}$/;
const REPOSITORY = 'shieldwatch/doctor';
/** The panel "Decisions" of the board Runtime: one number. */
const PANEL = '/boards/api/boards/shieldwatch-runtime/panels/3?from=now-1h&to=now';

const readyz = z.looseObject({ ok: z.boolean() });
const minted = z.object({ token: z.string() });
const seriesAnswer = z.object({ points: z.array(z.object({ total: z.number() })) });

/** What to do when a part of `GET /readyz` is false. */
const CURES: Readonly<Record<string, string>> = {
  clickhouse: 'ClickHouse does not answer: is it running, and is its disk full? See the log of `npm start`',
  postgres: 'Postgres does not answer: is it running? See the log of `npm start`',
  migrations: 'The stores have the schema of another version: restart the gateway with the version that migrated them',
  collector: 'the collector does not listen: see the log of `npm start` for why it ended, or start with --no-collector',
};

/**
 * Returns the checks of the path from a producer to the boards, in order. An event is sent in a temporary organisation,
 * so that it counts in no series of another; the last check deletes that organisation with all its data. The event is
 * an allowed call, so that no alert rule fires.
 */
export function pathChecks(access: PathAccess): Check[] {
  const patience = access.patienceMs ?? PATIENCE_MS;
  let org = '';
  let ingestToken = '';
  let readToken = '';
  const name = `shieldwatch-doctor-${randomBytes(6).toString('hex')}`;
  const remove = (orgId: string, orgName: string): Promise<unknown> =>
    access.asMachine(orgId, 'DELETE', `/v1/org/${orgId}`, { name: orgName });

  /** Waits until a count query gives exactly 1. */
  async function untilOne(sql: string, late: (seen: number) => Problem): Promise<number> {
    const started = Date.now();
    for (;;) {
      const n = Number((await access.select<{ n: number | string }>(sql))[0]?.n ?? 0);
      if (n === 1) return Date.now() - started;
      if (n > 1 || Date.now() - started > patience) throw late(n);
      await pause(POLL_MS);
    }
  }
  const read = (url: string): Promise<Response> => request(access.gateway, url, { token: readToken });

  return [
    {
      check: 'gateway',
      async run() {
        await request(access.gateway, '/healthz');
        return `${access.gateway} answers`;
      },
    },
    {
      check: 'dependencies',
      async run() {
        const answer = await request(access.gateway, '/readyz');
        const { ok, ...parts } = readyz.parse(await answer.json());
        // A store that does not answer shows no schema either.
        const isDown = parts['clickhouse'] === false || parts['postgres'] === false;
        const missing = Object.keys(CURES).filter(
          (part) => parts[part] === false && !(isDown && part === 'migrations'),
        );
        if (missing.length > 0)
          throw new Problem(`not ready: ${missing.join(', ')}`, missing.map((part) => CURES[part]).join('. '));
        if (!ok) throw new Problem('the gateway is stopping', 'start it again');
        const { setAside } = parts;
        if (typeof setAside === 'number' && setAside > 0)
          throw new Problem(
            `ready, but ${String(setAside)} files of telemetry are set aside`,
            'the store refused their content: `shieldwatch set-aside list`',
            'warning',
          );
        const { failingSeries } = parts;
        if (Array.isArray(failingSeries))
          throw new Problem(
            `ready, but the store could not compute buckets of ${failingSeries.join(', ')}`,
            'they are tried again; `shieldwatch rollup status` says how many and why',
            'warning',
          );
        return `ready: ${Object.keys(parts).join(', ')}`;
      },
    },
    {
      check: 'organisation',
      async run() {
        for (const left of (await access.listOrgs()).filter((each) => ORG_NAME.test(each.name)))
          await remove(left.id, left.name);
        org = await access.createOrg(name);
        const mint = async (scope: string): Promise<string> =>
          minted.parse(await access.asMachine(org, 'POST', '/v1/tokens', { name: 'doctor', scopes: [scope] })).token;
        ingestToken = await mint('ingest:runtime');
        readToken = await mint('read');
        return `${name} and its tokens are made`;
      },
    },
    {
      check: 'receive',
      async run() {
        const timestamp = new Date().toISOString();
        const entries = [{ eventId: name, timestamp, tool: 'Bash', decision: 'allow', durationMs: 1 }];
        const answer = await request(access.gateway, '/v1/ingest/runtime', {
          token: ingestToken,
          body: { repository: REPOSITORY, sessionId: name, entries },
        });
        if (!answer.ok) throw await refused(answer, 'the log of `npm start` names the cause');
        return 'the gateway acknowledged a decision';
      },
    },
    {
      check: 'landing',
      async run() {
        const ms = await untilOne(`SELECT uniqExact(SpanId) AS n FROM otel_traces WHERE OrgId = '${org}'`, () => {
          return new Problem(
            `the decision was acknowledged and is not in otel_traces after ${String(patience / 1000)} s`,
            'it waits in the collector: its queue may be long, or the store refuses it. See the Pipeline board, `shieldwatch set-aside list`, and the log of `npm start`',
          );
        });
        return `in otel_traces after ${String(ms)} ms`;
      },
    },
    {
      check: 'facts',
      async run() {
        await untilOne(`SELECT count() AS n FROM runtime_event WHERE org_id = '${org}'`, (seen) => {
          return new Problem(
            `otel_traces has the decision, runtime_event has ${String(seen)} rows of it instead of 1`,
            'a materialised view is missing or fails: compare with schemas/clickhouse/schema, then `shieldwatch facts reconcile`',
          );
        });
        return 'one fact in runtime_event';
      },
    },
    {
      check: 'series',
      async run() {
        const ms = await untilOne(
          `SELECT sum(total) AS n FROM blocked_command_rate_hour WHERE org_id = '${org}'`,
          (seen) =>
            new Problem(
              `the fact is there, blocked_command_rate counts ${String(seen)} instead of 1`,
              'the rollup worker does not run or fails: `shieldwatch rollup status`, the log of `npm start`; on servers, is an organisation covered by no shard?',
            ),
        );
        return `counted after ${String(ms)} ms`;
      },
    },
    {
      check: 'api',
      async run() {
        const answer = await read(
          `/v1/series/blocked_command_rate?bucket=hour&repository=${encodeURIComponent(REPOSITORY)}`,
        );
        if (!answer.ok) throw await refused(answer, 'the log of `npm start` names the cause');
        const total = seriesAnswer.parse(await answer.json()).points.reduce((sum, point) => sum + point.total, 0);
        if (total !== 1)
          throw new Problem(
            `the store counts 1, GET /v1/series answers ${String(total)}`,
            'does the gateway read another database (CLICKHOUSE_URL)?',
          );
        return 'GET /v1/series answers 1';
      },
    },
    {
      check: 'board',
      async run() {
        const cure = 'is grafana/generated of the same version as the store?';
        const answer = await read(PANEL);
        if (!answer.ok) throw await refused(answer, cure);
        const { rows } = (await answer.json()) as PanelData;
        if (!rows.flat().some((cell) => Number(cell) === 1))
          throw new Problem('the panel "Decisions" does not show 1', cure);
        return 'the panel "Decisions" shows 1';
      },
    },
    {
      check: 'alerts',
      async run() {
        for (const { uid, sql, above } of ALERT_RULES) {
          const rows = await access
            .select<Record<string, unknown>>(sql(`org_id = '${org}'`))
            .catch((error: unknown) => {
              throw new Problem(
                `the query of ${uid} fails: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown reason'}`,
                'provision the rules of this version: `shieldwatch grafana --help`',
              );
            });
          const fires = rows.some((row) =>
            Object.values(row).some((value) => typeof value === 'number' && value > above),
          );
          if (fires)
            throw new Problem(
              `${uid} fires for one allowed call`,
              'report it: a rule must not fire for that',
              'warning',
            );
        }
        return `the queries of ${String(ALERT_RULES.length)} rules are answered, and none fires`;
      },
    },
    {
      check: 'removal',
      isAlways: true,
      async run() {
        if (org === '') return 'no organisation was made';
        await remove(org, name);
        return 'the temporary organisation is deleted; its purge follows within minutes';
      },
    },
  ];
}

/**
 * Sends a request to the gateway: GET, or POST with a body.
 * @throws Problem when nothing answers.
 */
export async function request(
  gateway: string,
  path: string,
  { token, body }: { token?: string; body?: unknown } = {},
): Promise<Response> {
  try {
    return await fetch(new URL(path, gateway), {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'manual',
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw unreachable(gateway, error);
  }
}

/** Codes of Node's network errors, and what to do. */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start the gateway, or correct SHIELDWATCH_URL',
  ENOTFOUND: 'the name is unknown: correct the host in SHIELDWATCH_URL, or the DNS',
  EAI_AGAIN: 'the DNS does not answer',
  ECONNRESET: 'the connection was cut: is it a TLS port that is spoken to in plain HTTP, or a proxy in between?',
  EPROTO: 'it does not speak TLS there: use http:// or the right port',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: use http:// or the right port',
  CERT_HAS_EXPIRED: 'renew the certificate of the gateway or of the proxy before it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name: use that name in SHIELDWATCH_URL',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: name it in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority is unknown here: name its certificate in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the chain is incomplete: let the server send it, or set NODE_EXTRA_CA_CERTS',
};

function unreachable(gateway: string, error: unknown): Problem {
  if (error instanceof Error && error.name === 'TimeoutError')
    return new Problem(
      `${gateway} does not answer within ${String(ANSWER_MS / 1000)} s`,
      'is the gateway overloaded, or a firewall in between?',
    );
  const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown reason';
  return new Problem(
    `${gateway} cannot be reached: ${code}`,
    NETWORK[code] ?? 'check the address, the network and TLS',
  );
}

async function refused(answer: Response, cure: string): Promise<Problem> {
  const { error } = (await answer.json().catch(() => ({}))) as { error?: { message?: string } };
  return new Problem(
    `the gateway answered ${String(answer.status)}${error?.message === undefined ? '' : `: ${error.message}`}`,
    cure,
  );
}
