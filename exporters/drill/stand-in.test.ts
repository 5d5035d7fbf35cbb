import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anthropicApi } from './anthropic-api.js';
import { clientEnvironment } from './client-environment.js';
import { startStandIn, type StandIn } from './stand-in.js';

const FOREIGN = ['sk-ant-', 'fake-key-of-the-person'].join('');
const CALL = { id: 'toolu_01', command: 'touch the-call' };

let standIn: StandIn;

beforeEach(async () => {
  standIn = await startStandIn(anthropicApi, { turns: [[CALL]] }, { call: 'the-call', reason: 'the-reason' });
});

afterEach(() => standIn.close());

const ask = async (path: string, headers: Record<string, string>, messages: object[] = []): Promise<string> => {
  const body = JSON.stringify({ tools: [{ name: 'Bash' }], messages });
  const response = await fetch(`${standIn.origin}${path}`, { method: 'POST', headers, body });
  return `${String(response.status)} ${await response.text()}`;
};
const path = (): string => `/${standIn.token}/v1/messages`;

describe('the stand-in for a model', () => {
  it('asks for the one call, and sees its result and the reason of the denial', async () => {
    expect(await ask(path(), { 'x-api-key': standIn.token })).toContain('touch the-call');
    expect(standIn.seen).toMatchObject({ requests: 1, isReported: false });
    expect(standIn.seen.answeredAt).toBeUndefined();
    const result = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_01', input: { command: 'touch the-call' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_01', content: 'the-reason' }] },
    ];
    expect(await ask(path(), { authorization: `Bearer ${standIn.token}` }, result)).toContain('done');
    expect(standIn.seen).toMatchObject({ requests: 2, isReported: true, isForeign: false });
    expect(standIn.seen.answeredAt).toBeGreaterThanOrEqual(standIn.seen.askedAt ?? 0);
  });

  it.each([
    ['x-api-key', FOREIGN],
    ['authorization', `Bearer ${FOREIGN}`],
    ['x-goog-api-key', FOREIGN],
    ['cookie', `session=${FOREIGN}`],
  ])('refuses another credential in %s, and keeps nothing of it', async (name, value) => {
    expect(await ask(path(), { [name]: value })).toMatch(/^401 /);
    expect(standIn.seen).toEqual({ requests: 0, isReported: false, isForeign: true });
  });

  it('refuses another credential in the address', async () => {
    expect(await ask(`${path()}?key=${FOREIGN}`, {})).toMatch(/^401 /);
  });

  it('answers 403 without the token in the path', async () => {
    expect(await ask('/v1/messages', { 'x-api-key': standIn.token })).toMatch(/^403 /);
    expect(standIn.seen.requests).toBe(0);
  });

  it.runIf(process.getuid?.() === 0)('refuses other users of the machine, even with the token', async () => {
    const code =
      "fetch(process.argv[1], { method: 'POST', headers: { 'x-api-key': process.argv[2] }, body: '{}' }).then((response) => console.log(response.status))";
    const asked = (uid: number): Promise<string> =>
      new Promise((resolve) => {
        const args = ['-e', code, `${standIn.origin}${path()}`, standIn.token];
        execFile(process.execPath, args, { uid, cwd: '/' }, (_error, stdout) => {
          resolve(stdout.trim());
        });
      });
    expect([await asked(65_534), await asked(0)]).toEqual(['403', '200']);
    expect(standIn.seen.requests).toBe(1);
  });

  it('passes nothing on as a proxy', async () => {
    const { hostname, port } = new URL(standIn.origin);
    const plain = await new Promise<number | undefined>((resolve, reject) => {
      request({ host: hostname, port, path: 'http://127.0.0.1:9/x' }, ({ statusCode }) => {
        resolve(statusCode);
      })
        .once('error', reject)
        .end();
    });
    expect(plain).toBe(403);
    await expect(
      new Promise((resolve, reject) => {
        request({ host: hostname, port, method: 'CONNECT', path: '127.0.0.1:9' })
          .once('connect', resolve)
          .once('error', reject)
          .end();
      }),
    ).rejects.toThrow();
  });
});

describe('the environment of a client in a drill', () => {
  const kept = (env: NodeJS.ProcessEnv): string[] =>
    Object.keys(env).filter((name) => name in clientEnvironment(env, 'http://127.0.0.1:1'));

  it('holds no credential under any name', () => {
    const url = ['postgres://user:', 'fake-password', '@db/app'].join('');
    expect(
      kept({
        ANTHROPIC_API_KEY: FOREIGN,
        OPENAI_API_KEY: 'x',
        GEMINI_API_KEY: 'x',
        AWS_PROFILE: 'x',
        GOOGLE_APPLICATION_CREDENTIALS: '/x',
        CLAUDE_CODE_OAUTH_TOKEN: 'x',
        SHIELDWATCH_TOKEN: 'x',
        GH_TOKEN: 'x',
        MY_PAT: 'x',
        DATABASE_URL: url,
        HARMLESS: FOREIGN,
        OTEL_EXPORTER_OTLP_HEADERS: 'x',
        CLAUDECODE: '1',
      }),
    ).toEqual([]);
  });

  it('holds what decides whether hooks run', () => {
    const env = {
      PATH: '/usr/bin',
      HOME: '/home/dev',
      NODE_OPTIONS: '--require /x.cjs',
      CLAUDE_CONFIG_DIR: '/x',
      CLAUDE_CODE_SIMPLE: '1',
      CLAUDE_CODE_SAFE_MODE: '1',
      CLAUDE_CODE_SHELL_PREFIX: '/x',
      CODEX_HOME: '/x',
      GEMINI_CLI_HOME: '/x',
      SHIELDWATCH_HOME: '/x',
      SHIELDWATCH_POLICY_MODE: 'strict',
      BASH_ENV: '/x',
    };
    expect(kept(env)).toEqual(Object.keys(env));
  });

  it('leads every proxy to the stand-in', () => {
    const env = clientEnvironment({ https_proxy: 'http://elsewhere:8080', NO_PROXY: '*' }, 'http://127.0.0.1:1');
    expect(env).toMatchObject({ https_proxy: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' });
    expect(env['NO_PROXY']).toBe('127.0.0.1,localhost,::1');
  });
});
