/** A token bucket: `rate` a second, at most `burst` at once. Times in milliseconds. */
export interface BucketSettings {
  rate: number;
  burst: number;
}

interface Level {
  left: number;
  at: number;
}

/** Buckets by key, in memory; a key that is full again is forgotten. */
export class Buckets {
  readonly #settings: BucketSettings;
  readonly #levels = new Map<string, Level>();
  readonly #maxKeys: number;

  constructor(settings: BucketSettings, maxKeys = 10_000) {
    this.#settings = settings;
    this.#maxKeys = maxKeys;
  }

  /**
   * Takes `amount` out of a key's bucket. One that holds a whole unit takes a request of any size, which is then paid
   * off: a single large body is accepted in the end.
   *
   * @returns 0, or the seconds after which there is something again.
   */
  take(key: string, amount: number, now = Date.now()): number {
    const { rate, burst } = this.#settings;
    const before = this.#levels.get(key) ?? { left: burst, at: now };
    const left = Math.min(burst, before.left + (Math.max(0, now - before.at) / 1_000) * rate);
    // A share of a unit is given as long as there is as much.
    const least = Math.min(1, amount);
    if (left < least) return Math.max(1, Math.ceil((least - left) / rate));
    if (this.#levels.size >= this.#maxKeys) this.#forgetFull(now);
    this.#levels.set(key, { left: left - amount, at: now });
    return 0;
  }

  /** Takes `amount` whatever is left, to be paid off before the next {@link take}. */
  charge(key: string, amount: number): void {
    const level = this.#levels.get(key);
    if (level !== undefined) level.left -= amount;
  }

  #forgetFull(now: number): void {
    const { rate, burst } = this.#settings;
    for (const [key, { left, at }] of this.#levels)
      if (left + ((now - at) / 1_000) * rate >= burst) this.#levels.delete(key);
    // All of them busy: the oldest go, so that memory stays bounded.
    for (const key of this.#levels.keys()) {
      if (this.#levels.size < this.#maxKeys) return;
      this.#levels.delete(key);
    }
  }
}
