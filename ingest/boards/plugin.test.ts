import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from '../testing/gateway.js';
import { runQuery } from './run-query.js';
import { writeSampleData } from '../testing/board-sample-data.js';
import { decisionOf, scanOf, Seed } from '../testing/board-seed.js';

const BOARD = '/boards/api/boards/shieldwatch-posture';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await writeSampleData(new Seed(gateway.store.client, 'org_a'));
  const other = new Seed(gateway.store.client, 'org_b');
  // A range ends with the previous second, so newer rows are not in it yet.
  const now = new Date(Date.now() - 5_000).toISOString();
  await other.scans([scanOf('b/only', now, { score: 1, grade: 'F' })]);
  await other.decisions([decisionOf('b/only', now)]);
});

afterAll(() => gateway.close());

function get(url: string, token = gateway.readToken) {
  return gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
}

describe('callers', () => {
  const addresses = ['/boards/api/boards', BOARD, `${BOARD}/variables`, `${BOARD}/panels/1`];

  it.each(addresses)('get 401 as JSON from %s without a token', async (url) => {
    const answer = await gateway.app.inject({ url });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ ok: false, error: { code: 'token_missing' } });
  });

  it.each(addresses)('get 403 from %s with ingest scopes only', async (url) => {
    expect((await get(url, gateway.ingestToken)).statusCode).toBe(403);
  });

  it('get a login page without scripts when there is no session', async () => {
    const answer = await gateway.app.inject({ url: '/boards/login' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.body).toContain('npm start');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.headers['content-security-policy']).not.toMatch(/unsafe|script-src|https?:|\*/);
    // The refusal in the URL selects one of our own texts, or none.
    expect((await gateway.app.inject({ url: '/boards/login?refused=%3Cscript%3E' })).body).toBe(answer.body);
  });

  it('get a page without data, under a policy without inline scripts or foreign origins', async () => {
    const answer = await gateway.app.inject('/boards');
    expect(answer.statusCode).toBe(200);
    expect((await get('/boards')).body).toBe(answer.body);
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(answer.body).not.toMatch(/<script(?![^>]*src=)/);
  });

  it('see nothing of another organisation, for any request', async () => {
    for (const query of ['', '&var-org=org_b', '&var-repo=acme/web', '&var-repo=$__all']) {
      for (const id of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
        const answer = await get(`${BOARD}/panels/${String(id)}?from=now-30d&to=now${query}`, gateway.otherToken);
        expect(answer.statusCode).toBe(200);
        expect(answer.body).not.toContain('acme');
      }
    }
    expect((await get(`${BOARD}/panels/4?from=now-1h`, gateway.otherToken)).json()).toMatchObject({ rows: [[1]] });
    expect((await get(`${BOARD}/variables`, gateway.otherToken)).json()).toMatchObject({
      variables: [{ name: 'repo', options: [{ text: 'b/only', value: 'b/only' }] }],
    });
  });

  it('find no board of another organisation', async () => {
    for (const url of [BOARD, `${BOARD}/variables`, `${BOARD}/panels/1`]) {
      for (const query of ['var-org=org_a', 'var-org=org_b&var-org=org_a', "var-org='"]) {
        const answer = await get(`${url}?${query}`, gateway.otherToken);
        expect(answer.statusCode).toBe(404);
        expect(answer.body).not.toContain('org_a');
      }
    }
  });
});

describe('answers', () => {
  it('list the boards, and are the generated JSON', async () => {
    expect((await get('/boards/api/boards')).json()).toEqual({
      org: 'org_a',
      home: expect.stringMatching(/^shieldwatch-/) as unknown,
      isEmpty: false,
      boards: expect.arrayContaining([
        {
          uid: 'shieldwatch-posture',
          title: 'Agent security posture',
          description: expect.any(String) as unknown,
          tags: ['shieldwatch'],
        },
      ]) as unknown,
    });
    expect((await get(BOARD)).json()).toMatchObject({
      uid: 'shieldwatch-posture',
      panels: expect.any(Array) as unknown,
    });
  });

  it('hold columns with their types, and rows', async () => {
    const answer = (await get(`${BOARD}/panels/4`)).json<{ columns: unknown; rows: unknown; truncated: boolean }>();
    expect(answer).toMatchObject({
      columns: [{ name: 'decisions', type: 'Nullable(UInt64)' }],
      rows: [[900]],
      truncated: false,
    });
  });
});

describe('the page', () => {
  it("is served at any board's address, and does not reveal which boards exist", async () => {
    const { body } = await gateway.app.inject('/boards/shieldwatch-posture?from=now-1h');
    expect(body).toContain('/boards/assets/page.js');
    expect((await gateway.app.inject('/boards/nope')).body).toBe(body);
  });

  it('serves its bundle compressed, and 304 when unchanged', async () => {
    const url = '/boards/assets/page.js';
    const plain = await get(url);
    const packed = await gateway.app.inject({
      url,
      headers: { authorization: `Bearer ${gateway.readToken}`, 'accept-encoding': 'gzip, br' },
    });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.rawPayload).equals(plain.rawPayload)).toBe(true);
    const again = await gateway.app.inject({
      url,
      headers: { authorization: `Bearer ${gateway.readToken}`, 'if-none-match': String(plain.headers['etag']) },
    });
    expect(again.statusCode).toBe(304);
  });
});

describe('bad requests are answered with a 4xx that names the field, never a 500', () => {
  it.each([
    ['/boards/api/boards/nope', 404, undefined],
    [`${BOARD}/panels/99`, 404, undefined],
    [`${BOARD}/panels/100`, 404, undefined],
    [`${BOARD}/panels/1?refId=Z`, 404, undefined],
    [`${BOARD}/panels/1;DROP`, 404, undefined],
    ['/boards/assets/page.js.map', 404, undefined],
    ['/boards/assets/..%2f..%2fpackage.json', 404, undefined],
    ['/boards/assets/constructor', 404, undefined],
    [`${BOARD}/panels/1?from=soon`, 400, 'from'],
    [`${BOARD}/panels/1?from=now-6h&from=now-7h`, 400, 'from'],
    [`${BOARD}/panels/1?to=${'9'.repeat(5_000)}`, 400, 'to'],
    [`${BOARD}/panels/1?var-repo=${encodeURIComponent('a b')}`, 400, 'var-repo'],
    [`${BOARD}/panels/1?var-repo=`, 400, 'var-repo'],
    [`${BOARD}/panels/1?var-repo=${'x'.repeat(201)}`, 400, 'var-repo'],
    [`${BOARD}/panels/1?${Array.from({ length: 201 }, (_, i) => `var-repo=r${String(i)}`).join('&')}`, 400, 'var-repo'],
    [`${BOARD}/variables?from=x`, 400, 'from'],
    [`${BOARD}/annotations/nope`, 404, undefined],
  ])('%.80s', async (url, status, field) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(status);
    const { error } = answer.json<{ error: { field?: string } }>();
    expect(error.field).toBe(field);
  });

  it.each(["'", '\\', "')--", '%27', '${org:singlequote}', '$__all_', '__proto__'])(
    'treats %j as the name of an unknown repository',
    async (name) => {
      const answer = await get(`${BOARD}/panels/4?var-repo=${encodeURIComponent(name)}`);
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toMatchObject({ rows: [[null]] });
    },
  );
});

describe('queries', () => {
  it('count an event once, for any column', async () => {
    const seed = new Seed(gateway.store.client, 'org_twice');
    const event = decisionOf('acme/web', new Date().toISOString());
    await seed.decisions([{ ...event, decision: 'block' }]);
    await seed.decisions([{ ...event, decision: 'allow' }]);
    const count = async (condition: string): Promise<unknown> =>
      (
        await runQuery(
          gateway.store.client,
          `SELECT count() FROM runtime_event WHERE org_id = 'org_twice' AND ${condition}`,
        )
      ).rows[0]?.[0];
    expect(Number(await count("decision = 'block'")) + Number(await count("decision = 'allow'"))).toBe(1);
    expect(await count('occurred_at > now() - 60')).toBe(1);
  });

  it('of one text share an answer that is under way, and run again afterwards', async () => {
    const { client } = gateway.store;
    const now = 'SELECT now64(9)';
    const [one, two] = await Promise.all([runQuery(client, now), runQuery(client, now)]);
    expect(one).toBe(two);
    expect((await runQuery(client, now)).rows).not.toEqual(one.rows);
    const failing = [runQuery(client, 'SELECT nope'), runQuery(client, 'SELECT nope')];
    for (const each of failing) await expect(each).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('limits', () => {
  it('a query cannot write, and ends at its time limit', async () => {
    await expect(runQuery(gateway.store.client, 'TRUNCATE TABLE scan_v1')).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    const { rows, truncated } = await runQuery(gateway.store.client, 'SELECT number FROM numbers(1000000)');
    expect(rows).toHaveLength(10_000);
    expect(truncated).toBe(true);
  });
});
