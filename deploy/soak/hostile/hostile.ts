import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from '#schemas/errors.js';
import { withFolder } from '../../bench/folders.js';
import { quantile } from '../../bench/measure.js';
import { Random } from '../../bench/random.js';
import { Attacks, type Address, type Attack } from './attacks.js';
import type { Observed, Up } from './protocol.js';

/** Hostile requests a second, and how many are under way at most. */
const RATE = 30;
const UNDER_WAY = 16;
/** Requests a second of the organisation beside. */
const NEIGHBOUR_RATE = 20;
const MAX_DELAY_MS = 200;
/** A machine on which the loop is late by more before the attack is busy with something else. */
const QUIET_DELAY_MS = 50;
const MAX_RESIDENT_MIB = 1_536;
const MAX_NEIGHBOUR_RATIO = 1.2;
/** A p95 of some milliseconds is the machine's noise by so much. */
const NOISE_MS = 10;
const ANSWER_MS = 60_000;

/**
 * Attacks the whole stack for some minutes, with requests of one seed: every address of the gateway as its own document
 * lists them, the SQL port, the hook port, and a slow body on each address.
 *
 * @throws CommandError that lists what did not hold: a 5xx without an outage, a process that ended, memory, the event
 * loop's delay, or the organisation beside, which was slowed.
 */
export async function soakHostile(argument: string, say: (line: string) => void): Promise<void> {
  const minutes = argument === '' ? 10 : Number(argument);
  if (!(minutes > 0 && minutes <= 600))
    throw new CommandError('hostile: expected minutes above 0, e.g. npm run soak -- hostile --minutes 10');
  const seed = Number(process.env['SHIELDWATCH_SOAK_SEED'] ?? 1);
  await withFolder(async (folder) => {
    const child = fork(join(import.meta.dirname, 'stack-main.js'), [folder], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    try {
      const [up] = (await once(child, 'message')) as [Up];
      const broken = await attack(child, up, new Random(seed), minutes * 60_000, isOver, say);
      if (broken.length > 0)
        throw new CommandError(`seed ${seed}, ${minutes} minutes:\n${broken.map((line) => `  ${line}`).join('\n')}`);
      say('held');
    } finally {
      if (child.connected) child.disconnect();
      if (!isOver()) await once(child, 'exit');
    }
  });
}

async function attack(
  child: ChildProcess,
  up: Up,
  random: Random,
  milliseconds: number,
  isOver: () => boolean,
  say: (line: string) => void,
): Promise<string[]> {
  const { paths } = (await (await fetch(`${up.gateway}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const addresses: Address[] = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  );
  const attacks = new Attacks(random, up, addresses);
  const observe = async (): Promise<Observed> => {
    child.send('observe');
    const [observed] = (await once(child, 'message')) as [Observed];
    return observed;
  };

  const alone = milliseconds / 5;
  say(`${addresses.length} addresses; the organisation beside alone for ${Math.round(alone / 1000)} s`);
  await beside(up, 3_000);
  await observe();
  const quiet = quantile((await beside(up, alone)).times, 0.95);
  const before = await observe();

  say(`under attack for ${Math.round(milliseconds / 1000)} s`);
  const failures = new Map<string, number>();
  const statuses = new Map<number, number>();
  const until = Date.now() + milliseconds;
  const slow = addresses.map((address) => drip(attacks.slow(address), until));
  const fire = async (): Promise<void> => {
    const pending = new Set<Promise<void>>();
    while (Date.now() < until && !isOver()) {
      const one = attacks.next();
      const sent = send(one)
        .then((answer) => {
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          const failure = failureOf(one, answer);
          if (failure !== undefined) failures.set(failure, (failures.get(failure) ?? 0) + 1);
        })
        .finally(() => pending.delete(sent));
      pending.add(sent);
      if (pending.size >= UNDER_WAY) await Promise.race(pending);
      await pause(1_000 / RATE);
    }
    await Promise.all(pending);
  };
  const [{ times, failed }] = await Promise.all([beside(up, milliseconds), fire()]);
  if (isOver()) return ['the process of the stack ended'];
  const after = await observe();
  const left = (await Promise.all(slow)).filter(Boolean).length;
  const busy = quantile(times, 0.95);

  say(
    `answers: ${[...statuses]
      .toSorted(([a], [b]) => a - b)
      .map(([status, count]) => `${status === 0 ? 'closed' : status} ${count}`)
      .join(', ')}`,
  );
  say(`slow bodies: ${left} of ${addresses.length} connections still open at the end`);
  say(
    `event loop delay: p99 ${after.delay.p99.toFixed(0)} ms, at most ${after.delay.max.toFixed(0)} ms; before the attack ${before.delay.p99.toFixed(0)} and ${before.delay.max.toFixed(0)} ms`,
  );
  if (after.held !== undefined)
    say(
      `CPU time in one turn of the loop: at most ${after.held.max.toFixed(0)} ms (${before.held?.max.toFixed(0) ?? '?'} before), during which these came: ${after.held.during.join('; ')}`,
    );
  say(`resident: ${before.residentMiB.toFixed(0)} MiB before, ${after.residentMiB.toFixed(0)} MiB after`);
  say(`the organisation beside: p95 ${quiet.toFixed(1)} ms alone, ${busy.toFixed(1)} ms under attack`);
  for (const failure of failed) failures.set(failure, (failures.get(failure) ?? 0) + 1);
  return [
    ...[...failures].map(([failure, count]) => `${count} x ${failure}`),
    ...after.alarms.map((line) => `the stack says: ${line}`),
    // On a busy machine a thread waits for a CPU, which is no work of the attack's: there its CPU time is judged alone.
    ...(before.delay.max < QUIET_DELAY_MS && after.delay.max > MAX_DELAY_MS
      ? [`the event loop was held for ${after.delay.max.toFixed(0)} ms`]
      : []),
    ...(after.held !== undefined && after.held.max > MAX_DELAY_MS
      ? [`one turn of the event loop took ${after.held.max.toFixed(0)} ms of CPU`]
      : []),
    ...(milliseconds > 2 * 60_000 && left > 0 ? [`${left} connections with a slow body are still open`] : []),
    ...(after.residentMiB > MAX_RESIDENT_MIB
      ? [`${after.residentMiB.toFixed(0)} MiB are resident, of ${MAX_RESIDENT_MIB} that are allowed`]
      : []),
    ...(busy > MAX_NEIGHBOUR_RATIO * quiet + NOISE_MS
      ? [
          `the organisation beside was slowed from ${quiet.toFixed(1)} to ${busy.toFixed(1)} ms at p95, more than ${MAX_NEIGHBOUR_RATIO} times and ${NOISE_MS} ms`,
        ]
      : []),
  ];
}

interface Answer {
  /** 0: the connection was closed without one. */
  readonly status: number;
  readonly body: string;
}

function failureOf({ address }: Attack, { status, body }: Answer): string | undefined {
  if (status < 500) return status === -1 ? `no answer in ${ANSWER_MS / 1000} s: ${address}` : undefined;
  // ClickHouse's own default for a query's error; these codes are the server's.
  if (address === 'SQL') {
    const code = /^Code: (\d+)\. DB::Exception/.exec(body)?.[1];
    return code !== undefined && !['49', '1002', '210'].includes(code)
      ? undefined
      : `${status} of ${address}: ${body.slice(0, 200)}`;
  }
  return `${status} of ${address}: ${body.slice(0, 200)}`;
}

function send({ url, method, headers, body }: Attack): Promise<Answer> {
  return new Promise((resolve) => {
    const outgoing = request(url, { method, headers: safe(headers), timeout: ANSWER_MS, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => (text = (text + chunk).slice(0, 500)));
      response.on('error', () => {
        resolve({ status: response.statusCode ?? 0, body: text });
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text });
      });
    });
    outgoing.on('timeout', () => {
      resolve({ status: -1, body: '' });
      outgoing.destroy();
    });
    // A gateway that refuses a body closes while it is still being sent.
    outgoing.on('error', () => {
      resolve({ status: 0, body: '' });
    });
    outgoing.end(body);
  });
}

/** Header values that node's own client agrees to send. */
function safe(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '?')]),
  );
}

/** Sends a byte of a body each second; resolves to whether the connection is still open at the end. */
async function drip({ url, method, headers }: ReturnType<Attacks['slow']>, until: number): Promise<boolean> {
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(
    `${method} ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  while (!socket.closed && Date.now() < until) {
    socket.write(' ');
    await pause(1_000);
  }
  const isOpen = !socket.closed;
  socket.destroy();
  return isOpen;
}

/** Requests of an organisation that means no harm, half of them writes; how long each took, in milliseconds, and what failed. */
async function beside(up: Up, milliseconds: number): Promise<{ times: number[]; failed: string[] }> {
  const [ingest = '', read = ''] = up.neighbour;
  const times: number[] = [];
  const failed: string[] = [];
  const work: Promise<void>[] = [];
  const until = Date.now() + milliseconds;
  for (let turn = 0; Date.now() < until; turn += 1) {
    const at = performance.now();
    const sent =
      turn % 2 === 0
        ? fetch(`${up.gateway}/v1/logs`, {
            method: 'POST',
            headers: { authorization: `Bearer ${ingest}`, 'content-type': 'application/json' },
            body: '{"resourceLogs":[]}',
          })
        : fetch(`${up.gateway}/v1/repos`, { headers: { authorization: `Bearer ${read}` } });
    work.push(
      sent
        .then(async (response) => {
          await response.arrayBuffer();
          if (response.ok) times.push(performance.now() - at);
          else failed.push(`the organisation beside was answered ${response.status}`);
        })
        .catch((error: unknown) => {
          failed.push(
            `the organisation beside had no answer: ${error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)}`,
          );
        }),
    );
    await pause(1_000 / NEIGHBOUR_RATE);
  }
  await Promise.all(work);
  return { times, failed };
}
