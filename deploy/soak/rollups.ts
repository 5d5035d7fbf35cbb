import { playMany } from '#rollups/testing/history/many.js';
import { prepareStage } from '#rollups/testing/history/play.js';
import { freshDatabase } from '#schemas/testing/clickhouse.js';
import { CommandError } from '#schemas/errors.js';
import { startClickHouse } from '../embedded/clickhouse/process.js';
import { withFolder } from '../bench/folders.js';

/** Histories of one store: then it is thrown away, so that a long soak does not measure a large store. */
const HISTORIES_A_STORE = 2_000;
const PER_PLAY = 125;

/**
 * Plays `histories` random histories and holds every series to the naive query.
 *
 * @throws CommandError with the seeds of the plays that failed.
 */
export async function soakRollups(histories: number, err: (line: string) => void): Promise<void> {
  const seed = Date.now() % 1_000_000_000;
  let done = 0;
  while (done < histories) {
    const part = Math.min(HISTORIES_A_STORE, histories - done);
    await withFolder(async (dataDir) => {
      const engine = await startClickHouse({ dataDir, port: 0 });
      const db = await freshDatabase(engine.url);
      try {
        await prepareStage(db.client);
        const before = done;
        const { distribution, failures } = await playMany({
          clickhouse: db.client,
          histories: part,
          perPlay: PER_PLAY,
          // Plays count up from the seed of their store.
          seed: seed + before,
          onPlay: (played) => {
            err(`${before + played} of ${histories} histories`);
          },
        });
        err(JSON.stringify(distribution));
        if (failures.length > 0)
          throw new CommandError(`series differ from the naive query: ${JSON.stringify(failures)}`);
      } finally {
        await db.drop();
        await engine.stop();
      }
    });
    done += part;
  }
  err(`${histories} histories, no difference`);
}
