import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEgress, EgressRefused, MAX_ANSWER_BYTES, parseAllowed, urlProblem } from './egress.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const get = (egress: ReturnType<typeof createEgress>, url: string, signal = AbortSignal.timeout(60_000)) =>
  egress.request({ method: 'GET', url, signal });

describe('an outgoing request', () => {
  it('is refused to every address that is not public, by any spelling of it', async () => {
    let requests = 0;
    const port = String(
      await serve((_request, response) => {
        requests += 1;
        response.end();
      }),
    );
    const hosts = ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '127.1', '0177.0.0.1', '0'];
    for (const host of hosts)
      await expect(get(createEgress(), `https://${host}:${port}/`), host).rejects.toThrow(EgressRefused);
    expect(requests).toBe(0);
  });

  it('resolves the host once and connects to the judged address, even if the name changes afterwards', async () => {
    const port = await serve((request, response) => response.end(request.headers.host));
    const asked: string[] = [];
    const egress = createEgress({
      allow: ['127.0.0.1'],
      resolve: (host) => {
        asked.push(host);
        return Promise.resolve([asked.length === 1 ? '127.0.0.1' : '10.0.0.1']);
      },
    });
    const answer = await get(egress, `http://rebinding.test:${String(port)}/`);
    expect([answer.status, answer.text, asked]).toEqual([200, `rebinding.test:${String(port)}`, ['rebinding.test']]);
    await expect(get(egress, `http://rebinding.test:${String(port)}/`)).rejects.toThrow(EgressRefused);
  });

  it('is refused when one of several addresses is not public', async () => {
    const egress = createEgress({ resolve: () => Promise.resolve(['1.1.1.1', '192.168.0.1']) });
    await expect(get(egress, 'https://mixed.test/')).rejects.toThrow(EgressRefused);
    await expect(get(createEgress({ resolve: () => Promise.resolve([]) }), 'https://none.test/')).rejects.toThrow(
      'no address',
    );
  });

  it('does not follow redirects', async () => {
    const paths: (string | undefined)[] = [];
    const port = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/inside' }).end();
    });
    const answer = await get(createEgress({ allow: ['127.0.0.1'] }), `http://127.0.0.1:${String(port)}/`);
    expect([answer.status, paths]).toEqual([302, ['/']]);
  });

  it('reads a bounded part of an endless answer, and gives up when the signal aborts', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/silent') return;
      const more = (): void => {
        while (response.write('x'.repeat(64 * 1024)) && !response.destroyed);
        response.once('drain', more);
      };
      more();
    });
    const egress = createEgress({ allow: ['127.0.0.1'] });
    const answer = await get(egress, `http://127.0.0.1:${String(port)}/endless`);
    expect(answer.text).toHaveLength(MAX_ANSWER_BYTES);
    await expect(get(egress, `http://127.0.0.1:${String(port)}/silent`, AbortSignal.timeout(200))).rejects.toThrow(
      /abort|timeout/i,
    );
    const never = createEgress({ resolve: () => new Promise(() => undefined) });
    await expect(get(never, 'https://slow-name.test/', AbortSignal.timeout(200))).rejects.toThrow(/abort|timeout/i);
  });

  it('reads Retry-After as seconds or as a date', async () => {
    const port = await serve((request, response) => {
      const later = new Date(Date.now() + 3_600_000).toUTCString();
      response.writeHead(429, { 'retry-after': request.url === '/date' ? later : '7' }).end();
    });
    const egress = createEgress({ allow: ['127.0.0.1'] });
    expect((await get(egress, `http://127.0.0.1:${String(port)}/`)).retryAfterSeconds).toBe(7);
    expect((await get(egress, `http://127.0.0.1:${String(port)}/date`)).retryAfterSeconds).toBeGreaterThan(3_000);
  });

  it('needs https, except where the operator allows the address', async () => {
    const egress = createEgress({ resolve: () => Promise.resolve(['1.1.1.1']) });
    await expect(get(egress, 'http://plain.test/')).rejects.toThrow('expected https:');
  });
});

describe('the URL of a destination', () => {
  it.each(['ftp://a.test/', 'file:///etc/passwd', 'https://user:pw@a.test/', 'https://a.test:22/', 'a.test', ''])(
    'is not %s',
    (url) => {
      expect(urlProblem(url)).toMatch(/^expected/);
    },
  );
  it('is https on port 443 or a high one', () => {
    expect(['https://a.test/x?y=z', 'https://a.test:8443/'].map(urlProblem)).toEqual([undefined, undefined]);
  });
});

describe('addresses that the operator allows', () => {
  it('are separated by commas or blanks, and wrong ones are refused', () => {
    expect(parseAllowed('10.1.0.0/16, 127.0.0.1 ::1')).toEqual(['10.1.0.0/16', '127.0.0.1', '::1']);
    expect([parseAllowed(undefined), parseAllowed(' ')]).toEqual([[], []]);
    expect(() => parseAllowed('internal.example')).toThrow(/expected IP addresses/);
  });
});
