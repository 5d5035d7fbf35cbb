import { z } from 'zod';
import { CommandError } from '#schemas/errors.js';

/** Version of the folder's layout; a reader refuses a greater one. */
export const FORMAT = 1;

/** Largest manifest that is read, in bytes: about 100,000 files. */
export const MAX_MANIFEST_BYTES = 64 * 2 ** 20;

const migration = z.strictObject({
  version: z.int().positive(),
  name: z.string().max(200),
  checksum: z.string().regex(/^[0-9a-f]{64}$/),
});
const file = z.strictObject({
  store: z.enum(['clickhouse', 'postgres', 'folder']),
  /** Table, or what a file of the data folder is called: `audit-key-pub`, `audit-heads`, `keys`. */
  table: z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/),
  /** Partition of a ClickHouse table; `all` otherwise. */
  partition: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  rows: z.int().nonnegative(),
  /** Size before compression. */
  rawBytes: z.int().nonnegative(),
  /** Size and SHA-256 of the file as it is on disk. */
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Hash of the checksums of the partition's parts: an equal one means equal rows. ClickHouse only. */
  content: z.string().max(64).optional(),
});
const manifest = z.strictObject({
  format: z.int().positive(),
  /** Version of the product that wrote it. */
  product: z.string().max(50),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  migrations: z.strictObject({ clickhouse: z.array(migration).max(9_999), postgres: z.array(migration).max(9_999) }),
  /** Columns of each ClickHouse table, in the order of its files. */
  columns: z.record(z.string().max(63), z.array(z.string().max(200)).max(1_000)),
  /** Organisations, each with the last entry of its audit trail; `seq` 0 and no hash without one. */
  orgs: z.array(
    z.strictObject({
      id: z.string().max(200),
      isDeleted: z.boolean(),
      seq: z.int().nonnegative(),
      head: z.string().regex(/^([0-9a-f]{64})?$/),
    }),
  ),
  files: z.array(file).max(200_000),
});

/** What a backup holds. */
export type Manifest = z.infer<typeof manifest>;
/** One file of a backup, without its path: {@link pathOf} derives it. */
export type BackupFile = z.infer<typeof file>;

/** Path of a file below the backup's folder. Made of checked words, so that no manifest leads outside of the folder. */
export function pathOf({ store, table, partition }: Pick<BackupFile, 'store' | 'table' | 'partition'>): string {
  return `${store}/${table}.${partition}.gz`;
}

/**
 * Reads a manifest.
 *
 * @throws CommandError for a newer format, and for text that is not a manifest.
 */
export function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CommandError('manifest: not JSON');
  }
  const version = z.looseObject({ format: z.int().positive() }).safeParse(value);
  if (version.success && version.data.format > FORMAT)
    throw new CommandError(
      `manifest: format ${version.data.format}, written by a newer Shieldwatch; this one reads up to ${FORMAT}`,
    );
  const parsed = manifest.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CommandError(`manifest: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a manifest'}`);
  }
  const paths = new Set(parsed.data.files.map(pathOf));
  if (paths.size !== parsed.data.files.length) throw new CommandError('manifest: names a file twice');
  return parsed.data;
}
