import { createClickHouse, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BenchPart, BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { startMigrated } from '../store/server.js';
import { dashboards } from './dashboards.js';
import { fillFleet, FLEET, type FleetSize } from './fleet.js';
import { refresh } from './refresh.js';
import { stream, type StreamSize } from './stream.js';

/** Sizes of the whole bench. */
export interface RollupSizes {
  readonly fleet: FleetSize;
  readonly repeats: number;
  readonly stream: StreamSize;
}
const SIZES: RollupSizes = { fleet: FLEET, repeats: 7, stream: { eventsPerSecond: 5_000, seconds: 90 } };

/** A store with the fleet's history, created once for all measurements. */
export async function withFleet(
  report: BenchReport,
  sizes: RollupSizes,
  use: (client: ClickHouseClient, url: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (dataDir) => {
    const engine = await startMigrated(dataDir);
    const client = createClickHouse({ url: engine.url, requestTimeoutMs: 600_000 });
    try {
      await fillFleet(client, sizes.fleet, report);
      await use(client, engine.url);
    } finally {
      await client.close();
      await engine.stop();
    }
  });
}

/** All measurements on one fleet: filling it takes longer than measuring. */
export async function measureAll(report: BenchReport, sizes: RollupSizes): Promise<void> {
  await withFleet(report, sizes, async (client, url) => {
    await refresh(report, client, url, sizes.fleet, sizes.repeats);
    await dashboards(report, client, sizes.repeats * 3);
    await stream(report, client, sizes.stream);
  });
}

/** Parts of `npm run bench -- rollup`, in the order in which they run. */
export const rollupParts: Readonly<Record<string, BenchPart>> = {
  all: (report) => measureAll(report, SIZES),
};
