/**
 * How the bytes of one column lie in a Native block. Enough to find where a column ends; values are
 * never decoded.
 */
export type Layout =
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'string' }
  /** JSON as the engine's profile makes it write: 8 bytes of version, then strings. */
  | { readonly kind: 'json' }
  | { readonly kind: 'nullable'; readonly inner: Layout }
  | { readonly kind: 'low-cardinality'; readonly key: Layout }
  | { readonly kind: 'array'; readonly inner: Layout }
  | { readonly kind: 'tuple'; readonly parts: readonly Layout[] };

/** The type has no layout known here, so its answer cannot be framed for a Native client. */
export class UnsupportedTypeError extends Error {
  constructor(type: string) {
    super(
      `type ${type} cannot be sent in Native with client_protocol_version by the embedded server; convert it in the query (for example toString) or ask for another FORMAT`,
    );
  }
}

const fixed = (size: number): Layout => ({ kind: 'fixed', size });
const array = (inner: Layout): Layout => ({ kind: 'array', inner });
const POINT: Layout = { kind: 'tuple', parts: [fixed(8), fixed(8)] };

const PLAIN: Readonly<Record<string, Layout>> = {
  Nothing: fixed(1),
  Bool: fixed(1),
  Int8: fixed(1),
  Int16: fixed(2),
  Int32: fixed(4),
  Int64: fixed(8),
  Int128: fixed(16),
  Int256: fixed(32),
  UInt8: fixed(1),
  UInt16: fixed(2),
  UInt32: fixed(4),
  UInt64: fixed(8),
  UInt128: fixed(16),
  UInt256: fixed(32),
  BFloat16: fixed(2),
  Float32: fixed(4),
  Float64: fixed(8),
  Date: fixed(2),
  Date32: fixed(4),
  DateTime: fixed(4),
  DateTime64: fixed(8),
  Time: fixed(4),
  Time64: fixed(8),
  UUID: fixed(16),
  IPv4: fixed(4),
  IPv6: fixed(16),
  Enum8: fixed(1),
  Enum16: fixed(2),
  String: { kind: 'string' },
  Point: POINT,
  Ring: array(POINT),
  LineString: array(POINT),
  Polygon: array(array(POINT)),
  MultiLineString: array(array(POINT)),
  MultiPolygon: array(array(array(POINT))),
};

/** The layout of a ClickHouse type as the engine writes its name in a Native block. */
export function layoutOf(type: string): Layout {
  const text = type.trim();
  const open = text.indexOf('(');
  const name = open < 0 ? text : text.slice(0, open);
  const args = open < 0 ? [] : splitArguments(text.slice(open + 1, text.lastIndexOf(')')));
  const first = args[0] ?? '';
  switch (name) {
    case 'FixedString':
      return fixed(Number(first));
    case 'Decimal':
      return fixed(decimalSize(Number(first)));
    case 'Nullable':
      return { kind: 'nullable', inner: layoutOf(first) };
    case 'LowCardinality':
      return { kind: 'low-cardinality', key: layoutOf(first.replace(/^Nullable\((.*)\)$/s, '$1')) };
    case 'Array':
      return array(layoutOf(first));
    case 'Map':
      return array({ kind: 'tuple', parts: args.map(layoutOf) });
    case 'Nested':
      return array({ kind: 'tuple', parts: args.map((part) => layoutOf(withoutName(part))) });
    // An empty tuple still writes one byte per row.
    case 'Tuple':
      return args.length === 0 ? fixed(1) : { kind: 'tuple', parts: args.map((part) => layoutOf(withoutName(part))) };
    case 'JSON':
      return { kind: 'json' };
    case 'SimpleAggregateFunction':
      return layoutOf(args.at(-1) ?? '');
  }
  if (name.startsWith('Interval')) return fixed(8);
  const plain = Object.hasOwn(PLAIN, name) ? PLAIN[name] : undefined;
  if (plain === undefined) throw new UnsupportedTypeError(text);
  return plain;
}

function decimalSize(precision: number): number {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  return precision <= 38 ? 16 : 32;
}

/** Splits at commas that are neither inside parentheses nor inside quotes (Enum names, time zones). */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "'" || c === '`') i = closingQuote(text, i);
    else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== '') parts.push(last);
  return parts;
}

function closingQuote(text: string, open: number): number {
  const quote = text[open];
  let i = open + 1;
  while (i < text.length && text[i] !== quote) i += text[i] === '\\' ? 2 : 1;
  return i;
}

/** `a UInt8` -> `UInt8`; an unnamed part (`UInt8`, `Array(String)`) is returned as it is. */
function withoutName(part: string): string {
  if (part.startsWith('`')) return part.slice(closingQuote(part, 0) + 1).trim();
  return /^[A-Za-z_][A-Za-z0-9_.]*\s+(.+)$/s.exec(part)?.[1] ?? part;
}
