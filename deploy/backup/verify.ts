import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CommandError } from '#schemas/errors.js';
import { verifyTrails } from './audit.js';
import { openBackup, readBackupFile, unknownFiles } from './folder.js';
import { pathOf, type Manifest } from './format.js';
import { migrationsOf } from './versions.js';

/** Result of checking a backup without a store. */
export interface Verdict {
  readonly manifest: Manifest;
  /** What is wrong, a line each, the file named. */
  readonly problems: readonly string[];
  /** What was not checked. */
  readonly unchecked: readonly string[];
}

/**
 * Reads every byte of a backup: presence, size, SHA-256, decryption, decompression, rows of Postgres, versions, audit trails.
 *
 * @throws CommandError when there is no manifest that can be read.
 */
export async function verifyBackup(
  path: string,
  key: Buffer | undefined,
  onProgress: (line: string) => void,
): Promise<Verdict> {
  const { folder, manifest } = await openBackup(path, key);
  const problems: string[] = [];
  const note = (error: unknown): void => {
    problems.push(
      error instanceof CommandError ? error.message : String((error as NodeJS.ErrnoException).code ?? error),
    );
  };
  await migrationsOf(manifest).catch(note);
  const damaged = new Set<string>();
  for (const [done, file] of manifest.files.entries()) {
    try {
      const rows = await readBackupFile(folder, file, file.store === 'postgres' ? countLines : drain);
      if (file.store === 'postgres' && rows !== file.rows)
        throw new CommandError(`${pathOf(file)}: ${rows} rows, and the manifest states ${file.rows}`);
    } catch (error) {
      damaged.add(pathOf(file));
      note(error);
    }
    if ((done + 1) % 100 === 0) onProgress(`${done + 1} of ${manifest.files.length} files`);
  }
  for (const name of await unknownFiles(folder, manifest)) problems.push(`${name}: not named by the manifest`);
  const unchecked = ['rows of ClickHouse and series: `shieldwatch restore --drill` counts them'];
  if (key === undefined)
    unchecked.push('authenticity: without a key, who can write to the folder can change files and manifest together');
  const isTrailReadable = ![
    'postgres/audit_entry.all.gz',
    'folder/audit-key-pub.all.gz',
    'folder/audit-heads.all.gz',
  ].some((name) => damaged.has(name));
  if (isTrailReadable) {
    const trails = await verifyTrails(folder, manifest);
    problems.push(...trails.problems);
    unchecked.push(...trails.unchecked);
  } else unchecked.push('audit trails: their files are damaged');
  return { manifest, problems, unchecked };
}

async function drain(content: Readable): Promise<number> {
  content.resume();
  await finished(content);
  return 0;
}

async function countLines(content: Readable): Promise<number> {
  let lines = 0;
  for await (const part of content as AsyncIterable<Buffer>) for (const byte of part) if (byte === 10) lines += 1;
  return lines;
}
