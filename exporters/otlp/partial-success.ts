import { diag, DiagLogLevel } from '@opentelemetry/api';

/** What the server says it did not take of an accepted request. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** Listens for partial successes until closed. */
export interface PartialSuccessListener {
  /** What was heard since the last call. */
  take(): PartialSuccess;
  close(): void;
}

/**
 * The SDK's exporters tell of a partial success in one place only, a warning to the process-wide
 * diagnostic logger, just before they report success. So this listens there; requests are sent one at a
 * time, which makes clear whose warning it is.
 */
export function listenForPartialSuccess(): PartialSuccessListener {
  let heard: PartialSuccess = { rejected: 0, message: '' };
  const ignore = (): void => undefined;
  const warn = (...parts: unknown[]): void => {
    const said = parts.map((part) => parsePartialSuccess(part)).find((part) => part !== undefined);
    if (said !== undefined) heard = { rejected: heard.rejected + said.rejected, message: said.message };
  };
  diag.setLogger(
    { error: ignore, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return {
    take: () => {
      const taken = heard;
      heard = { rejected: 0, message: '' };
      return taken;
    },
    close: () => {
      diag.disable();
    },
  };
}

function parsePartialSuccess(part: unknown): PartialSuccess | undefined {
  if (typeof part !== 'string' || !part.startsWith('{')) return undefined;
  try {
    const body = JSON.parse(part) as Record<string, unknown>;
    const message = body['errorMessage'];
    // 64 bit integers are strings in OTLP/JSON.
    const rejected = Number(body['rejectedSpans'] ?? body['rejectedLogRecords'] ?? body['rejectedDataPoints'] ?? 0);
    return { rejected: Number.isFinite(rejected) ? rejected : 0, message: typeof message === 'string' ? message : '' };
  } catch {
    return undefined;
  }
}
