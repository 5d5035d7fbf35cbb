import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DrillRecord } from '#schemas/records/drill.js';
import { createSender, type Sender } from '../otlp/sender.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { drillDaily } from './daily.js';
import { seatId } from './seat.js';

const HOUR = 3_600_000;
const RECORD: DrillRecord = {
  seat: 'a'.repeat(32),
  client: 'codex',
  version: '1.2.3',
  repository: '',
  timestamp: '2026-11-30T10:00:00.000Z',
  durationMs: 5,
  result: 'proved',
};

let home: string;
let env: NodeJS.ProcessEnv;
let stopping: AbortController;
let drills: number;
let clock: number;
let lines: string[];
let running: Promise<void> | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sw-daily-'));
  env = { HOME: home };
  stopping = new AbortController();
  [drills, clock, lines, running] = [0, Date.now(), [], undefined];
});

afterEach(async () => {
  stopping.abort();
  await running;
  rmSync(home, { recursive: true, force: true });
});

function start(sender?: Sender, record = RECORD): void {
  running = drillDaily({
    env,
    sender,
    signal: stopping.signal,
    say: (line) => lines.push(line),
    drill: () => {
      drills += 1;
      return Promise.resolve([record]);
    },
    now: () => clock,
    lookMs: 5,
  });
}

async function restart(): Promise<void> {
  stopping.abort();
  await running;
  stopping = new AbortController();
  start();
}

const last = (): number => Date.parse(readFileSync(join(home, '.shieldwatch', 'last-drill'), 'utf8').trim());

describe('the daily drill', () => {
  it('runs at once, again before a proof is 24 hours old, and not because of a restart', async () => {
    start();
    await expect.poll(() => drills).toBe(1);
    await expect.poll(last).toBe(clock);
    clock += 19 * HOUR;
    await restart();
    clock += 4 * HOUR;
    await expect.poll(() => drills).toBe(2);
    await expect.poll(last).toBe(clock);
  });

  it('runs when the time of the last drill is unreadable or lies ahead', async () => {
    start();
    await expect.poll(() => drills).toBe(1);
    await expect.poll(last).toBe(clock);
    stopping.abort();
    await running;
    writeFileSync(join(home, '.shieldwatch', 'last-drill'), 'soon');
    stopping = new AbortController();
    start();
    await expect.poll(() => drills).toBe(2);
    await expect.poll(last).toBe(clock);
    clock -= 24 * HOUR;
    await expect.poll(() => drills).toBe(3);
  });

  it('reports a drill that proved nothing', async () => {
    start(undefined, { ...RECORD, result: 'failed_open' });
    await expect.poll(() => lines).toEqual(['drill of codex: failed_open; run `shieldwatch drill --live`']);
  });

  it('keeps a result on disk until the gateway has it, and sends it once', async () => {
    const otlp = await OtlpServer.start();
    const token = ['eccp_', 'fake-token-for-tests'].join('');
    const sender = createSender({ url: otlp.url, token });
    try {
      start(sender);
      await expect.poll(() => otlp.accepted.length).toBe(1);
      await expect.poll(() => readdirSync(join(home, '.shieldwatch', 'outbox', 'drill'))).toEqual([]);
      expect(JSON.stringify(otlp.accepted[0])).toContain('shieldwatch.drill.seat');
    } finally {
      sender.close();
      await otlp.stop();
    }
  });
});

describe('a seat', () => {
  it('has one random id, in a file that only its owner can read', () => {
    const id = seatId(env);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(seatId(env)).toBe(id);
    expect(statSync(join(home, '.shieldwatch', 'seat')).mode & 0o777).toBe(0o600);
    expect(seatId({ HOME: mkdtempSync(join(home, 'other-')) })).not.toBe(id);
  });

  it('is refused if its file was changed to anything else', () => {
    seatId(env);
    writeFileSync(join(home, '.shieldwatch', 'seat'), 'alice@laptop');
    expect(() => seatId(env)).toThrow(/delete it to begin a new seat/);
  });
});
