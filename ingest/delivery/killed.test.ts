import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPostgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { packageRoot } from '#schemas/root.js';
import { startDelivery } from './engine.js';
import { secretsKeyOf } from './seal.js';
import { startStandIn, type StandIn } from './testing/stand-in.js';
import { testOutbox } from './testing/outbox.js';

const POLL = { timeout: 90_000, interval: 100 };
const NOTICES = 6;
const SIGNING = `whsec_${Buffer.from('FAKE-signing-secret-of-a-test').toString('base64')}`;

let folder: string;
let service: StandIn;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-killed-'));
  service = await startStandIn();
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

it('a gateway that is killed with -9 while it sends loses no notice, and at most one message per notice is repeated', async () => {
  const key = randomBytes(32);
  const before = await openPostgres({ dataDir: folder });
  await migratePostgres(before);
  const outbox = await testOutbox(before, secretsKeyOf(key));
  const destinationId = await outbox.add({
    name: 'hook',
    kind: 'webhook',
    secrets: { url: service.origin, signingSecret: SIGNING },
  });
  for (let at = 0; at < NOTICES; at += 1) await outbox.queue(destinationId, { key: `k${String(at)}` });
  await before.close();

  // Accepts every notice, and answers the first two only.
  service.answer((_request, response, count) => {
    if (count <= 2) response.end();
  });
  const main = join(packageRoot(), 'dist/ingest/delivery/testing/engine-main.js');
  const gateway = spawn(process.execPath, [main, folder, key.toString('base64')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await expect.poll(() => service.received.length, POLL).toBeGreaterThanOrEqual(4);
  gateway.kill('SIGKILL');
  await once(gateway, 'exit');

  service.answer((_request, response) => void response.end());
  const after = await openPostgres({ dataDir: folder });
  const states = async () =>
    (await after.query<{ state: string }>('SELECT state FROM alert_delivery')).map(({ state }) => state);
  // 90 seconds later.
  await after.query('UPDATE alert_delivery SET lease_until = now()');
  const running = startDelivery(after, outbox.settings(), () => undefined);
  await expect.poll(states, POLL).toEqual(Array(NOTICES).fill('sent'));
  await running.stop();
  await after.close();
  const times = new Map<unknown, number>();
  for (const { headers } of service.received)
    times.set(headers['webhook-id'], (times.get(headers['webhook-id']) ?? 0) + 1);
  expect(times.size).toBe(NOTICES);
  expect(Math.max(...times.values())).toBeLessThanOrEqual(2);
});
