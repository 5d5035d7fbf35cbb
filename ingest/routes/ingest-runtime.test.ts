import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { RuntimeAnswer } from '#schemas/http/ingest-runtime.js';
import { mintToken } from '../auth/tokens.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

const URL = '/v1/ingest/runtime';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
});
afterAll(() => gateway.close());

const now = Date.now();
const at = (offsetMs: number): string => new Date(now + offsetMs).toISOString();

function post(payload: unknown, token = gateway.ingestToken, headers: Record<string, string> = {}) {
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  return gateway.app.inject({
    method: 'POST',
    url: URL,
    payload: body,
    headers: { ...jsonHeaders(token), ...headers },
  });
}

function events(repository: string) {
  return selectRows<Record<string, unknown>>(
    gateway.store.client,
    'SELECT * EXCEPT ingested_at FROM runtime_event WHERE repo = {repository:String} ORDER BY occurred_at, event_id',
    { repository },
  );
}

const entry = (over: object = {}) => ({
  timestamp: at(-60_000),
  tool: 'Bash',
  decision: 'allow',
  durationMs: 1,
  ...over,
});

describe('a batch', () => {
  it('answers as CONTRACT 4.2 says and becomes facts at once', async () => {
    const answer = await post({
      repository: 'acme/agent-platform',
      sessionId: 'sess_4f8a',
      entries: [
        entry({ decision: 'block', reason: 'Input matches denied pattern "rm -rf"', durationMs: 2 }),
        entry({ tool: 'Read' }),
      ],
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toEqual({
      ok: true,
      accepted: 2,
      blocked: 1,
      allowed: 1,
      rollupsUpdated: ['blocked_command_rate'],
    });
    const rows = await events('acme/agent-platform');
    expect(
      rows.map((row) => [row.org_id, row.tool, row.decision, row.session_id, row.source, row.duration_us]).sort(),
    ).toEqual([
      ['org_a', 'Bash', 'block', 'sess_4f8a', 'rest', 2_000],
      ['org_a', 'Read', 'allow', 'sess_4f8a', 'rest', 1_000],
    ]);
    const repos = await gateway.postgres.query("SELECT full_name FROM repo WHERE org_id = 'org_a'");
    expect(repos).toContainEqual({ full_name: 'acme/agent-platform' });
  });

  it('counts once for any repeats and compression, and equal entries of one request each', async () => {
    const batch = {
      repository: 'acme/twice',
      sessionId: 's',
      entries: [entry(), entry(), entry({ eventId: 'mine:1' })],
    };
    for (let i = 0; i < 3; i += 1) expect((await post(batch)).statusCode).toBe(200);
    const zipped = await post(gzipSync(JSON.stringify(batch)), gateway.ingestToken, { 'content-encoding': 'gzip' });
    expect(zipped.statusCode).toBe(200);
    const rows = await events('acme/twice');
    expect(rows).toHaveLength(3);
    expect(rows.map((row) => row.event_id)).toContain('mine:1');
  });

  it('is one event in any time zone spelling', async () => {
    const send = (timestamp: string) =>
      post({ repository: 'acme/zones', sessionId: 's', entries: [entry({ timestamp })] });
    const utc = at(-90_000);
    const shifted = new Date(Date.parse(utc) + 7_200_000).toISOString().replace('Z', '+02:00');
    expect((await send(utc)).statusCode).toBe(200);
    expect((await send(shifted)).statusCode).toBe(200);
    expect(await events('acme/zones')).toHaveLength(1);
  });

  it('drops unknown fields, names them once, and stores no secret that a string or a name held', async () => {
    const secret = `ghp_${'a1B2'.repeat(9)}`;
    const answer = await post({
      repository: 'acme/secrets',
      sessionId: `s ${secret}`,
      [secret]: 1,
      entries: [
        entry({
          reason: `found ${secret}`,
          agent: secret,
          tool: `Bash ${secret}`,
          cwd: '/home',
          matchedRule: { tool: secret, extra: 1 },
        }),
        entry({ cwd: '/home', toolCallId: secret, ruleName: secret }),
      ],
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.body).not.toContain(secret);
    expect(answer.json<RuntimeAnswer>().warnings).toEqual([
      '[REDACTED:github-token]: unknown field, dropped',
      'entries[].cwd: unknown field, dropped',
      'entries[].matchedRule.extra: unknown field, dropped',
    ]);
    expect(JSON.stringify(await events('acme/secrets'))).not.toContain(secret);
    const landed = await selectRows(gateway.store.client, 'SELECT * FROM otel_traces');
    expect(JSON.stringify(landed)).not.toContain(secret);
  });

  it('goes to the bound repository, with or without its name in the body', async () => {
    const { token } = await mintToken(gateway.postgres, {
      orgId: 'org_a',
      name: 'bound',
      scopes: ['ingest:runtime'],
      repository: 'acme/bound',
    });
    expect((await post({ entries: [entry()] }, token)).statusCode).toBe(200);
    expect(await events('acme/bound')).toHaveLength(1);
    const foreign = await post({ repository: 'acme/other', entries: [entry()] }, token);
    expect([foreign.statusCode, foreign.json<Refusal>().error.code, foreign.json<Refusal>().error.field]).toEqual([
      403,
      'repository_not_allowed',
      'repository',
    ]);
  });

  it('keeps the same event id of two organisations apart', async () => {
    const batch = { repository: 'acme/shared', entries: [entry({ eventId: 'same' })] };
    await post(batch);
    await post(batch, gateway.otherToken);
    const rows = await events('acme/shared');
    expect(rows.map((row) => row.org_id).sort()).toEqual(['org_a', 'org_b']);
    expect(new Set(rows.map((row) => row.trace_id)).size).toBe(2);
  });

  it('accepts no entries', async () => {
    expect((await post({ repository: 'acme/none', entries: [] })).json()).toMatchObject({ ok: true, accepted: 0 });
  });

  it('stores all of 10,000 entries', async () => {
    const entries = Array.from({ length: 10_000 }, (_, index) =>
      entry({ timestamp: at(-index), reason: `r${String(index)}` }),
    );
    expect((await post({ repository: 'acme/many', entries })).json()).toMatchObject({ accepted: 10_000 });
    expect(await events('acme/many')).toHaveLength(10_000);
  });
});

describe('bad input is refused by name and stores nothing', () => {
  const cases: [string, () => unknown, number, string, string?][] = [
    ['not JSON', () => '{', 400, 'body_not_json'],
    ['nothing', () => '', 400, 'body_not_json'],
    ['null', () => null, 400, 'body_invalid'],
    ['a list', () => [], 400, 'body_invalid'],
    ['no entries', () => ({ repository: 'a/b' }), 400, 'body_invalid', 'entries'],
    ['no repository', () => ({ entries: [entry()] }), 400, 'body_invalid', 'repository'],
    ['a repository with a space', () => ({ repository: 'a b', entries: [] }), 400, 'body_invalid', 'repository'],
    [
      'an entry of the wrong type',
      () => ({ repository: 'a/b', entries: [entry(), 7] }),
      400,
      'body_invalid',
      'entries[1]',
    ],
    [
      'an unknown decision',
      () => ({ repository: 'a/b', entries: [entry({ decision: 'deny' })] }),
      400,
      'body_invalid',
      'entries[0].decision',
    ],
    [
      'a tool that is a number',
      () => ({ repository: 'a/b', entries: [entry({ tool: 7 })] }),
      400,
      'body_invalid',
      'entries[0].tool',
    ],
    [
      'a negative duration',
      () => ({ repository: 'a/b', entries: [entry({ durationMs: -1 })] }),
      400,
      'body_invalid',
      'entries[0].durationMs',
    ],
    [
      'a time that is none',
      () => ({ repository: 'a/b', entries: [entry({ timestamp: 'now' })] }),
      400,
      'body_invalid',
      'entries[0].timestamp',
    ],
    [
      'a time without zone',
      () => ({ repository: 'a/b', entries: [entry({ timestamp: '2026-01-01T00:00:00' })] }),
      400,
      'body_invalid',
      'entries[0].timestamp',
    ],
    [
      'a future time',
      () => ({ repository: 'a/b', entries: [entry(), entry({ timestamp: at(90_000_000) })] }),
      400,
      'timestamp_in_future',
      'entries[1].timestamp',
    ],
    [
      'a time too long ago',
      () => ({ repository: 'a/b', entries: [entry({ timestamp: at(-731 * 86_400_000) })] }),
      400,
      'body_invalid',
      'entries[0].timestamp',
    ],
    [
      'an event id that is a secret',
      () => ({ repository: 'a/b', entries: [entry({ eventId: `ghp_${'a'.repeat(36)}` })] }),
      400,
      'body_invalid',
      'entries[0].eventId',
    ],
    [
      '10,001 entries',
      () => ({ repository: 'a/b', entries: Array.from({ length: 10_001 }, () => entry()) }),
      400,
      'body_invalid',
      'entries',
    ],
    ...['input', 'evidence', 'fix', 'tool_input', 'toolInput', 'command'].flatMap((name): (typeof cases)[number][] => [
      [
        `${name} in an entry`,
        () => ({ repository: 'a/b', entries: [entry({ [name]: { command: 'x' } })] }),
        400,
        'field_refused',
        `entries[0].${name}`,
      ],
      [`${name} in the body`, () => ({ repository: 'a/b', entries: [], [name]: 1 }), 400, 'field_refused', name],
    ]),
  ];
  it.each(cases)('%s', async (_name, payload, status, code, field) => {
    const answer = await post(payload());
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().error.field]).toEqual([
      status,
      code,
      field,
    ]);
    expect(await events('a/b')).toEqual([]);
  });

  it('20 MB', async () => {
    const answer = await post(Buffer.alloc(20 * 1024 * 1024, 0x20));
    expect([answer.statusCode, answer.json<Refusal>().error.code]).toEqual([413, 'body_too_large']);
  });

  it('a gzip bomb, invalid gzip, an unknown encoding', async () => {
    const send = (body: Buffer, encoding: string) => post(body, gateway.ingestToken, { 'content-encoding': encoding });
    expect((await send(gzipSync(Buffer.alloc(100 * 1024 * 1024)), 'gzip')).statusCode).toBe(413);
    expect((await send(Buffer.from('not gzip'), 'gzip')).json<Refusal>().error.code).toBe('body_encoding_invalid');
    expect((await send(gzipSync('{}').subarray(0, 15), 'gzip')).json<Refusal>().error.code).toBe(
      'body_encoding_invalid',
    );
    expect((await send(Buffer.from('{}'), 'snappy')).statusCode).toBe(415);
  });

  it('another content type', async () => {
    expect(
      (await post('a=b', gateway.ingestToken, { 'content-type': 'application/x-www-form-urlencoded' })).statusCode,
    ).toBe(415);
  });

  it('a value is never quoted back', async () => {
    const answer = await post({ repository: 'a/b', entries: [entry({ decision: 'hunter2-very-secret' })] });
    expect(answer.body).not.toContain('hunter2');
    expect(answer.json<Refusal>().error.message).toBe(
      'entries[0].decision: expected one of allow, block, ask, received string',
    );
  });
});
