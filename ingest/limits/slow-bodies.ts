import { ShieldwatchError } from '#schemas/errors.js';

export interface SlowBodySettings {
  /** Milliseconds after which an incomplete body counts as slow. */
  slowAfterMs: number;
  /** Maximum milliseconds for receiving a body. */
  maxMs: number;
  /** Maximum concurrent slow bodies of one organisation. */
  maxSlow: number;
}

export const DEFAULT_SLOW_BODIES: SlowBodySettings = { slowAfterMs: 5_000, maxMs: 60_000, maxSlow: 64 };

interface Body {
  readonly orgId: string;
  readonly begun: number;
  readonly refuse: (error: ShieldwatchError) => void;
}

/** Tracks bodies being received: each holds a connection and the memory that it announced. */
export class SlowBodies {
  readonly #settings: SlowBodySettings;
  /** In order of arrival. */
  readonly #bodies = new Set<Body>();

  constructor(settings: SlowBodySettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#bodies.size;
  }

  /** Tracks a body until the returned function is called. `refuse` is called at most once before that. */
  watch(orgId: string, refuse: (error: ShieldwatchError) => void, now = Date.now()): () => void {
    const body: Body = { orgId, begun: now, refuse };
    this.#bodies.add(body);
    return () => {
      this.#bodies.delete(body);
    };
  }

  /** Rejects bodies that take too long and, for an organisation with too many slow ones, the newest of those. */
  sweep(now = Date.now()): void {
    const { slowAfterMs, maxMs, maxSlow } = this.#settings;
    const slow = new Map<string, number>();
    for (const body of this.#bodies) {
      const age = now - body.begun;
      if (age < slowAfterMs) return;
      const count = (slow.get(body.orgId) ?? 0) + 1;
      if (age >= maxMs) this.#refuse(body, `the body took longer than ${String(maxMs / 1_000)} s to arrive`);
      else if (count > maxSlow)
        this.#refuse(body, `more than ${String(maxSlow)} bodies of this organisation are being received slowly`);
      else slow.set(body.orgId, count);
    }
  }

  #refuse(body: Body, message: string): void {
    this.#bodies.delete(body);
    body.refuse(new ShieldwatchError('body_too_slow', message));
  }
}
