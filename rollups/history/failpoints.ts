import type { ClickHouseClient } from '#schemas/clickhouse/client.js';

/** What a worker dies of at a failpoint. */
export class Crash extends Error {
  constructor() {
    super('crashed on purpose');
  }
}

/** The store as one worker sees it, which can fail or stop at any of its calls: at every await that leaves the process. */
export interface Failpoints {
  readonly client: ClickHouseClient;
  /** Dies at the `call`th call from now, before it is made or when it was made and its answer is lost. */
  crashAt(call: number, isAfter: boolean): void;
  /** Stops at the `call`th call from now; the returned function wakes it. */
  pauseAt(call: number): () => void;
  /** Neither dies nor stops any more. */
  clear(): void;
}

export function failpoints(store: ClickHouseClient): Failpoints {
  let left = Infinity;
  let isAfter = false;
  let gate: { left: number; opened: Promise<void> } | undefined;

  async function guard<T>(call: () => Promise<T>): Promise<T> {
    if (gate !== undefined && --gate.left === 0) await gate.opened;
    left -= 1;
    // What else the dead one had under way makes no further call.
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
