import { ShieldwatchError } from '#schemas/errors.js';

/** Sort key of a page's last entry. */
type Key = readonly (string | number)[];

/** Encodes a sort key. The cursor is opaque to clients and holds only values that the page showed. */
export function encodeCursor(key: Key): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * Decodes a cursor into a sort key whose parts have the given types.
 *
 * @throws ShieldwatchError 400 when it is not a cursor of this list.
 */
export function decodeCursor(cursor: string | undefined, types: readonly ('string' | 'number')[]): Key | undefined {
  if (cursor === undefined) return undefined;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    key = undefined;
  }
  const isKey =
    Array.isArray(key) &&
    key.length === types.length &&
    key.every(
      (part, index) =>
        typeof part === types[index] &&
        (typeof part === 'string' || (Number.isSafeInteger(part) && Number(part) >= 0)) &&
        !String(part).includes('\0'),
    );
  if (!isKey)
    throw new ShieldwatchError('query_invalid', 'cursor: expected the nextCursor of the page before', {
      field: 'cursor',
    });
  return key as Key;
}

/** Cuts `rows`, queried with `limit + 1`, to one page and returns the cursor of the next page. */
export function page<T>(
  rows: readonly T[],
  limit: number,
  key: (last: T) => Key,
): { rows: T[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(key(last)) : null };
}
