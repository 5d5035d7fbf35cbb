import { createConnection, type Socket } from 'node:net';
import { describe, expect, inject, it } from 'vitest';
import { startGateway } from '../testing/gateway.js';
import { SlowBodies } from './slow-bodies.js';

describe('slow bodies', () => {
  it('of one organisation are bounded in number and in time', () => {
    const bodies = new SlowBodies({ slowAfterMs: 5_000, maxMs: 30_000, maxSlow: 2 });
    const refused: string[] = [];
    for (let n = 0; n < 5; n += 1)
      bodies.watch(
        'a',
        ({ code }) => {
          refused.push(`a${String(n)} ${code}`);
        },
        n,
      );
    bodies.watch(
      'b',
      () => {
        refused.push('b');
      },
      5,
    );
    const arrived = bodies.watch(
      'a',
      () => {
        refused.push('arrived');
      },
      6,
    );
    bodies.sweep(4_999);
    expect(refused).toEqual([]);
    arrived();
    bodies.sweep(6_000);
    // The oldest two continue, and so does the one of another organisation.
    expect(refused).toEqual(['a2 body_too_slow', 'a3 body_too_slow', 'a4 body_too_slow']);
    bodies.sweep(30_001);
    expect([refused.slice(3), bodies.size]).toEqual([['a0 body_too_slow', 'a1 body_too_slow'], 1]);
  });

  it('are answered 408 and lose their connection, and the others arrive', async () => {
    const gateway = await startGateway(inject('clickhouseUrl'), {
      slowBodies: { slowAfterMs: 0, maxMs: 1e9, maxSlow: 2 },
    });
    try {
      const { hostname, port } = new URL(await gateway.app.listen({ host: '127.0.0.1', port: 0 }));
      const answers: string[] = [];
      const sockets: Socket[] = [];
      for (let n = 0; n < 5; n += 1) {
        const socket = createConnection(Number(port), hostname);
        socket.write(
          `POST /v1/logs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.ingestToken}\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{"resource`,
        );
        answers.push('');
        socket.on('data', (bytes: Buffer) => {
          answers[n] = (answers[n] ?? '') + bytes.toString('latin1');
        });
        socket.on('error', () => undefined);
        sockets.push(socket);
      }
      const statuses = (): string[] => answers.map((answer) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? '').sort();
      await expect.poll(statuses).toEqual(['', '', '408', '408', '408']);
      await expect.poll(() => sockets.filter(({ closed }) => closed).length).toBe(3);
      for (const socket of sockets) if (!socket.closed) socket.write('Logs":[]}  ');
      await expect.poll(statuses).toEqual(['200', '200', '408', '408', '408']);
      for (const socket of sockets) socket.destroy();
    } finally {
      await gateway.close();
    }
  });
});
