// The process that is attacked: the whole stack and a hook, with the gateway's event loop watched. `observe` is its one message.
import { subscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { join } from 'node:path';
import { hookToken } from '#exporters/agent/hook-token.js';
import { startAgent } from '#exporters/agent/run-agent.js';
import { callStack } from '../../embedded/data-folder.js';
import { resolveStackConfig } from '../../embedded/config.js';
import { startStack } from '../../embedded/stack.js';
import type { Observed, Up } from './protocol.js';

const [, , folder = ''] = process.argv;
const dataDir = join(folder, 'data');
const alarms: string[] = [];
const log = (line: string): void => {
  // A statement that fails is the SQL port's answer.
  if (/ ended |did not start|failed|cannot be|set aside/.test(line) && !/clickhouse: query "/.test(line))
    alarms.push(line.slice(0, 300));
};

const stack = await startStack(
  { ...resolveStackConfig({ dataDir, port: '0', clickhousePort: '0', collectorPort: '0' }), logLevel: 'silent' },
  log,
);
const env = { HOME: folder };
const agent = await startAgent({
  url: stack.status.gateway,
  token: undefined,
  spoolDir: join(folder, 'spool'),
  runtimeLogs: [],
  port: 0,
  hookToken: hookToken(env),
  mode: 'strict',
  env,
  say: log,
});

const neighbour = await callStack<{ id: string }>(dataDir, 'POST', '/orgs', { name: 'beside', plan: 'team' });
const mint = async (scopes: readonly string[]): Promise<string> =>
  (
    await callStack<{ token: string }>(dataDir, 'POST', '/api', {
      orgId: neighbour?.id,
      method: 'POST',
      url: '/v1/tokens',
      body: { name: 'soak', scopes },
    })
  )?.token ?? '';
const sql = new URL(stack.status.clickhouse);
sql.username = 'reader';
sql.password = stack.readerPassword ?? '';
const up: Up = {
  gateway: stack.status.gateway,
  sql: sql.href,
  hook: agent.hookUrl,
  hookToken: hookToken(env),
  hostile: [stack.firstTokens?.ingestToken ?? '', stack.firstTokens?.readToken ?? ''],
  neighbour: [await mint(['ingest:otlp']), await mint(['read'])],
};

/** Milliseconds of CPU that this thread has taken: on a busy machine the loop's delay is mostly the wait for a CPU. */
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;
const cpu = (): number => Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[0]) / 1e6;
const TICK_MS = 10;
const recent: string[] = [];
let held = { max: 0, during: [] as readonly string[] };
subscribe('http.server.request.start', (message) => {
  const { request } = message as { request: IncomingMessage };
  recent.push(
    `${request.method ?? ''} ${(request.url ?? '').slice(0, 60)} ${request.headers['content-length'] ?? '-'} bytes`,
  );
  if (recent.length > 50) recent.shift();
});
if (existsSync(SCHEDSTAT)) {
  let before = cpu();
  setInterval(() => {
    const after = cpu();
    if (after - before > held.max) held = { max: after - before, during: recent.slice(-16) };
    recent.length = 0;
    before = after;
  }, TICK_MS).unref();
}

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on('message', () => {
  const observed: Observed = {
    delay: { max: delay.max / 1e6, p99: delay.percentile(99) / 1e6 },
    held: existsSync(SCHEDSTAT) ? held : undefined,
    residentMiB: process.memoryUsage().rss / 2 ** 20,
    alarms,
  };
  delay.reset();
  held = { max: 0, during: [] };
  process.send?.(observed);
});
process.on('disconnect', () => {
  void agent
    .stop()
    .then(() => stack.stop())
    .then(() => process.exit(0));
});
process.send?.(up);
