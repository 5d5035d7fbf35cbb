import type { Engine } from './engine.js';
import type { UserName } from './users.js';

/** A request that is being answered. Holds nothing of the statement but its kind. */
export interface RunningQuery {
  readonly queryId: string;
  /** Names it in the engine. */
  readonly engineId: string;
  readonly user: UserName;
  readonly startedAt: number;
  /** Since when it has its place. */
  runsSince: number | undefined;
  /** First words of the statement, out of a fixed list. */
  kind: string;
  state: 'reading the request' | 'waiting' | 'running';
}

/** One line of `/processes`. */
export interface ProcessInfo {
  readonly query_id: string;
  readonly user: UserName;
  readonly kind: string;
  readonly state: string;
  readonly elapsed_ms: number;
  /** As the engine counts them; null until it has begun. */
  readonly read_rows: number | null;
  readonly read_bytes: number | null;
  readonly memory_bytes: number | null;
}

/** A query that has run for so long has heeded neither its time limit (600 s at most) nor any KILL. */
const HUNG_MS = 660_000;

/** What runs now. */
export class Processes {
  readonly #running = new Set<RunningQuery>();

  /** Notes a query until `end` is called. */
  begin(query: RunningQuery): { end: () => void } {
    this.#running.add(query);
    return { end: () => void this.#running.delete(query) };
  }

  /** Whether a query holds a place that it will not give back: only a new process frees it. */
  hasHung(now: number): boolean {
    return [...this.#running].some(({ runsSince }) => runsSince !== undefined && now - runsSince > HUNG_MS);
  }

  /** Everything for the writer; for the reader what readers run. */
  async list(engine: Engine, user: UserName): Promise<ProcessInfo[]> {
    const shown = [...this.#running].filter((query) => user === 'writer' || query.user === user);
    if (shown.length === 0) return [];
    const counted = new Map((await engine.running()).map((row) => [row.id, row]));
    const now = Date.now();
    return shown.map((query) => {
      const counts = counted.get(query.engineId);
      return {
        query_id: query.queryId,
        user: query.user,
        kind: query.kind,
        state: query.state,
        elapsed_ms: now - query.startedAt,
        read_rows: counts?.readRows ?? null,
        read_bytes: counts?.readBytes ?? null,
        memory_bytes: counts?.memoryBytes ?? null,
      };
    });
  }
}
