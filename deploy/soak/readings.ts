import { readBoards } from '#ingest/boards/board-library.js';
import { startGateway } from '#ingest/testing/gateway.js';
import { CommandError } from '#schemas/errors.js';
import { withFolder } from '../bench/folders.js';
import { startClickHouse } from '../embedded/clickhouse/process.js';
import { sampleHistories, stageAt } from '../testing/readings/history.js';
import { disagreements, playHistories } from '../testing/readings/play.js';

/** Histories that are played before a new clock is taken: alerts and ranges look at what is new. */
const PART = 50;

/**
 * Sends random histories by REST and OTLP and holds everything that shows a quantity to a plain count over them.
 *
 * @throws CommandError with the readings that differ and the seed that makes the histories again.
 */
export async function soakReadings(histories: number, err: (line: string) => void): Promise<void> {
  const library = await readBoards();
  await withFolder(async (dataDir) => {
    const engine = await startClickHouse({ dataDir, port: 0 });
    const gateway = await startGateway(engine.url);
    try {
      for (let done = 0; done < histories;) {
        const part = Math.min(PART, histories - done);
        const seed = 1_000 + done;
        const found = await disagreements(
          await playHistories(gateway, library, stageAt(Date.now()), sampleHistories(part, seed), String(seed)),
        );
        if (found.length > 0)
          throw new CommandError(`seed ${String(seed)}: ${found.map((each) => JSON.stringify(each)).join('\n')}`);
        done += part;
        err(`${String(done)} of ${String(histories)} histories, no difference`);
      }
    } finally {
      await gateway.close();
      await engine.stop();
    }
  });
}
