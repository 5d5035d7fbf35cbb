import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import {
  ATTR_DECISION,
  ATTR_EVENT_ID,
  ATTR_EVENT_SOURCE,
  ATTR_SECURITY_RULE_CATEGORY,
  EVENT_THREAT_DETECTION,
} from '#schemas/semconv.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { spoolLine, spoolRecords } from '../testing/spool-lines.js';
import { hookToken } from './hook-token.js';
import { hexAddress, ownerIn } from '../peer.js';
import { startAgent, type AgentOptions, type RunningAgent } from './run-agent.js';

const SEGMENT = `decisions-${new Date().toISOString().slice(0, 10)}-000000.ndjson`;

let server: OtlpServer;
let home: string;
let spool: string;
let said: string[];
let agent: RunningAgent | undefined;
let children: ChildProcess[];

beforeEach(async () => {
  server = await OtlpServer.start();
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-agent-'));
  spool = join(home, '.shieldwatch', 'spool');
  mkdirSync(spool, { recursive: true });
  said = [];
  children = [];
});

afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  for (const child of children) child.kill('SIGKILL');
  await server.stop();
});

/** Where an answer does not come. Elsewhere a slow one is waited for: what is given up is sent twice. */
const SOON = { deadlineMs: 500 };

async function start(options: Partial<AgentOptions> = {}): Promise<RunningAgent> {
  const env = { HOME: home };
  agent = await startAgent({
    url: server.url,
    token: 'eccp_test',
    spoolDir: spool,
    runtimeLogs: [],
    port: 0,
    hookToken: hookToken(env),
    mode: 'strict',
    env,
    say: (line) => said.push(line),
    pollMs: 20,
    ...options,
  });
  return agent;
}

const write = (from: number, to: number): void => {
  appendFileSync(
    join(spool, SEGMENT),
    Array.from({ length: to - from }, (_, index) => spoolLine(from + index)).join(''),
  );
};
const arrived = (): string[] => server.spans.map((span) => String(span.values[ATTR_EVENT_ID]));
const allOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `event-${String(index)}`).sort();

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}; said: ${said.join(' | ')}`);
    await sleep(10);
  }
}
const untilArrived = (count: number): Promise<void> =>
  until(`${String(count)} records`, () => new Set(arrived()).size >= count);

describe('shipping', () => {
  it('sends existing and new records once', async () => {
    write(0, 700);
    await start();
    await untilArrived(700);
    write(700, 710);
    await untilArrived(710);
    expect(arrived().sort()).toEqual(allOf(710));
  });

  it('waits during an outage, reports it once, and then sends everything', async () => {
    const { url } = server;
    await server.stop();
    write(0, 5);
    await start({ url, ...SOON });
    await until('a word about it', () =>
      said.some((line) => /not sent, will be tried again: .*cannot be reached/.test(line)),
    );
    server = await OtlpServer.start(Number(new URL(url).port));
    await untilArrived(5);
    expect(said.filter((line) => line.startsWith('not sent'))).toHaveLength(1);
    expect(arrived().sort()).toEqual(allOf(5));
  });

  it('retries no sooner than Retry-After, also beyond its deadline', async () => {
    write(0, 1);
    const asked: number[] = [];
    server.respond = ({ path }) => {
      if (path !== '/v1/traces') return undefined;
      asked.push(Date.now());
      return asked.length === 1 ? { status: 503, headers: { 'retry-after': '2' } } : undefined;
    };
    await start(SOON);
    await untilArrived(1);
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(1950);
  });

  it('retries when the backend hangs, closes early or resets', async () => {
    const faults: ((socket: Socket) => void)[] = [
      () => undefined,
      (socket) => socket.destroy(),
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'),
      (socket) => socket.end('no http'),
    ];
    let connections = 0;
    const faulty: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      const fault = faults[connections++ % faults.length];
      socket.once('data', () => fault?.(socket));
    });
    await new Promise<void>((resolve) => faulty.listen(0, '127.0.0.1', resolve));
    write(0, 3);
    await start({ url: `http://127.0.0.1:${String((faulty.address() as AddressInfo).port)}`, deadlineMs: 300 });
    await until('several tries', () => connections >= 5);
    await agent?.stop();
    faulty.close();
    await start();
    await untilArrived(3);
  });

  it('keeps records when the token is wrong, and skips records that are refused permanently', async () => {
    write(0, 3);
    let status = 401;
    server.respond = ({ path }) =>
      path === '/v1/traces' && status !== 200 ? { status, body: '{"message":"why"}' } : undefined;
    await start();
    await until('the status is reported', () => said.some((line) => line.includes('answered 401')));
    await agent?.stop();
    status = 400;
    await start();
    await until('the rejection is reported', () => said.includes('warning: 3 records were rejected permanently'));
    status = 200;
    write(3, 4);
    await until('the next arrives', () => arrived().length > 0);
    expect(arrived()).toEqual(['event-3']);
  });

  it('keeps running when the host name does not resolve', async () => {
    write(0, 1);
    await start({ url: 'http://nothing.invalid:4000', ...SOON });
    await until('a word about it', () => said.some((line) => line.startsWith('not sent')));
    // Verdicts do not wait for it.
    const hook = await ask('ls');
    expect([hook.status, hook.body]).toEqual([200, {}]);
  });

  it('sends a blocked call as a threat detection, and every call as counter and histogram', async () => {
    appendFileSync(
      join(spool, SEGMENT),
      spoolLine(0, {
        decision: 'block',
        reason: 'no',
        ruleName: 'deny[0]:Bash',
        ruleId: 'rule-1',
        ruleCategory: 'exfiltration',
        toolCallId: 'call_1',
      }) + spoolLine(1),
    );
    await start();
    await until('metrics', () => server.accepted.some(({ path }) => path === '/v1/metrics'));
    expect(server.logRecords).toMatchObject([
      {
        eventName: EVENT_THREAT_DETECTION,
        severityNumber: 21,
        traceId: server.spans[0]?.traceId,
        values: {
          'agent.threat.detection.rule_id': 'rule-1',
          'agent.threat.detection.severity': 'critical',
          'agent.threat.detection.action': 'block',
          'agent.threat.detection.ruleset': 'agentshield@1',
          'agent.threat.detection.correlation_id': 'call_1',
        },
      },
    ]);
    const metrics = JSON.stringify(
      server.accepted.filter(({ path }) => path === '/v1/metrics').map(({ body }) => body),
    );
    expect(metrics).toContain('agentshield.decision.duration');
    expect(server.points).toContain('agentshield.decisions{tool=Bash,decision=block} = 1');
  });

  it('reports how many records a full spool dropped', async () => {
    const { encodeLine } = await import('../spool/line.js');
    const { countLost } = await import('../spool/lost.js');
    appendFileSync(
      join(spool, SEGMENT),
      encodeLine({ eventId: 'd', timestamp: new Date().toISOString(), dropped: 41 }) + spoolLine(0),
    );
    writeFileSync(join(spool, 'lost'), '000000000000');
    countLost(spool, 2);
    await start();
    await until('both', () => server.points.filter((point) => point.includes('spool.dropped')).length === 2);
    expect(server.points.filter((point) => point.includes('dropped'))).toEqual([
      'shieldwatch.spool.dropped{reason=not-written} = 2',
      'shieldwatch.spool.dropped{reason=spool-full} = 41',
    ]);
  });
});

describe('the stock runtime log', () => {
  it('is tailed: each line, equal ones included, is one decision with a stable event id', async () => {
    const project = join(home, 'app');
    const log = join(project, '.agentshield', 'runtime.ndjson');
    await start({ runtimeLogs: [log] });
    mkdirSync(join(project, '.agentshield'), { recursive: true });
    const line =
      '{"timestamp":"2026-11-24T08:00:00.002Z","tool":"Bash","decision":"block","reason":"Prompt injection: instruction override","durationMs":2}\n';
    appendFileSync(
      log,
      `${line}${line}nonsense\n{"timestamp":"2026-11-24T08:00:01.000Z","tool":"Read","decision":"allow","durationMs":0}\n{"torn`,
    );
    await untilArrived(3);
    expect(
      server.spans.map(({ values, resource }) => [
        values[ATTR_EVENT_SOURCE],
        values[ATTR_DECISION],
        values[ATTR_SECURITY_RULE_CATEGORY],
        resource['vcs.repository.name'],
      ]),
    ).toEqual([
      ['ndjson', 'block', 'injection', 'app'],
      ['ndjson', 'block', 'injection', 'app'],
      ['ndjson', 'allow', undefined, 'app'],
    ]);
    const ids = arrived();
    await agent?.stop();
    // Offsets gone: the same lines are sent again, as the same records.
    writeFileSync(join(spool, 'offsets.json'), '{}');
    await start({ runtimeLogs: [log] });
    await until('sent again', () => arrived().length === 6);
    expect(new Set(arrived())).toEqual(new Set(ids));
    // Another file under the name is read from its beginning.
    renameSync(log, `${log}.1`);
    appendFileSync(log, line);
    await untilArrived(4);
  });
});

interface HookAnswer {
  status: number;
  body: unknown;
}

async function ask(
  command: string,
  {
    token = hookToken({ HOME: home }),
    cwd = home,
    method = 'POST',
    path = '/hook',
    session = 's',
    body,
  }: { token?: string; cwd?: string; method?: string; path?: string; session?: string; body?: string } = {},
): Promise<HookAnswer> {
  const url = new URL(path, agent?.hookUrl);
  const input =
    body ??
    JSON.stringify({
      session_id: session,
      prompt_id: 'p',
      cwd,
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_input: { command },
      tool_use_id: 'toolu_1',
    });
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(method === 'GET' ? {} : { body: input }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) };
}

describe('the HTTP hook', () => {
  beforeEach(() => {
    mkdirSync(join(home, '.agentshield'));
    writeFileSync(
      join(home, '.agentshield', 'runtime-policy.json'),
      JSON.stringify({
        version: 1,
        deny: [{ tool: 'Bash', pattern: 'rm -rf', reason: 'Prevents destructive operations' }],
      }),
    );
  });

  it('judges and records like the command hook', async () => {
    await start({ token: undefined });
    expect(await ask('ls')).toEqual({ status: 200, body: {} });
    const reason = 'AgentShield: BLOCKED Bash — Prevents destructive operations';
    expect(await ask('rm -rf /')).toEqual({
      status: 200,
      body: {
        decision: 'block',
        reason,
        hookSpecificOutput: {
          hookEventName: 'PreToolUse',
          permissionDecision: 'deny',
          permissionDecisionReason: reason,
        },
      },
    });
    expect(spoolRecords(spool)).toMatchObject([
      { decision: 'allow', agent: 'claude-code', toolCallId: 'toolu_1', source: 'hook' },
      { decision: 'block', ruleName: 'deny[0]:Bash' },
    ]);
    expect(JSON.stringify(spoolRecords(spool))).not.toContain('rm -rf');
  });

  it('keeps the session’s project policy when the agent changes the folder', async () => {
    const own = join(home, 'own');
    mkdirSync(join(own, '.agentshield'), { recursive: true });
    mkdirSync(join(own, '.git'));
    writeFileSync(join(own, '.agentshield', 'runtime-policy.json'), '{"version":1}');
    await start({ token: undefined });
    await ask('ls');
    expect((await ask('rm -rf /', { cwd: own })).body).toMatchObject({ decision: 'block' });
    expect(
      (await ask('rm -rf /', { cwd: mkdtempSync(join(tmpdir(), 'shieldwatch-elsewhere-')), session: 'another' })).body,
    ).toEqual({});
  });

  it('never answers what Claude Code treats as allow to a request without token or with an invalid body', async () => {
    await start({ token: undefined });
    expect((await ask('ls', { token: 'wrong' })).status).toBe(401);
    expect((await ask('ls', { path: '/other' })).status).toBe(404);
    expect((await ask('ls', { method: 'GET' })).status).toBe(404);
    for (const body of ['', 'nonsense', '[]', '{"hook_event_name":"PreToolUse"}'])
      expect((await ask('', { body })).body).toMatchObject({ decision: 'block' });
    expect((await ask('', { body: '{"hook_event_name":"PostToolUse","tool_name":"Bash"}' })).body).toEqual({});
    writeFileSync(join(home, '.agentshield', 'runtime-policy.json'), '{');
    expect((await ask('ls')).body).toMatchObject({ decision: 'block' });
  });

  it('refuses requests of web pages, even with a valid token', async () => {
    await start({ token: undefined });
    for (const [name, value] of [
      ['origin', 'null'],
      ['sec-fetch-site', 'null'],
      ['sec-fetch-dest', 'null'],
      ['host', 'rebound.example:4327'],
      ['host', '127.0.0.1.rebound.example'],
    ] as const) {
      const { status } = await new Promise<{ status: number | undefined }>((resolve, reject) => {
        const headers = { authorization: `Bearer ${hookToken({ HOME: home })}`, [name]: value };
        request(agent?.hookUrl ?? '', { method: 'POST', headers }, (response) => {
          resolve({ status: response.statusCode });
          response.resume();
        })
          .once('error', reject)
          .end('{}');
      });
      expect([name, value, status]).toEqual([name, value, 403]);
    }
    expect(spoolRecords(spool)).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)('refuses other users of the machine, even with a valid token', async () => {
    await start({ token: undefined });
    const code =
      "fetch(process.argv[1], { method: 'POST', headers: { authorization: process.argv[2] }, body: '{}' }).then((response) => console.log(response.status))";
    const asked = (uid: number): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn(
          process.execPath,
          ['-e', code, agent?.hookUrl ?? '', `Bearer ${hookToken({ HOME: home })}`],
          { uid, cwd: '/' },
        );
        let out = '';
        child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        child.once('close', () => {
          resolve(out.trim());
        });
      });
    expect([await asked(65_534), await asked(0)]).toEqual(['403', '200']);
  });

  it('identifies the user at the other end of a connection by the kernel’s table', () => {
    const table = Buffer.from(
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:10E7 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1\n   1: 0100007F:C350 0100007F:10E7 01 00000000:00000000 00:00000000 00000000  1000        0 2\n',
    );
    expect([hexAddress('127.0.0.1', 4327), hexAddress('::ffff:127.0.0.1', 50_000)]).toEqual([
      '0100007F:10E7',
      '0100007F:C350',
    ]);
    expect(ownerIn(table, '0100007F:C350', '0100007F:10E7')).toBe(1000);
    expect(ownerIn(table, '0100007F:C351', '0100007F:10E7')).toBeUndefined();
  });

  it('has a token that only this user can read', () => {
    const token = hookToken({ HOME: home });
    expect(token).toMatch(/^swhook_[0-9a-f]{48}$/);
    expect(hookToken({ HOME: home })).toBe(token);
    expect(statSync(join(home, '.shieldwatch', 'hook-token')).mode & 0o777).toBe(0o600);
  });
});

it('resumes after a kill at any moment: every record arrives under one event id', async () => {
  const cli = join(packageRoot(), 'dist', 'exporters', 'cli.js');
  expect(existsSync(cli)).toBe(true);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    SHIELDWATCH_URL: server.url,
    SHIELDWATCH_TOKEN: 'eccp_test',
  };
  let written = 0;
  for (let round = 0; round < 8; round += 1) {
    const child = spawn(process.execPath, [cli, 'agent', '--port', '0'], { env, stdio: 'ignore' });
    children.push(child);
    const before = server.requests.length;
    write(written, written + 1300);
    written += 1300;
    // Killed before, between and after the requests of this round.
    await until('some requests', () => server.requests.length >= before + (round % 4));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  await start();
  await untilArrived(written);
  expect([...new Set(arrived())].sort()).toEqual(allOf(written));
  // At most the last batch of each life was sent twice.
  expect(arrived().length).toBeLessThanOrEqual(written + 8 * 500);
});
