import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { once } from 'node:events';
import { chainEntry, GENESIS, verifyTrail } from '#ingest/control/audit-chain.js';
import { openAuditFiles, readLines } from '#ingest/control/audit-files.js';
import { CommandError } from '#schemas/errors.js';
import { withFolder } from '../bench/folders.js';

const ORG = 'org_soak';
/** Entries of one change: their heads are published together. */
const STRETCH = 1_000;

/**
 * Writes a trail of `entries` entries with all its heads, and verifies it as `shieldwatch audit verify --file` does, every
 * signature; then once more cut short by one entry, which must be detected.
 *
 * @throws CommandError when a verdict is not what it must be.
 */
export async function soakAudit(entries: number, err: (line: string) => void): Promise<void> {
  await withFolder(async (folder) => {
    const files = openAuditFiles(folder);
    const path = join(folder, 'export.ndjson');
    const file = createWriteStream(path);
    let previousHash = GENESIS;
    for (let first = 1; first <= entries; first += STRETCH) {
      const stretch = Array.from({ length: Math.min(STRETCH, entries - first + 1) }, (_, index) => {
        const seq = first + index;
        const entry = chainEntry(
          {
            seq,
            orgId: ORG,
            at: new Date().toISOString(),
            actor: 'machine',
            action: 'token.mint',
            subject: `tok_${seq}`,
            detail: {},
          },
          previousHash,
          files.key,
        );
        previousHash = entry.hash;
        return entry;
      });
      files.publish(stretch.map(({ seq, hash, signature }) => ({ orgId: ORG, seq, hash, signature })));
      if (!file.write(stretch.map((entry) => `${JSON.stringify(entry)}\n`).join(''))) await once(file, 'drain');
    }
    file.end();
    await once(file, 'finish');
    err(`${entries} entries written, ${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`);

    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const begin = process.hrtime.bigint();
    const verdict = await verifyTrail(readLines(path), {
      orgId: ORG,
      publicKey: files.publicKey,
      heads: files.heads(),
    });
    delay.disable();
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    err(
      `verified in ${seconds.toFixed(1)} s; event loop delay at p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms, at most ${(delay.max / 1e6).toFixed(0)} ms; ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB resident`,
    );
    if (!verdict.ok || verdict.entries !== entries || verdict.unchecked.length > 0)
      throw new CommandError(`the trail does not hold: ${JSON.stringify(verdict)}`);

    const cut = await verifyTrail(readLines(createReadStream(path, { end: statSync(path).size - 100 })), {
      orgId: ORG,
      publicKey: files.publicKey,
      heads: files.heads(),
      isQuick: true,
    });
    if (cut.ok) throw new CommandError('a trail that was cut short holds');
    err(`cut short: ${cut.problem}`);
  });
}
