/** An error as ClickHouse tells it: a numeric code, a name, and text that may go to the client but not to a log. */
export class ClickHouseError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  /** Reads chDB's `Code: 60. DB::Exception: ... (UNKNOWN_TABLE)`; text of another shape becomes code 1002 (UNKNOWN_EXCEPTION). */
  static from(error: unknown): ClickHouseError {
    if (error instanceof ClickHouseError) return error;
    const text = error instanceof Error ? error.message : String(error);
    const code = /\bCode: (\d+)\./.exec(text)?.[1];
    if (code !== undefined) return new ClickHouseError(Number(code), text);
    return named('UNKNOWN_EXCEPTION', text);
  }

  /** Returns the error without the paths of a folder, which only this machine may know. */
  without(folder: string): ClickHouseError {
    return new ClickHouseError(this.code, this.message.replaceAll(folder, ''));
  }

  /** The body of an error answer; clients read code and name from it. */
  toBody(version: string): string {
    return `${this.message.trimEnd()} (version ${version} (chDB, official build))\n`;
  }

  /** What a log may hold: the code and its name, never the message, which quotes rows and queries. */
  toLog(): string {
    const name = /\(([A-Z][A-Z0-9_]+)\)\s*$/.exec(this.message)?.[1];
    return name === undefined ? `code ${this.code}` : `code ${this.code} ${name}`;
  }

  get isSyntaxError(): boolean {
    return this.code === CODES.SYNTAX_ERROR;
  }

  get status(): number {
    return STATUS[this.code] ?? 500;
  }
}

/** Codes that this server raises by itself, under ClickHouse's own names. */
const CODES = {
  BAD_ARGUMENTS: 36,
  UNKNOWN_FUNCTION: 46,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  UNKNOWN_SETTING: 115,
  READONLY: 164,
  QUERY_IS_TOO_LARGE: 229,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  NOT_ENOUGH_SPACE: 243,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  QUERY_WAS_CANCELLED: 394,
  SETTING_CONSTRAINT_VIOLATION: 452,
  UNKNOWN_QUERY_PARAMETER: 456,
  ACCESS_DENIED: 497,
  AUTHENTICATION_FAILED: 516,
  UNKNOWN_EXCEPTION: 1002,
} as const;

/** An error of this server in ClickHouse's words. */
export function named(name: keyof typeof CODES, message: string): ClickHouseError {
  return new ClickHouseError(CODES[name], `Code: ${CODES[name]}. DB::Exception: ${message} (${name})`);
}

/** As ClickHouse's HTTP handler maps them; every other code is a 500. */
const CODES_BY_STATUS: Readonly<Record<number, readonly number[]>> = {
  400: [6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676],
  401: [194],
  403: [192, 193, 497, 512, 516],
  404: [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511],
  408: [159],
  411: [381],
  413: [229],
  415: [779],
  501: [48],
  503: [76, 209, 439],
};

const STATUS: Readonly<Record<number, number>> = Object.fromEntries(
  Object.entries(CODES_BY_STATUS).flatMap(([status, codes]) => codes.map((code) => [code, Number(status)])),
);
