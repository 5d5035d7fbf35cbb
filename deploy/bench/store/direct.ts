import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';

export interface DirectQuestion {
  readonly sql: string;
}

export type DirectAnswer = { readonly ms: number; readonly text: string } | { readonly error: string };

/** chDB without a server, in a process of its own; one statement at a time. */
export class DirectEngine {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Opens a folder that an embedded server created and closed. */
  static async open(dataDir: string): Promise<DirectEngine> {
    const main = join(packageRoot(), 'dist/deploy/bench/store/direct-main.js');
    const child = fork(main, [dataDir, DEFAULT_DATABASE], {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const engine = new DirectEngine(child);
    await engine.#answer();
    return engine;
  }

  /** Returns the milliseconds of the engine's call in its own process, without communication. */
  async run(sql: string): Promise<number> {
    const answer = this.#answer();
    this.#child.send({ sql } satisfies DirectQuestion);
    return answer;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }

  #answer(): Promise<number> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(new Error(`the direct engine ended (${signal ?? `exit code ${code ?? ''}`})`));
      };
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: DirectAnswer) => {
        this.#child.off('exit', onExit);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.ms);
      });
    });
  }
}
