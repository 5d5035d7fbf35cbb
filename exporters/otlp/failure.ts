import { CommandError } from '#schemas/errors.js';
import { scrubText } from '#schemas/scrub.js';
import type { Attempt } from './attempt.js';

/** Thrown for a request that failed permanently or after all retries. */
export class SendError extends CommandError {
  override readonly name: string = 'SendError';
  /** The server's Retry-After in milliseconds; undefined without one. */
  readonly retryAfterMs: number | undefined;
  /** True if a later retry may succeed. */
  readonly isRetryable: boolean;
  /** The server will never accept the request: OTLP's 400. */
  readonly isRefused: boolean;

  constructor(
    message: string,
    {
      isRetryable = false,
      isRefused = false,
      retryAfterMs,
    }: { isRetryable?: boolean; isRefused?: boolean; retryAfterMs?: number | undefined },
  ) {
    super(message);
    this.isRetryable = isRetryable;
    this.isRefused = isRefused;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Describes a failed attempt for the user: status, and the server's message. */
export function sendFailure(attempt: Attempt, origin: string): SendError {
  if (attempt.kind === 'unreachable')
    return new SendError(`${origin} cannot be reached: ${scrubText(attempt.problem, 200)}`, { isRetryable: true });
  if (isRetryable(attempt.status)) {
    const message = `${origin} kept answering that it cannot take data now (429, 502, 503 or 504); try again later`;
    return new SendError(message, { isRetryable: true, retryAfterMs: attempt.retryAfterMs });
  }
  const said = scrubText(serverMessage(attempt.text), 300);
  const status = `${String(attempt.status)} ${attempt.statusText}`.trim();
  return new SendError(`${origin} answered ${status}${said === '' ? '' : `: ${said}`}`, {
    isRefused: attempt.status === 400,
  });
}

/** OTLP's retryable statuses. */
export function isRetryable(status: number): boolean {
  return [429, 502, 503, 504].includes(status);
}

/** Returns `error.message` of our own errors, `message` of OTLP's Status, else the body itself. */
function serverMessage(body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown; error?: { message?: unknown } } | null;
    const message = parsed?.error?.message ?? parsed?.message;
    return typeof message === 'string' ? message : body;
  } catch {
    return body;
  }
}
