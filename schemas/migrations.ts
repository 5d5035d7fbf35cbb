import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from './errors.js';

/** Table of both stores in which the applied migrations stand. */
export const MIGRATIONS_TABLE = 'schema_migration';

/** One numbered SQL file of a store. */
export interface Migration {
  /** 1, 2, 3 ... without gaps. */
  readonly version: number;
  /** File name without the number and `.sql`. */
  readonly name: string;
  /** SHA-256 of the file. */
  readonly checksum: string;
  readonly sql: string;
}

/** The store was made by the migrations that the baseline replaced before the first release. Nothing upgrades it. */
export class RetiredStoreError extends CommandError {
  override readonly name = 'RetiredStoreError';
  constructor(store: string) {
    super(
      `the ${store} schema was made by a development version before the first release and cannot be upgraded; use a new, empty database`,
    );
  }
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** Reads the numbered migrations of a folder; throws if a number is missing, used twice, or a file is named otherwise. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const files = (await readdir(directory)).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const match = FILE_NAME.exec(file);
      if (match === null) throw new Error(`migration ${file} is not named NNNN_verb_table.sql`);
      const version = Number(match[1]);
      if (version !== index + 1) {
        throw new Error(`migration ${file} should have number ${index + 1}: numbers are contiguous and unique`);
      }
      const sql = await readFile(join(directory, file), 'utf8');
      return { version, name: match[2] ?? '', checksum: createHash('sha256').update(sql).digest('hex'), sql };
    }),
  );
}

/** One line of a store's record of applied migrations. */
export type AppliedMigration = { version: number; name: string; checksum: string };

/**
 * Returns the migrations still to be applied.
 *
 * @param retiredFirst name of migration 1 of the chain that the baseline replaced; no store of the current chain records it.
 * @throws RetiredStoreError when the store was made by that chain.
 * @throws CommandError when the store was written by a newer version, or an applied migration was edited.
 */
export function pendingMigrations(
  store: string,
  retiredFirst: string,
  wanted: readonly Migration[],
  applied: readonly AppliedMigration[],
): Migration[] {
  if (applied.some(({ version, name }) => version === 1 && name === retiredFirst)) throw new RetiredStoreError(store);
  const newest = wanted.length;
  const checksums = new Map(applied.map((row) => [row.version, row.checksum]));
  for (const version of checksums.keys()) {
    if (version > newest) {
      throw new CommandError(
        `the ${store} schema is version ${version}, written by a newer Shieldwatch; this one knows up to ${newest}. Upgrade, or choose another data folder.`,
      );
    }
  }
  return wanted.filter((migration) => {
    const checksum = checksums.get(migration.version);
    if (checksum !== undefined && checksum !== migration.checksum) {
      throw new CommandError(
        `${store} migration ${migration.version} (${migration.name}) differs from the one this store was made with; migrations are append-only`,
      );
    }
    return checksum === undefined;
  });
}
