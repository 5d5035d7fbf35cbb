/**
 * Catalogue of errors returned to clients. `code` is stable and for programs. `message` is for people: it names the
 * field, the shape of the value and what was expected, never a value that may hold a secret.
 */
const ERRORS = {
  body_invalid: 400,
  body_not_json: 400,
  body_encoding_invalid: 400,
  timestamp_in_future: 400,
  field_refused: 400,
  query_invalid: 400,
  token_missing: 401,
  token_invalid: 401,
  scope_missing: 403,
  role_missing: 403,
  repository_not_allowed: 403,
  plan_limit: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_too_slow: 408,
  already_ingested: 409,
  conflict: 409,
  body_too_large: 413,
  media_type_unsupported: 415,
  not_redacted: 422,
  rate_limited: 429,
  internal: 500,
  overloaded: 503,
  store_unavailable: 503,
  collector_unavailable: 503,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetail {
  /** Path of the invalid field, such as `entries[3].timestamp`. */
  field?: string;
  /** Description of what was expected there. */
  expected?: string;
  /** Seconds after which a retry makes sense; sent as `Retry-After`. */
  retryAfterSeconds?: number;
  /** The caller tried to access data that it may not see. Recorded in the audit trail, not sent in the answer. */
  isDenied?: boolean;
}

/** An error that may be returned to the client unchanged. */
export class ShieldwatchError extends Error {
  override readonly name = 'ShieldwatchError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message);
    this.code = code;
    this.status = ERRORS[code];
    this.detail = detail;
  }

  /** Returns the JSON body of the HTTP response. */
  toBody(): ErrorBody {
    const { field, expected } = this.detail;
    return {
      ok: false,
      error: {
        code: this.code,
        message: this.message,
        ...(field === undefined ? {} : { field }),
        ...(expected === undefined ? {} : { expected }),
      },
    };
  }
}

export interface ErrorBody {
  ok: false;
  error: { code: ErrorCode; message: string; field?: string; expected?: string };
}

/** An expected failure of a command. Printed as one line without a stack; the exit code is 1. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}
