import protobuf from 'protobufjs/minimal.js';
import {
  ATTR_DECISION_DURATION,
  ATTR_DECISION_TIMESTAMP,
  ATTR_EVENT_ID,
  ATTR_GEN_AI_TOOL_CALL_ID,
  SPAN_DECISION,
} from '#schemas/semconv.js';

/**
 * Encodes decision spans as OTLP protobuf by hand: a request has up to 10,000, and creating objects for each would cost
 * more than everything else. Spans of one kind and shape are encoded once, copied, and patched. Field numbers:
 * opentelemetry/proto/trace/v1/trace.proto.
 */

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const tag = (field: number, wire: number): number => (field << 3) | wire;

/** `Span` */
const SPAN_TRACE_ID = tag(1, WIRE_BYTES);
const SPAN_SPAN_ID = tag(2, WIRE_BYTES);
const SPAN_NAME = tag(5, WIRE_BYTES);
const SPAN_KIND = tag(6, WIRE_VARINT);
const SPAN_START = tag(7, WIRE_FIXED64);
const SPAN_END = tag(8, WIRE_FIXED64);
const SPAN_ATTRIBUTES = tag(9, WIRE_BYTES);
const KIND_INTERNAL = 1;
/** `KeyValue`, `AnyValue` */
const KEY = tag(1, WIRE_BYTES);
const VALUE = tag(2, WIRE_BYTES);
const STRING_VALUE = tag(1, WIRE_BYTES);
const INT_VALUE = tag(3, WIRE_VARINT);
const DOUBLE_VALUE = tag(4, WIRE_FIXED64);
/** `ExportTraceServiceRequest`, `ResourceSpans`, `ScopeSpans`, `Resource`, `InstrumentationScope` */
const RESOURCE_SPANS = tag(1, WIRE_BYTES);
const RESOURCE = tag(1, WIRE_BYTES);
const SCOPE_SPANS = tag(2, WIRE_BYTES);
const RESOURCE_ATTRIBUTES = tag(1, WIRE_BYTES);
const SCOPE = tag(1, WIRE_BYTES);
const SCOPE_NAME = tag(1, WIRE_BYTES);
const SCOPE_VERSION = tag(2, WIRE_BYTES);
const SPANS = tag(2, WIRE_BYTES);

const TIMESTAMP_BYTES = 24;
const FIXED64_BYTES = 8;

type Writer = protobuf.Writer;
export type Attributes = readonly (readonly [string, string | number])[];

/** An encoded span of which only the values at these offsets differ between entries. */
export interface SpanTemplate {
  /** With tag and length, as in a request. */
  readonly bytes: Uint8Array;
  readonly traceId: number;
  readonly spanId: number;
  readonly start: number;
  readonly end: number;
  readonly eventId: number;
  readonly timestamp: number;
  /** Offset of the duration: a varint of `durationBytes`, or a double if that is 0. */
  readonly duration: number;
  readonly durationBytes: number;
  /** -1 when the decision has no tool call id. */
  readonly toolCallId: number;
}

/** Ids as text and as bytes; they are overwritten in each copy of a template. */
interface Ids {
  event: string;
  trace: Uint8Array;
  span: Uint8Array;
}

/** Byte sizes that distinguish the templates of a kind. */
interface SpanShape {
  /** Bytes of the varint, 1 to 4; 0 if the duration is not a whole number of milliseconds. */
  duration: number;
  /** -1 for none. */
  toolCallId: number;
}

/** Encodes a span with its ids and shared attributes; other values are placeholders. */
export function encodeTemplate(ids: Ids, shape: SpanShape, attributes: Attributes): SpanTemplate {
  const writer = protobuf.Writer.create();
  writer.uint32(SPAN_TRACE_ID).bytes(ids.trace);
  const traceId = writer.len - ids.trace.length;
  writer.uint32(SPAN_SPAN_ID).bytes(ids.span);
  const spanId = writer.len - ids.span.length;
  writer.uint32(SPAN_START).fixed64(0);
  const start = writer.len - FIXED64_BYTES;
  writer.uint32(SPAN_END).fixed64(0);
  const end = writer.len - FIXED64_BYTES;
  writeStringAttribute(writer, SPAN_ATTRIBUTES, ATTR_EVENT_ID, ids.event);
  const eventId = writer.len - ids.event.length;
  writeStringAttribute(writer, SPAN_ATTRIBUTES, ATTR_DECISION_TIMESTAMP, ' '.repeat(TIMESTAMP_BYTES));
  const timestamp = writer.len - TIMESTAMP_BYTES;
  // 128 to the power n takes one byte more than any smaller number.
  if (shape.duration === 0) writeNumberAttribute(writer, ATTR_DECISION_DURATION, 0.5);
  else writeNumberAttribute(writer, ATTR_DECISION_DURATION, 128 ** (shape.duration - 1));
  const duration = writer.len - (shape.duration === 0 ? FIXED64_BYTES : shape.duration);
  if (shape.toolCallId >= 0)
    writeStringAttribute(writer, SPAN_ATTRIBUTES, ATTR_GEN_AI_TOOL_CALL_ID, ' '.repeat(shape.toolCallId));
  const toolCallId = shape.toolCallId < 0 ? -1 : writer.len - shape.toolCallId;
  writer.uint32(SPAN_NAME).string(SPAN_DECISION).uint32(SPAN_KIND).int32(KIND_INTERNAL);
  for (const [name, value] of attributes) {
    if (typeof value === 'string') writeStringAttribute(writer, SPAN_ATTRIBUTES, name, value);
    else writeNumberAttribute(writer, name, value);
  }
  const span = writer.finish();
  const bytes = protobuf.Writer.create().uint32(SPANS).bytes(span).finish();
  const offset = bytes.length - span.length;
  return {
    bytes,
    traceId: offset + traceId,
    spanId: offset + spanId,
    start: offset + start,
    end: offset + end,
    eventId: offset + eventId,
    timestamp: offset + timestamp,
    duration: offset + duration,
    durationBytes: shape.duration,
    toolCallId: toolCallId < 0 ? -1 : offset + toolCallId,
  };
}

function writeStringAttribute(writer: Writer, field: number, key: string, value: string): void {
  writer
    .uint32(field)
    .fork()
    .uint32(KEY)
    .string(key)
    .uint32(VALUE)
    .fork()
    .uint32(STRING_VALUE)
    .string(value)
    .ldelim()
    .ldelim();
}

function writeNumberAttribute(writer: Writer, key: string, value: number): void {
  writer.uint32(SPAN_ATTRIBUTES).fork().uint32(KEY).string(key).uint32(VALUE).fork();
  if (Number.isSafeInteger(value)) writer.uint32(INT_VALUE).int64(value);
  else writer.uint32(DOUBLE_VALUE).double(value);
  writer.ldelim().ldelim();
}

/** Writes the spans of one resource and one scope into one request. */
export class SpansWriter {
  /**
   * Bytes reserved before the spans for the request's header, which is written last because it holds the spans' length.
   */
  readonly #headerBytes: number;
  readonly #opening: Uint8Array;
  readonly #scope: Uint8Array;
  readonly #spans: number;
  #buffer = Buffer.alloc(0);
  #end: number;

  constructor(resource: Readonly<Record<string, string>>, scope: { name: string; version: string }, spans: number) {
    const attributes = protobuf.Writer.create();
    for (const [key, value] of Object.entries(resource))
      writeStringAttribute(attributes, RESOURCE_ATTRIBUTES, key, value);
    this.#opening = protobuf.Writer.create().uint32(RESOURCE).bytes(attributes.finish()).finish();
    this.#scope = protobuf.Writer.create()
      .uint32(SCOPE)
      .fork()
      .uint32(SCOPE_NAME)
      .string(scope.name)
      .uint32(SCOPE_VERSION)
      .string(scope.version)
      .ldelim()
      .finish();
    // Two tags with lengths of at most five bytes.
    this.#headerBytes = this.#opening.length + this.#scope.length + 12;
    this.#spans = spans;
    this.#end = this.#headerBytes;
  }

  /** Adds a span. @returns its offset in {@link bytes}, to be patched before the next call. */
  add({ bytes }: SpanTemplate): number {
    const start = this.#end;
    this.#end += bytes.length;
    if (this.#end > this.#buffer.length) this.#grow(start, bytes.length);
    this.#buffer.set(bytes, start);
    return start;
  }

  /** Allocates space for spans slightly longer than the first: most differ only in their reason. */
  #grow(filled: number, span: number): void {
    const larger = Buffer.allocUnsafeSlow(
      this.#buffer.length === 0 ? this.#headerBytes + Math.max(1, this.#spans) * (span + 64) : 2 * this.#end,
    );
    larger.set(this.#buffer.subarray(0, filled));
    this.#buffer = larger;
  }

  get bytes(): Buffer {
    return this.#buffer;
  }

  /** Returns the whole request. */
  finish(): Buffer {
    if (this.#buffer.length === 0) this.#grow(0, 0);
    const spans = this.#end - this.#headerBytes;
    const scopeSpans = this.#scope.length + spans;
    const opening = protobuf.Writer.create().uint32(SCOPE_SPANS).uint32(scopeSpans).finish();
    const resourceSpans = this.#opening.length + opening.length + scopeSpans;
    const beginning = Buffer.concat([
      protobuf.Writer.create().uint32(RESOURCE_SPANS).uint32(resourceSpans).finish(),
      this.#opening,
      opening,
      this.#scope,
    ]);
    const from = this.#headerBytes - beginning.length;
    this.#buffer.set(beginning, from);
    return this.#buffer.subarray(from, this.#end);
  }
}

/** Writes a varint. @returns the offset after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let [end, rest] = [at, value];
  for (; rest > 127; rest >>>= 7) bytes[end++] = (rest & 127) | 128;
  bytes[end++] = rest;
  return end;
}

export const TWO_TO_32 = 4_294_967_296;

/** Writes a time in nanoseconds: `ms` milliseconds plus `more` nanoseconds. All intermediate values stay below 2^53. */
export function writeNanoseconds(bytes: Buffer, at: number, ms: number, more: number): void {
  const low = (ms % TWO_TO_32) * 1_000_000 + more;
  const carried = Math.floor(low / TWO_TO_32);
  writeUint32(bytes, at, low - carried * TWO_TO_32);
  writeUint32(bytes, at + 4, Math.floor(ms / TWO_TO_32) * 1_000_000 + carried);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Writes text that is known to be ASCII. */
export function writeAscii(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i += 1) bytes[at + i] = text.charCodeAt(i);
}
