import { playLedger } from '#rollups/testing/ledger/play.js';
import { CommandError } from '#schemas/errors.js';
import { freshDatabase } from '#schemas/testing/clickhouse.js';
import { withFolder } from '../bench/folders.js';
import { startClickHouse } from '../embedded/clickhouse/process.js';

/** Calls of one store: the naive reading holds all of them in memory. */
const CALLS_A_STORE = 100_000;

/**
 * Plays `calls` tool calls with shuffled, repeated and missing halves, and compares the ledger with the naive reading.
 *
 * @throws CommandError with the seed and some of the calls that differ.
 */
export async function soakLedger(calls: number, err: (line: string) => void): Promise<void> {
  const seed = Date.now() % 1_000_000_000;
  for (let done = 0; done < calls; done += CALLS_A_STORE) {
    const part = Math.min(CALLS_A_STORE, calls - done);
    await withFolder(async (dataDir) => {
      const engine = await startClickHouse({ dataDir, port: 0 });
      const db = await freshDatabase(engine.url);
      try {
        const played = await playLedger({ clickhouse: db.client, calls: part, seed: seed + done });
        err(`${done + part} of ${calls} calls, ${played.crashes} crashes: ${JSON.stringify(played.outcomes)}`);
        if (played.differences.count > 0)
          throw new CommandError(`seed ${seed + done}: the ledger differs: ${JSON.stringify(played.differences)}`);
      } finally {
        await db.drop();
        await engine.stop();
      }
    });
  }
  err(`${calls} calls, no difference`);
}
