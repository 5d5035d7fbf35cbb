/** Waiting items by key (an organisation): keys are served in turn, and first come, first served within one. */
export class FairQueue<T> {
  readonly #byKey = new Map<string, T[]>();

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  push(key: string, item: T): void {
    const items = this.#byKey.get(key);
    if (items === undefined) this.#byKey.set(key, [item]);
    else items.push(item);
  }

  /** Takes the next item, and moves its key behind all others. */
  shift(): T | undefined {
    for (const [key, items] of this.#byKey) {
      const item = items.shift();
      this.#byKey.delete(key);
      if (items.length > 0) this.#byKey.set(key, items);
      return item;
    }
    return undefined;
  }
}
