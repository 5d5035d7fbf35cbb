// The process whose CPU is measured: the gateway, a bare proxy, or the parser alone. Its parent sends `cpu` and, to
// the parser, bodies.
import { createServer, request, Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway } from '#ingest/app.js';
import { ensureFirstTokens } from '#ingest/control/first-tokens.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { runtimeBody } from '#schemas/http/ingest-runtime.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { raiseHeapLimit } from '../../node-memory.js';

/** Message from the parent. */
export type Question = 'cpu' | { parse: string; times: number };
/** Message to the parent: first the address, then the CPU time used, in microseconds. */
export type Answer = { url: string; token: string } | { cpuUs: number };

const say = (answer: Answer): void => {
  process.send?.(answer);
};
const [, , mode = '', upstream = ''] = process.argv;

if (mode === 'gateway') await runGateway();
if (mode === 'proxy') await runProxy();
if (mode === 'parser') say({ url: '', token: '' });
process.on('message', (question: Question) => {
  if (question !== 'cpu') for (let i = 0; i < question.times; i += 1) parse(question.parse);
  const { user, system } = process.cpuUsage();
  say({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit(0));

async function runGateway(): Promise<void> {
  raiseHeapLimit();
  const postgres = await freshPostgres();
  const first = await ensureFirstTokens(postgres);
  const noLimit = { rate: 1e12, burst: 1e12 };
  const gateway = await createGateway({
    // Not used on this path: requests are forwarded to the collector.
    clickhouse: createClickHouse({ url: 'http://127.0.0.1:9' }),
    postgres,
    collector: { url: upstream, key: 'bench' },
    quotas: { requests: noLimit, bytes: noLimit, entries: noLimit, failures: noLimit },
  });
  const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
  if (first === undefined) throw new Error('no token');
  say({ url, token: first.ingestToken });
}

/** Starts a minimal proxy between a client and a collector. */
async function runProxy(): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const target = new URL(upstream);
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers };
    delete headers.host;
    const sent = request(
      { host: target.hostname, port: target.port, path: incoming.url, method: incoming.method, headers, agent },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  say({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: '' });
}

function parse(body: string): void {
  const parsed = runtimeBody.safeParse(JSON.parse(body));
  if (!parsed.success) throw new Error('the body is wrong');
}
