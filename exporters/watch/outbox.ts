import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SendError } from '../otlp/failure.js';
import { makeFolder } from '../spool/make-folder.js';

export interface OutboxOptions<Message> {
  /** Folder of waiting messages. */
  readonly folder: string;
  readonly deliver: (message: Message) => Promise<unknown>;
  /** Reports to the user. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A waiting message: in its file, or in memory if no file could be written. */
type Waiting<Message> = { readonly file: string } | { readonly message: Message };

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/** Maximum number of waiting messages; beyond it the oldest is deleted. */
const MAX_WAITING = 1000;

/**
 * Sends messages one after another, in order, each until the server accepted it. Each waits in a file of its own until
 * then, so that a killed process sends it at its next start; a repeat has the same id. Reports and drops what the
 * server rejects permanently.
 */
export class Outbox<Message> {
  readonly #options: OutboxOptions<Message>;
  readonly #waiting: Waiting<Message>[] = [];
  #added = 0;
  #work: Promise<void> = Promise.resolve();

  /** Begins with the messages that an earlier process left in the folder. */
  constructor(options: OutboxOptions<Message>) {
    this.#options = options;
    makeFolder(options.folder);
    const files = readdirSync(options.folder)
      .filter((name) => /^\d{15}-\d{6}\.json$/.test(name))
      .sort();
    this.#waiting.push(...files.map((name) => ({ file: join(options.folder, name) })));
    if (this.#waiting.length > 0) this.#work = this.#deliverAll();
  }

  add(message: Message): void {
    this.#waiting.push(this.#keep(message));
    if (this.#waiting.length > MAX_WAITING) {
      // The first is being sent.
      this.#forget(...this.#waiting.splice(1, 1));
      this.#options.say(`more than ${String(MAX_WAITING)} messages wait to be sent: the oldest was dropped`);
    }
    if (this.#waiting.length === 1) this.#work = this.#deliverAll();
  }

  /** Resolves when no message waits, or after a stop. */
  drained(): Promise<void> {
    return this.#work;
  }

  #keep(message: Message): Waiting<Message> {
    this.#added += 1;
    const file = join(
      this.#options.folder,
      `${String(Date.now()).padStart(15, '0')}-${String(this.#added).padStart(6, '0')}.json`,
    );
    try {
      const descriptor = openSync(`${file}.tmp`, 'w', 0o600);
      try {
        writeFileSync(descriptor, JSON.stringify(message));
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(`${file}.tmp`, file);
      return { file };
    } catch (error) {
      this.#options.say(`kept in memory only: ${error instanceof Error ? error.message : String(error)}`);
      return { message };
    }
  }

  #forget(...waiting: readonly Waiting<Message>[]): void {
    for (const one of waiting) if ('file' in one) rmSync(one.file, { force: true });
  }

  #isStopped(): boolean {
    return this.#options.signal.aborted;
  }

  async #deliverAll(): Promise<void> {
    let failures = 0;
    for (let next = this.#waiting[0]; next !== undefined && !this.#isStopped(); next = this.#waiting[0]) {
      try {
        await this.#deliver(next);
        failures = 0;
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (this.#isStopped()) return;
        if (!(error instanceof SendError && error.isRefused)) {
          if (failures === 0) this.#options.say(`not sent, will be tried again: ${problem}`);
          await sleep(waitAfter(error, failures), undefined, { signal: this.#options.signal }).catch(() => undefined);
          failures += 1;
          continue;
        }
        this.#options.say(`rejected permanently: ${problem}`);
      }
      this.#forget(next);
      this.#waiting.shift();
    }
  }

  async #deliver(waiting: Waiting<Message>): Promise<void> {
    if ('message' in waiting) {
      await this.#options.deliver(waiting.message);
      return;
    }
    let message: Message;
    try {
      message = JSON.parse(readFileSync(waiting.file, 'utf8')) as Message;
    } catch {
      this.#options.say(`${waiting.file} cannot be read and is skipped`);
      return;
    }
    await this.#options.deliver(message);
  }
}

function waitAfter(error: unknown, failures: number): number {
  const asked = error instanceof SendError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(asked, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + Math.random() / 2));
}
