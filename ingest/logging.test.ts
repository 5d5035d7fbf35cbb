import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { mintToken } from './auth/tokens.js';
import { startGateway, type TestGateway } from './testing/gateway.js';

const lines: string[] = [];
let gateway: TestGateway;
let port: number;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'), {
    logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
  });
  await gateway.app.listen({ host: '127.0.0.1', port: 0 });
  port = (gateway.app.server.address() as { port: number }).port;
});
afterAll(() => gateway.close());

/** Sends raw bytes, and waits for the end of the answer. */
function raw(text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    socket
      .resume()
      .on('close', () => {
        resolve();
      })
      .on('error', () => undefined);
  });
}

const hex = (text: string, prefix: string, width: number): string =>
  Array.from(text, (char) => prefix + char.charCodeAt(0).toString(16).padStart(width, '0')).join('');

/** Encodings in which a person may send a secret, or a program may log it. */
const WAYS: Readonly<Record<string, (secret: string) => string>> = {
  'as it is': (secret) => secret,
  'percent-encoded': (secret) => hex(secret, '%', 2),
  'percent-encoded in part': (secret) => hex(secret.slice(0, 3), '%', 2) + secret.slice(3),
  'percent-encoded twice': (secret) => hex(secret, '%', 2).replaceAll('%', '%25'),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  'escaped as JSON': (secret) => hex(secret, '\\u', 4),
  'as hex': (secret) => Buffer.from(secret).toString('hex'),
  'as HTML': (secret) => Array.from(secret, (char) => `&#${String(char.charCodeAt(0))};`).join(''),
};

/** Every part of a request in which a secret may appear by mistake. */
function requests(written: string): string[] {
  const request = (method: string, target: string, rest = ''): string =>
    `${method} ${target} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n${rest}\r\n`;
  const paths = [
    `/v1/webhooks/drift/${written}`,
    `/v1/webhooks/drift/${written}/`,
    `//v1/webhooks/drift/${written}`,
    `/V1/Webhooks/Drift/${written}`,
    `/v1/webhooks/drift/${written}/more`,
    `/v1/webhooks/${written}`,
    `/boards/login?code=${written}`,
    `/boards/login/${written}`,
    `/boards/login%3Fcode=${written}`,
    `/boards/login;code=${written}`,
    `/boards/login?code=${written}&from=${written}`,
    `/boards/${written}`,
    `/v1/repo/${written}/posture`,
    `/v1/series/${written}`,
    `/${written}`,
    `/v1/repos?cursor=${written}`,
    `http://gateway/boards/login?code=${written}`,
    `/v1/webhooks/drift/%zz${written}`,
    `/v1/webhooks/drift/${written}?x=%zz`,
  ];
  return [
    ...paths.flatMap((path) => ['GET', 'POST', 'DELETE'].map((method) => request(method, path))),
    request(`X${written.slice(0, 10)}`, '/'),
    request('POST', `/v1/webhooks/drift/${written}`, `content-type: application/json\r\ncontent-length: 2\r\n`) + '{x',
    request(
      'GET',
      '/v1/repos',
      `authorization: Bearer ${written}\r\nreferer: http://gateway/boards/login?code=${written}\r\ncookie: shieldwatch_session=${written}\r\nuser-agent: ${written}\r\nx-request-id: ${written}\r\nrequest-id: ${written}\r\nx-forwarded-for: ${written}\r\n`,
    ),
    `GET /boards/login?code=${written} HTTP/9.9\r\n\r\n`,
    `${written}\r\n\r\n`,
  ];
}

/** Returns a line with all decodings of it. */
function readings(line: string): string[] {
  const percent = (text: string): string =>
    text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  const json = line.replace(/\\+u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  const html = line.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  const packed = [...line.matchAll(/[A-Za-z0-9+/_-]{16,}/g)].flatMap(([text]) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(text.slice(skip), 'base64').toString('latin1')),
  );
  const fromHex = [...line.matchAll(/[0-9a-f]{16,}/gi)].map(([text]) => Buffer.from(text, 'hex').toString('latin1'));
  return [line, percent(line), percent(percent(line)), json, html, ...packed, ...fromHex];
}

describe('no line of the log', () => {
  it('holds a login code or a webhook secret, sent anywhere in any encoding', async () => {
    const { token } = await mintToken(gateway.postgres, {
      orgId: 'org_a',
      name: 'hook',
      scopes: ['webhook:drift'],
      repository: 'acme/hooked',
    });
    const secrets = {
      'a webhook': token,
      'a login code': /code=(.+)#/.exec(gateway.app.createLoginLink('org_a'))?.[1] ?? '',
    };
    let sent = 0;
    for (const secret of Object.values(secrets)) {
      for (const write of Object.values(WAYS)) {
        for (const request of requests(write(secret))) {
          await raw(request);
          sent += 1;
        }
      }
    }
    expect(lines.length).toBeGreaterThan(sent / 2);
    // A part of it counts too: any 12 characters.
    for (const [name, secret] of Object.entries(secrets)) {
      const parts = Array.from({ length: secret.length - 11 }, (_, at) => secret.slice(at, at + 12));
      const telling = lines.filter((line) => readings(line).some((text) => parts.some((part) => text.includes(part))));
      expect([name, telling.slice(0, 3)]).toEqual([name, []]);
    }
    expect(lines.join('')).toContain('/v1/webhooks/drift/:secret');
  }, 120_000);
});
