import { ShieldwatchError } from '#schemas/errors.js';

/** Seconds a client should wait before it tries again. */
export const RETRY_AFTER_SECONDS = 2;

/**
 * The answer of a store, or `store_unavailable`. The store's own words stay in `cause` and out of every
 * answer and log line: databases quote the row they choked on.
 */
export async function fromStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    const error = new ShieldwatchError('store_unavailable', 'the store does not answer just now; try again', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
    error.cause = cause;
    throw error;
  }
}
