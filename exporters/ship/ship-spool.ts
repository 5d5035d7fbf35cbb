import { existsSync } from 'node:fs';
import { createSender } from '../otlp/sender.js';
import { acquireLock } from './lock.js';
import { Shipment, type ShipResult } from './shipment.js';

export interface ShipOptions {
  readonly spoolDir: string;
  /** Base URL of the gateway. */
  readonly url: string;
  readonly token: string;
  /** Stock `runtime.ndjson` files to send as well. */
  readonly runtimeLogs?: readonly string[];
  /**
   * Sends files from their beginning, regardless of earlier shipments. Facts deduplicate; counters are omitted, since
   * they would add up.
   */
  readonly all?: boolean;
  /** Called after each acknowledged batch. */
  readonly onProgress?: (result: Readonly<ShipResult>) => void;
  /** Time limit of one request, retries included, in milliseconds. Default 60 s. */
  readonly deadlineMs?: number;
}

/** Sends the new records of a spool folder once; `shieldwatch agent` keeps doing so. */
export async function shipSpool(options: ShipOptions): Promise<ShipResult> {
  // Created first, so that a wrong URL or token is reported even if there is nothing to send.
  const sender = createSender(options, options.deadlineMs);
  try {
    if (!existsSync(options.spoolDir) && (options.runtimeLogs ?? []).length === 0)
      return new Shipment(options, sender).result;
    const lock = await acquireLock(options.spoolDir);
    try {
      const onBatch = async (result: Readonly<ShipResult>): Promise<void> => {
        await lock.touch();
        options.onProgress?.(result);
      };
      const shipment = new Shipment({ ...options, onBatch }, sender);
      await shipment.run();
      return shipment.result;
    } finally {
      await lock.release();
    }
  } finally {
    sender.close();
  }
}
