import { NativeCursor, type Piece, type Reading } from './native-cursor.js';
import { layoutOf, type Layout } from './native-layout.js';

/** Field 1 (is_overflows) = 0, field 2 (bucket_num) = -1, end: what a server sends when nothing is special. */
const BLOCK_INFO = Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);
const NO_CUSTOM_SERIALIZATION = Buffer.from([0]);
const REVISION_WITH_BLOCK_INFO = 1;
const REVISION_WITH_TIME_ZONES = 54_337;
const REVISION_WITH_CUSTOM_SERIALIZATION = 54_454;

/** Asks for the types of an answer's columns, in their order, as DESCRIBE names them. */
export type DescribeTypes = () => Promise<readonly string[]>;

/** A column of the first block whose type may have lost its time zone. */
interface BareType {
  readonly column: number;
  readonly piece: Piece;
}

/**
 * Turns the Native blocks that chDB writes (always revision 0) into those of a client's revision.
 * clickhouse-go, and with it Grafana and the collector's exporter, names one in `client_protocol_version`
 * and cannot read revision 0.
 *
 * The first block is held back until it is whole: a type that cannot be framed then fails before a byte
 * has been sent. Blocks of revision 0 say `DateTime` where the column's type has a time zone, in the outermost type only;
 * what the zone is, a DESCRIBE tells, which is asked for when the first block has such a column.
 */
export class NativeRewriter {
  readonly #cursor = new NativeCursor();
  readonly #revision: number;
  readonly #describe: DescribeTypes | undefined;
  readonly #blocks: Reading<never>;
  #isFirstBlock = true;
  #isBetweenBlocks = true;
  #bare: BareType[] = [];
  /** By column: what stands in place of `DateTime` from the second block on. */
  readonly #zoned = new Map<number, Buffer>();

  constructor(revision: number, describe?: DescribeTypes) {
    this.#revision = revision;
    this.#describe = revision >= REVISION_WITH_TIME_ZONES ? describe : undefined;
    this.#blocks = this.#readBlocks();
    this.#blocks.next();
  }

  /** Feeds bytes of revision 0; resolves to what can be sent. Rejects with `UnsupportedTypeError`. */
  async push(chunk: Buffer): Promise<Buffer[]> {
    this.#cursor.push(chunk);
    this.#blocks.next();
    if (this.#isFirstBlock) return [];
    if (this.#bare.length > 0) {
      await this.#addZones();
      this.#blocks.next();
    }
    return this.#cursor.take();
  }

  async #addZones(): Promise<void> {
    const bare = this.#bare;
    this.#bare = [];
    const types = (await this.#describe?.()) ?? [];
    for (const { column, piece } of bare) {
      const type = types[column] ?? '';
      if (!/^DateTime\('[^'\\]{1,100}'\)$/.test(type)) continue;
      piece.bytes = Buffer.concat([Buffer.from([type.length]), Buffer.from(type)]);
      this.#zoned.set(column, piece.bytes);
    }
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
      for (let i = 0; i < columns; i++) yield* this.#column(i, rows);
      this.#isFirstBlock = false;
      if (this.#bare.length > 0) yield;
    }
  }

  *#column(column: number, rows: number): Reading<void> {
    const nameLength = yield* this.#cursor.varUint();
    yield* this.#cursor.skip(nameLength);
    const { text: type, piece } = yield* this.#cursor.piece();
    const layout = layoutOf(type);
    if (type === 'DateTime' && this.#isFirstBlock && this.#describe !== undefined) this.#bare.push({ column, piece });
    piece.bytes = this.#zoned.get(column) ?? piece.bytes;
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
    case 'low-cardinality':
      return yield* cursor.skip(8);
    case 'nullable':
    case 'array':
      return yield* skipPrefix(cursor, layout.inner);
    case 'tuple':
      for (const part of layout.parts) yield* skipPrefix(cursor, part);
      return;
    case 'fixed':
    case 'string':
      return;
  }
}

function* skipValues(cursor: NativeCursor, layout: Layout, rows: number): Reading<void> {
  switch (layout.kind) {
    case 'fixed':
      return yield* cursor.skip(layout.size * rows);
    case 'json':
    case 'string':
      return yield* cursor.skipStrings(rows);
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
    case 'low-cardinality':
      return yield* skipLowCardinality(cursor, layout.key, rows);
  }
}

/** Groups of: flags (low byte: width of an index), keys, indices; until every row has its index. */
function* skipLowCardinality(cursor: NativeCursor, key: Layout, rows: number): Reading<void> {
  for (let left = rows; left > 0;) {
    const indexWidth = 2 ** ((yield* cursor.byte()) & 3);
    yield* cursor.skip(7);
    const keys = yield* cursor.uint64();
    yield* skipValues(cursor, key, keys);
    const indices = yield* cursor.uint64();
    yield* cursor.skip(indexWidth * indices);
    left -= Math.max(indices, 1);
  }
}
