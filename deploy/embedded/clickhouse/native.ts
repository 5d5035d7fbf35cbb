import { NativeCursor, type Reading } from './native-cursor.js';
import { layoutOf, type Layout } from './native-layout.js';

/** Field 1 (is_overflows) = 0, field 2 (bucket_num) = -1, end: what a server sends when nothing is special. */
const BLOCK_INFO = Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);
const NO_CUSTOM_SERIALIZATION = Buffer.from([0]);
const REVISION_WITH_BLOCK_INFO = 1;
const REVISION_WITH_CUSTOM_SERIALIZATION = 54_454;

/**
 * Turns the Native blocks that chDB writes (always revision 0) into those of a client's revision.
 * clickhouse-go, and with it Grafana and the collector's exporter, names one in `client_protocol_version`
 * and cannot read revision 0.
 *
 * The first block is held back until it is whole: a type that cannot be framed then fails before a byte
 * has been sent.
 */
export class NativeRewriter {
  readonly #cursor = new NativeCursor();
  readonly #revision: number;
  readonly #blocks: Reading<never>;
  #isFirstBlock = true;
  #isBetweenBlocks = true;

  constructor(revision: number) {
    this.#revision = revision;
    this.#blocks = this.#readBlocks();
    this.#blocks.next();
  }

  /** Feeds bytes of revision 0; returns what can be sent. Throws `UnsupportedTypeError`. */
  push(chunk: Buffer): Buffer[] {
    this.#cursor.push(chunk);
    this.#blocks.next();
    return this.#isFirstBlock ? [] : this.#cursor.take();
  }

  /** Whether everything pushed so far makes whole blocks; an answer that ends elsewhere was cut off or misread. */
  get isAtBlockEnd(): boolean {
    return this.#isBetweenBlocks && this.#cursor.isDrained;
  }

  *#readBlocks(): Reading<never> {
    for (;;) {
      this.#isBetweenBlocks = true;
      while (this.#cursor.isDrained) yield;
      this.#isBetweenBlocks = false;
      if (this.#revision >= REVISION_WITH_BLOCK_INFO) this.#cursor.insert(BLOCK_INFO);
      const columns = yield* this.#cursor.varUint();
      const rows = yield* this.#cursor.varUint();
      for (let i = 0; i < columns; i++) yield* this.#column(rows);
      this.#isFirstBlock = false;
    }
  }

  *#column(rows: number): Reading<void> {
    const nameLength = yield* this.#cursor.varUint();
    yield* this.#cursor.skip(nameLength);
    const layout = layoutOf(yield* this.#cursor.text());
    if (this.#revision >= REVISION_WITH_CUSTOM_SERIALIZATION) this.#cursor.insert(NO_CUSTOM_SERIALIZATION);
    if (rows === 0) return;
    yield* skipPrefix(this.#cursor, layout);
    yield* skipValues(this.#cursor, layout, rows);
  }
}

/** State that precedes a column's values: 8 bytes per LowCardinality or JSON leaf, in the order of the type. */
function* skipPrefix(cursor: NativeCursor, layout: Layout): Reading<void> {
  switch (layout.kind) {
    case 'json':
    case 'low-cardinality': return yield* cursor.skip(8);
    case 'nullable':
    case 'array': return yield* skipPrefix(cursor, layout.inner);
    case 'tuple':
      for (const part of layout.parts) yield* skipPrefix(cursor, part);
      return;
    case 'fixed':
    case 'string': return;
  }
}

function* skipValues(cursor: NativeCursor, layout: Layout, rows: number): Reading<void> {
  switch (layout.kind) {
    case 'fixed': return yield* cursor.skip(layout.size * rows);
    case 'json':
    case 'string': return yield* cursor.skipStrings(rows);
    case 'nullable':
      yield* cursor.skip(rows);
      return yield* skipValues(cursor, layout.inner, rows);
    case 'tuple':
      for (const part of layout.parts) yield* skipValues(cursor, part, rows);
      return;
    case 'array': {
      if (rows === 0) return;
      yield* cursor.skip(8 * (rows - 1));
      const elements = yield* cursor.uint64(); // the last offset is the total
      return yield* skipValues(cursor, layout.inner, elements);
    }
    case 'low-cardinality': return yield* skipLowCardinality(cursor, layout.key, rows);
  }
}

/** Groups of: flags (low byte: width of an index), keys, indices; until every row has its index. */
function* skipLowCardinality(cursor: NativeCursor, key: Layout, rows: number): Reading<void> {
  for (let left = rows; left > 0; ) {
    const indexWidth = 2 ** ((yield* cursor.byte()) & 3);
    yield* cursor.skip(7);
    const keys = yield* cursor.uint64();
    yield* skipValues(cursor, key, keys);
    const indices = yield* cursor.uint64();
    yield* cursor.skip(indexWidth * indices);
    left -= Math.max(indices, 1);
  }
}
