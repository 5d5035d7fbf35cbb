import type { ClickHouseClient } from '#schemas/clickhouse/client.js';

/** Error of a worker that crashes at a failpoint. */
export class Crash extends Error {
  constructor() {
    super('crashed on purpose');
  }
}

/** The store as one worker sees it, which can fail or block at any of its calls. */
export interface Failpoints {
  readonly client: ClickHouseClient;
  /** Crashes at the `call`th call from now, before it is made, or after it was made and before its response. */
  crashAt(call: number, isAfter: boolean): void;
  /** Blocks at the `call`th call from now; the returned function resumes it. */
  pauseAt(call: number): () => void;
  /** Removes both. */
  clear(): void;
}

export function failpoints(store: ClickHouseClient): Failpoints {
  let left = Infinity;
  let isAfter = false;
  let gate: { left: number; opened: Promise<void> } | undefined;

  async function guard<T>(call: () => Promise<T>): Promise<T> {
    if (gate !== undefined && --gate.left === 0) await gate.opened;
    left -= 1;
    // Other concurrent work of the crashed worker makes no further call.
    if (left < 0) throw new Crash();
    const dies = left === 0;
    if (dies && !isAfter) throw new Crash();
    const answer = await call();
    if (dies) throw new Crash();
    return answer;
  }
  const calls: Pick<ClickHouseClient, 'query' | 'command' | 'insert'> = {
    query: (params: Parameters<ClickHouseClient['query']>[0]) => guard(() => store.query(params)),
    command: (params) => guard(() => store.command(params)),
    insert: (params) => guard(() => store.insert(params)),
  };
  return {
    client: new Proxy(store, {
      get: (target, name) =>
        name in calls ? calls[name as keyof typeof calls] : (Reflect.get(target, name) as unknown),
    }),
    crashAt(call, after) {
      left = call;
      isAfter = after;
    },
    pauseAt(call) {
      let open = (): void => undefined;
      gate = {
        left: call,
        opened: new Promise((resolve) => {
          open = resolve;
        }),
      };
      return open;
    },
    clear() {
      left = Infinity;
    },
  };
}
