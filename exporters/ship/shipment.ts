import { stat } from 'node:fs/promises';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { SendError } from '../otlp/failure.js';
import { BATCH_SIZE, type PartialSuccess, type Sender } from '../otlp/sender.js';
import { countLost, takeLost } from '../spool/lost.js';
import { readOffsetsSync, writeOffsets, type Offsets } from '../spool/offsets.js';
import { decisionMetrics, decisionSpans, droppedMetric, threatRecords } from './batch.js';
import { readLines } from './lines.js';
import { segmentSource } from './segment.js';
import type { Source } from './source.js';
import { deleteIfOld, listSegments } from './spool-files.js';
import { stockLogSources } from './stock-log.js';

export interface ShipResult {
  /** Records that the server accepted. */
  sent: number;
  /** Of the records sent: how many blocked a call, how many allowed it. */
  blocked: number;
  allowed: number;
  /** Lines that are not records. */
  skipped: number;
  /** Records that the hook dropped because the spool or disk was full. */
  dropped: number;
  /** Records that the server rejected permanently. */
  rejected: number;
  /** Number of files read. */
  files: number;
  /** Problems that did not keep a record from arriving. */
  warnings: string[];
}

export interface ShipmentOptions {
  readonly spoolDir: string;
  /** Stock `runtime.ndjson` files to send as well. */
  readonly runtimeLogs?: readonly string[];
  /** From the beginning of every file, without metrics, which would add up. */
  readonly all?: boolean;
  /** Called after each acknowledged batch. */
  readonly onBatch?: (result: Readonly<ShipResult>) => Promise<void>;
}

/**
 * Sends new records of a spool folder and of stock logs. Batch by batch: read, send, wait for the acknowledgement, save
 * the offset. It may be killed at any time; records without a saved offset are sent again with the same ids. Requires
 * the spool's lock.
 */
export class Shipment {
  readonly result: ShipResult = {
    sent: 0,
    blocked: 0,
    allowed: 0,
    skipped: 0,
    dropped: 0,
    rejected: 0,
    files: 0,
    warnings: [],
  };
  readonly #options: ShipmentOptions;
  readonly #sender: Sender;
  readonly #offsets: Offsets;
  /** False once metrics were refused, and from the start with `all`. */
  #metricsTaken: boolean;

  constructor(options: ShipmentOptions, sender: Sender) {
    this.#options = options;
    this.#sender = sender;
    this.#offsets = readOffsetsSync(options.spoolDir);
    this.#metricsTaken = options.all !== true;
  }

  /** Sends everything that is there now. */
  async run(): Promise<void> {
    const { spoolDir, runtimeLogs = [] } = this.#options;
    for (const name of await listSegments(spoolDir)) {
      const shipped = await this.#shipIfThere(segmentSource(spoolDir, name));
      await this.#cleanUp(name, shipped);
    }
    for (const log of runtimeLogs) {
      for (const source of await stockLogSources(log, (key) => this.#offsets.has(key))) {
        // Recorded now, so that the file is found even if it is rotated before a line of it was sent.
        if (!this.#offsets.has(source.key)) await this.#acknowledged(source.key, 0);
        await this.#shipIfThere(source);
      }
    }
    await this.#sendLost();
  }

  /** The writer of a full spool may delete a segment at any time; it counts the segment's records. */
  async #shipIfThere(source: Source): Promise<number> {
    try {
      return await this.#ship(source);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  async #ship(source: Source): Promise<number> {
    this.result.files += 1;
    let shipped = await this.#startOffset(source);
    let end = shipped;
    let batch: DecisionRecord[] = [];
    let [skipped, dropped] = [0, 0];
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await this.#send(batch);
      this.result.skipped += skipped;
      this.result.dropped += dropped;
      if (dropped > 0) await this.#tryMetrics(() => [droppedMetric(dropped, 'spool-full', Date.now())]);
      await this.#acknowledged(source.key, end);
      shipped = end;
      batch = [];
      [skipped, dropped] = [0, 0];
    };
    for await (const line of readLines(source.path, shipped)) {
      const item = line.text === undefined ? undefined : source.read(line.text, end);
      if (item?.kind === 'decision') batch.push(item.record);
      else if (item?.kind === 'dropped') dropped += item.count;
      else if (line.text?.trim() !== '') skipped += 1;
      end = line.end;
      if (batch.length >= BATCH_SIZE) await flush();
    }
    if (end > shipped) await flush();
    return shipped;
  }

  async #startOffset({ key, path }: Source): Promise<number> {
    // Shorter than what was sent: another file under the same name.
    if ((await stat(path)).size < (this.#offsets.get(key) ?? 0)) this.#offsets.delete(key);
    return this.#options.all === true ? 0 : (this.#offsets.get(key) ?? 0);
  }

  async #send(batch: readonly DecisionRecord[]): Promise<void> {
    const { rejected, message } = await this.#sendSpans(batch);
    const threats = threatRecords(batch);
    if (threats.length > 0) await this.#trySend('threat events', () => this.#sender.logRecords(threats));
    this.result.sent += batch.length - rejected;
    this.result.rejected += rejected;
    this.result.blocked += batch.filter((record) => record.decision === 'block').length;
    this.result.allowed += batch.filter((record) => record.decision === 'allow').length;
    if (rejected > 0) this.#warn(`the server refused ${String(rejected)} records: ${message}`);
    await this.#tryMetrics(() => decisionMetrics(batch));
  }

  /** Counts records that the server will never accept as rejected: retrying would block all later ones. */
  async #sendSpans(batch: readonly DecisionRecord[]): Promise<PartialSuccess> {
    try {
      return await this.#sender.spans(decisionSpans(batch));
    } catch (error) {
      if (!(error instanceof SendError && error.isRefused)) throw error;
      return { rejected: batch.length, message: error.message };
    }
  }

  /** Sends metrics with one attempt only: they serve other tools' dashboards, and a repeat would count twice. */
  async #tryMetrics(metrics: () => ReturnType<typeof decisionMetrics>): Promise<void> {
    if (this.#metricsTaken) this.#metricsTaken = await this.#trySend('counters', () => this.#sender.metrics(metrics()));
  }

  async #trySend(what: string, send: () => Promise<unknown>): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      this.#warn(`${what} were not accepted: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  async #sendLost(): Promise<void> {
    const lost = takeLost(this.#options.spoolDir);
    if (lost === 0) return;
    this.result.dropped += lost;
    if (
      await this.#trySend('the count of lost records', () =>
        this.#sender.metrics([droppedMetric(lost, 'not-written', Date.now())]),
      )
    )
      return;
    countLost(this.#options.spoolDir, lost);
  }

  async #acknowledged(key: string, end: number): Promise<void> {
    this.#offsets.set(key, Math.max(end, this.#offsets.get(key) ?? 0));
    await writeOffsets(this.#options.spoolDir, this.#offsets);
    await this.#options.onBatch?.(this.result);
  }

  async #cleanUp(name: string, shipped: number): Promise<void> {
    const { deleted, tornTail } = await deleteIfOld(this.#options.spoolDir, name, shipped, Date.now());
    if (!deleted) return;
    if (tornTail) this.result.skipped += 1;
    this.#offsets.delete(name);
    await writeOffsets(this.#options.spoolDir, this.#offsets);
  }

  #warn(text: string): void {
    if (!this.result.warnings.includes(text)) this.result.warnings.push(text);
  }
}
