import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A connection of the engine: its own settings, parameters and current database over shared data. */
export type Connection = { readonly __chdbConnection: unique symbol };

/** What a finished query tells. For INSERT ... FROM INFILE the rows read are the rows written. */
export interface EngineResult {
  readonly bytes: Buffer;
  readonly elapsed: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** The calls of chDB's addon that this server uses. */
export interface ChdbBinding {
  /** `26.7.3`. */
  EngineVersion(): string;
  /** Synchronous; about 0.2 s for the first of a process, 0.2 ms for the next. */
  CreateConnection(dataDir: string, args: readonly string[]): Connection;
  /** Runs on a libuv thread, planning included. */
  QueryAsyncConnection(connection: Connection, sql: string, format: string): Promise<EngineResult>;
  CloseConnection(connection: Connection): void;
}

/**
 * Loads chDB's native addon. The package's own `Session` is passed by for one reason: its `close()`
 * waits for every query of the process, so that beside one long query the closed sessions pile up.
 * Here a connection is closed when its own query has ended, which is what the engine needs.
 *
 * Throws where there is no build for the platform (only glibc Linux and macOS have one).
 */
export function loadChdb(): ChdbBinding {
  const require = createRequire(import.meta.url);
  const root = dirname(require.resolve('chdb/package.json'));
  const loader = require(join(root, 'dist', 'loader.js')) as { loadNative(): ChdbBinding };
  return loader.loadNative();
}
