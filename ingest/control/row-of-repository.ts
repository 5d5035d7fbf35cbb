import { ShieldwatchError } from '#schemas/errors.js';

/** Postgres error code of a foreign key violation. */
const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Returns the row that an INSERT about a repository produced.
 *
 * @throws ShieldwatchError 409 when the repository was removed meanwhile.
 */
export async function rowOfRepository<T>(inserted: Promise<T[]>): Promise<T> {
  const [row] = await inserted.catch((cause: unknown) => {
    const isGone =
      typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === FOREIGN_KEY_VIOLATION;
    throw isGone ? new ShieldwatchError('conflict', 'the repository was removed meanwhile') : cause;
  });
  if (row === undefined) throw new Error('the INSERT returned no row');
  return row;
}
