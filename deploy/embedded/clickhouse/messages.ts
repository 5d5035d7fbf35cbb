import { CommandError } from '#schemas/errors.js';

/** What the engine's process tells its parent over IPC. */
export type EngineMessage =
  | {
      readonly type: 'ready';
      readonly port: number;
      readonly pid: number;
      readonly version: string;
      readonly engine: string;
      readonly isConfined: boolean;
    }
  | { readonly type: 'failed'; readonly code: StartErrorCode; readonly message: string }
  /** Every second: the event loop turns. */
  | { readonly type: 'alive' }
  | { readonly type: 'log'; readonly line: string };

/** Environment variable with the `Accounts` of the engine's process: hashes, no passwords. */
export const ACCOUNTS_VARIABLE = 'SHIELDWATCH_CLICKHOUSE_ACCOUNTS';

export type StartErrorCode = 'PORT_IN_USE' | 'DATA_DIR_LOCKED' | 'DATA_DIR_NEWER' | 'CHDB_UNAVAILABLE' | 'START_FAILED';

/** The engine's process could not start. `message` is one line for a person. */
export class ClickHouseStartError extends CommandError {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string) {
    super(message.replace(/\s*\n\s*/g, ' '));
    this.code = code;
  }
}
