import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { decodeLine } from '../spool/line.js';
import { SEGMENT_PATTERN } from '../spool/location.js';

/** Number of calls kept; beyond it the oldest is dropped. */
const MAX_CALLS = 10_000;

const STRICTNESS: readonly DecisionRecord['decision'][] = ['allow', 'ask', 'block'];

/** Bytes of the spool that one look-up reads. */
const MAX_BYTES = 1024 * 1024;

/**
 * Returns decisions by tool call id: those of this process, and those that a command hook on this machine recorded in
 * the spool. The strictest of several decisions about one call counts.
 */
export class Decisions {
  readonly #byCall = new Map<string, DecisionRecord>();
  readonly #folder: string | undefined;
  #segment = '';
  #offset = 0;

  /** With a spool folder, searches its newest segment for unknown calls. */
  constructor(spoolFolder?: string) {
    this.#folder = spoolFolder;
  }

  add(record: DecisionRecord): void {
    if (record.toolCallId === undefined) return;
    const known = this.#byCall.get(record.toolCallId);
    if (known !== undefined && STRICTNESS.indexOf(known.decision) >= STRICTNESS.indexOf(record.decision)) return;
    const oldest = this.#byCall.keys().next();
    if (this.#byCall.size >= MAX_CALLS && oldest.done !== true) this.#byCall.delete(oldest.value);
    this.#byCall.set(record.toolCallId, record);
  }

  /** Undefined if no hook judged the call. */
  get(toolCallId: string): DecisionRecord | undefined {
    if (!this.#byCall.has(toolCallId)) this.#readSpool();
    return this.#byCall.get(toolCallId);
  }

  #readSpool(): void {
    if (this.#folder === undefined) return;
    try {
      const newest = readdirSync(this.#folder)
        .filter((name) => SEGMENT_PATTERN.test(name))
        .sort()
        .at(-1);
      if (newest === undefined) return;
      if (newest !== this.#segment) [this.#segment, this.#offset] = [newest, 0];
      const lines = readNew(join(this.#folder, newest), this.#offset);
      const end = lines.lastIndexOf(0x0a) + 1;
      this.#offset += end;
      for (const line of lines.subarray(0, end).toString('utf8').split('\n')) {
        const record = decodeLine(line) as DecisionRecord | undefined;
        if (record !== undefined) this.add(record);
      }
    } catch {
      // The spool belongs to another program; the span is sent without its decision.
    }
  }
}

function readNew(path: string, offset: number): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(MAX_BYTES);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, MAX_BYTES, offset));
  } finally {
    closeSync(descriptor);
  }
}
