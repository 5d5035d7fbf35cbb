import { ShieldwatchError } from '#schemas/errors.js';

/** Seconds that a client should wait before a retry. */
export const RETRY_AFTER_SECONDS = 2;

/**
 * Maps a failed query to `store_unavailable`. The store's message stays in `cause` and out of answers and logs, because
 * databases quote the rows they reject.
 */
export async function withStoreErrors<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    const error = new ShieldwatchError('store_unavailable', 'the store is temporarily unavailable; try again', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
    error.cause = cause;
    throw error;
  }
}
