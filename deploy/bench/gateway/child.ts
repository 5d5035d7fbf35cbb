import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import type { Answer, Question } from './child-main.js';

/** A child process that reports its CPU time. */
export class Child {
  readonly #process: ChildProcess;
  readonly url: string;
  readonly token: string;

  private constructor(child: ChildProcess, url: string, token: string) {
    this.#process = child;
    this.url = url;
    this.token = token;
  }

  static async start(mode: 'gateway' | 'proxy' | 'parser', upstream = ''): Promise<Child> {
    const main = join(packageRoot(), 'dist/deploy/bench/gateway/child-main.js');
    const child = fork(main, [mode, upstream], {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [answer] = (await once(child, 'message')) as [Answer];
    if (!('url' in answer)) throw new Error('the child did not report its address');
    return new Child(child, answer.url, answer.token);
  }

  /** Returns the microseconds of CPU since its start, after it has performed the request. */
  async cpuUs(question: Question = 'cpu'): Promise<number> {
    const answered = once(this.#process, 'message') as Promise<[Answer]>;
    this.#process.send(question);
    const [answer] = await answered;
    return 'cpuUs' in answer ? answer.cpuUs : 0;
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    await gone;
  }
}

/** Starts a collector that accepts everything, keeps nothing, and responds after the given milliseconds. */
export async function startSink(answerAfterMs = 0): Promise<{ url: string; close: () => void }> {
  const server: Server = createServer((incoming, outgoing) => {
    incoming.resume();
    const answer = (): void => {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    };
    incoming.once('end', () => {
      if (answerAfterMs > 0) setTimeout(answer, answerAfterMs);
      else answer();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Posts `body` `times` times over 8 keep-alive connections. Rejects unless each response is 200. */
export async function postMany(url: string, path: string, token: string, body: Buffer, times: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { hostname, port } = new URL(url);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request({ hostname, port, path, method: 'POST', agent, headers }, (answer) => {
        answer.resume();
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve();
          else reject(new Error(`${path} answered ${answer.statusCode ?? 0}`));
        });
      });
      sent.once('error', reject);
      sent.end(body);
    });
  let left = times;
  const worker = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await once();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  agent.destroy();
}
