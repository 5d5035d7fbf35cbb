import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { BATCH_SIZE, createSender, type Sender } from '../otlp/sender.js';
import { decisionCounters, decisionSpans } from './batch.js';
import { parseDecisionLine } from './decision-line.js';
import { readLines } from './lines.js';
import { acquireLock, type Lock } from './lock.js';
import { readOffsets, writeOffsets, type Offsets } from './offsets.js';
import { deleteIfOld, listSpoolFiles } from './spool-files.js';

export interface ShipOptions {
  readonly spoolDir: string;
  /** Base URL of the gateway. */
  readonly url: string;
  readonly token: string;
  /** Send files from their beginning, whatever was sent before. Facts fold; counters are left out, as they would add up. */
  readonly all?: boolean;
  /** Called after each acknowledged batch. */
  readonly onProgress?: (result: Readonly<ShipResult>) => void;
  /** How long one request may take, retries included. Default 60 s. */
  readonly deadlineMs?: number;
}

export interface ShipResult {
  /** Records the server took. */
  sent: number;
  /** Of the records sent: how many blocked a call, how many let it pass. */
  blocked: number;
  allowed: number;
  /** Lines that are no records. */
  skipped: number;
  /** Records the server answered it will not store. */
  rejected: number;
  /** Files looked at. */
  files: number;
  /** What went wrong without keeping a record from arriving. */
  warnings: string[];
}

/**
 * Sends what is new in a spool folder. Batch by batch: read, send, wait for the acknowledgement, note the
 * offset. So it may be stopped anywhere; what was sent but not noted is sent again under the same identity.
 */
export async function shipSpool(options: ShipOptions): Promise<ShipResult> {
  const result: ShipResult = { sent: 0, blocked: 0, allowed: 0, skipped: 0, rejected: 0, files: 0, warnings: [] };
  // Made first, so that a wrong URL or token is told even when there is nothing to send.
  const sender = createSender(options, options.deadlineMs);
  try {
    if (!existsSync(options.spoolDir)) return result;
    const lock = await acquireLock(options.spoolDir);
    try {
      const offsets = await readOffsets(options.spoolDir);
      const shipment = new Shipment(options, sender, lock, offsets, result);
      for (const name of await listSpoolFiles(options.spoolDir)) await shipment.shipFile(name);
    } finally {
      await lock.release();
    }
  } finally {
    await sender.close();
  }
  return result;
}

/** One run over a spool folder. */
class Shipment {
  readonly #options: ShipOptions;
  readonly #sender: Sender;
  readonly #lock: Lock;
  readonly #offsets: Offsets;
  readonly #result: ShipResult;
  /** False once a counter was refused, and from the start with `all`. */
  #countersTaken: boolean;

  constructor(options: ShipOptions, sender: Sender, lock: Lock, offsets: Offsets, result: ShipResult) {
    this.#options = options;
    this.#sender = sender;
    this.#lock = lock;
    this.#offsets = offsets;
    this.#result = result;
    this.#countersTaken = options.all !== true;
  }

  async shipFile(name: string): Promise<void> {
    this.#result.files += 1;
    const path = join(this.#options.spoolDir, name);
    let shipped = await this.#startOffset(name, path);
    let batch: DecisionRecord[] = [];
    let skipped = 0;
    let end = shipped;
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await this.#send(batch);
      this.#result.skipped += skipped;
      await this.#acknowledged(name, end);
      shipped = end;
      batch = [];
      skipped = 0;
    };
    for await (const line of readLines(path, shipped)) {
      const record = line.text === undefined ? undefined : parseDecisionLine(line.text);
      if (record !== undefined) batch.push(record);
      else if (line.text?.trim() !== '') skipped += 1;
      end = line.end;
      if (batch.length >= BATCH_SIZE) await flush();
    }
    if (end > shipped) await flush();
    await this.#cleanUp(name, shipped);
  }

  async #startOffset(name: string, path: string): Promise<number> {
    // Shorter than what was sent: another file under the same name.
    if ((await stat(path)).size < (this.#offsets.get(name) ?? 0)) this.#offsets.delete(name);
    return this.#options.all === true ? 0 : (this.#offsets.get(name) ?? 0);
  }

  async #send(batch: DecisionRecord[]): Promise<void> {
    const { rejected, message } = await this.#sender.spans(decisionSpans(batch));
    this.#result.sent += batch.length - rejected;
    this.#result.rejected += rejected;
    this.#result.blocked += batch.filter((record) => record.decision === 'block').length;
    this.#result.allowed += batch.filter((record) => record.decision === 'allow').length;
    if (rejected > 0) this.#warn(`the server refused ${String(rejected)} records: ${message}`);
    if (this.#countersTaken) await this.#sendCounters(batch);
  }

  /** Counters serve other tools' dashboards; sending them again would count twice, so they get one try. */
  async #sendCounters(batch: DecisionRecord[]): Promise<void> {
    try {
      for (const counters of decisionCounters(batch)) await this.#sender.metrics(counters);
    } catch (error) {
      this.#countersTaken = false;
      this.#warn(`counters were not taken: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #acknowledged(name: string, end: number): Promise<void> {
    this.#offsets.set(name, Math.max(end, this.#offsets.get(name) ?? 0));
    await writeOffsets(this.#options.spoolDir, this.#offsets);
    await this.#lock.touch();
    this.#options.onProgress?.(this.#result);
  }

  async #cleanUp(name: string, shipped: number): Promise<void> {
    const { deleted, tornTail } = await deleteIfOld(this.#options.spoolDir, name, shipped, Date.now());
    if (!deleted) return;
    if (tornTail) this.#result.skipped += 1;
    this.#offsets.delete(name);
    await writeOffsets(this.#options.spoolDir, this.#offsets);
  }

  #warn(text: string): void {
    if (!this.#result.warnings.includes(text)) this.#result.warnings.push(text);
  }
}
