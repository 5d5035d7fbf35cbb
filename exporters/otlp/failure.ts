import { CommandError } from '#schemas/errors.js';
import { scrubText } from '../scrub.js';

/** An exporter's error as a person wants it: status, and what the server said about it. */
export function sendFailure(error: Error | undefined, origin: string): CommandError {
  const { code, data } = (error ?? {}) as { code?: unknown; data?: unknown };
  if (typeof code === 'number') {
    const said = typeof data === 'string' ? serverMessage(data) : '';
    const status = `${String(code)} ${error?.message ?? ''}`.trim();
    return new CommandError(`${origin} answered ${status}${said === '' ? '' : `: ${scrubText(said, 300)}`}`);
  }
  // The exporter keeps the status of a retried request to itself and calls the outcome "retryable".
  if (error === undefined || /retryable status/.test(error.message)) {
    return new CommandError(`${origin} kept answering that it cannot take data now (429, 502, 503 or 504); try again later`);
  }
  return new CommandError(`${origin} cannot be reached: ${scrubText(error.message || String(code), 200)}`);
}

/** `error.message` of our own errors, `message` of OTLP's Status, else the body itself. */
function serverMessage(body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown; error?: { message?: unknown } } | null;
    const message = parsed?.error?.message ?? parsed?.message;
    return typeof message === 'string' ? message : body;
  } catch {
    return body;
  }
}
