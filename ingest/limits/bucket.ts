/** A token bucket: refills at `rate` per second, up to `burst`. Times are in milliseconds. */
export interface BucketSettings {
  rate: number;
  burst: number;
}

interface Level {
  left: number;
  at: number;
}

/** Token buckets by key, in memory. A full bucket is dropped. */
export class Buckets {
  readonly #settings: BucketSettings;
  readonly #levels = new Map<string, Level>();
  readonly #maxKeys: number;

  constructor(settings: BucketSettings, maxKeys = 10_000) {
    this.#settings = settings;
    this.#maxKeys = maxKeys;
  }

  /**
   * Takes `amount` from a key's bucket. A bucket with at least one unit admits a request of any size and goes into
   * debt, so a single large body is admitted eventually.
   *
   * @returns 0, or the seconds until the next request can be admitted.
   */
  take(key: string, amount: number, now = Date.now()): number {
    const { rate, burst } = this.#settings;
    const before = this.#levels.get(key) ?? { left: burst, at: now };
    const left = Math.min(burst, before.left + (Math.max(0, now - before.at) / 1_000) * rate);
    // Fractions of a unit need only that fraction.
    const least = Math.min(1, amount);
    if (left < least) return Math.max(1, Math.ceil((least - left) / rate));
    if (this.#levels.size >= this.#maxKeys) this.#forgetFull(now);
    this.#levels.set(key, { left: left - amount, at: now });
    return 0;
  }

  /** Takes `amount` unconditionally; a debt delays the next {@link take}. */
  charge(key: string, amount: number): void {
    const level = this.#levels.get(key);
    if (level !== undefined) level.left -= amount;
  }

  #forgetFull(now: number): void {
    const { rate, burst } = this.#settings;
    for (const [key, { left, at }] of this.#levels)
      if (left + ((now - at) / 1_000) * rate >= burst) this.#levels.delete(key);
    // All buckets are in use: drop the oldest, so that memory stays bounded.
    for (const key of this.#levels.keys()) {
      if (this.#levels.size < this.#maxKeys) return;
      this.#levels.delete(key);
    }
  }
}
