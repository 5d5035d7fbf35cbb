import { ShieldwatchError } from '#schemas/errors.js';
import { sha256Hex } from '#schemas/hash.js';
import type { RuntimeBody, RuntimeEntry } from '#schemas/http/ingest-runtime.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { redactText } from '#schemas/redaction.js';
import { producerResource, SCOPE } from '../telemetry/producer.js';
import { createKinds, scrubbed } from './decision-kinds.js';
import { createEventIds } from './event-ids.js';
import { createTimeReader } from './event-time.js';
import { layOutHead, SpansWriter, writeAscii, writeNanoseconds, writeVarint, type HeadShape, type SpanHead } from './span-bytes.js';

/** A batch of the runtime log as the OTLP request (protobuf) that our own hook would have sent. */
export interface RuntimeRequest {
  bytes: Buffer;
  blocked: number;
  allowed: number;
}

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const MADE_ID_LENGTH = 32;

/**
 * Each entry as a span, scrubbed, with its identity. One pass, no object for an entry: a batch has thousands of them.
 *
 * @throws ShieldwatchError 400 when an entry is dated where no fact can be, or names itself by a secret.
 */
export function toOtlp(body: RuntimeBody, repository: string, orgId: string): RuntimeRequest {
  const writer = new SpansWriter(producerResource(repository), SCOPE, body.entries.length);
  const kindOf = createKinds(body, repository);
  const readTime = createTimeReader(Date.now());
  const ids = createEventIds();
  const headOf = createHeads();
  const organisation = Buffer.from(sha256Hex(orgId), 'hex');
  let [blocked, allowed] = [0, 0];
  let index = 0;
  const field = (): string => `entries[${String(index)}].timestamp`;
  for (const entry of body.entries) {
    const time = readTime(entry.timestamp, field);
    const sentId = eventIdOf(entry, index);
    const toolCallId = scrubbed(entry.toolCallId, 200);
    const durationMs = entry.durationMs ?? 0;
    const kind = kindOf(entry);
    const head = headOf(sentId?.length ?? MADE_ID_LENGTH, durationMs, toolCallId);
    const at = writer.add(head, kind.tail);
    const { bytes } = writer;
    if (sentId === undefined) {
      writeMadeIds(bytes, at, head, ids.hashOf(kind.identity[0] + time.exact + kind.identity[1], time.ms), organisation);
    } else {
      // With the organisation: another one may well send the same event id, and its spans are not these.
      const { traceId, spanId } = decisionSpanIds(`${orgId}\0${sentId}`);
      bytes.write(traceId, at + head.traceId, 'hex');
      bytes.write(spanId, at + head.spanId, 'hex');
      writeAscii(bytes, at + head.eventId, sentId);
    }
    writeAscii(bytes, at + head.timestamp, time.iso);
    writeNanoseconds(bytes, at + head.start, time.ms, 0);
    writeNanoseconds(bytes, at + head.end, time.ms, Math.round(durationMs * 1_000_000));
    if (head.durationBytes === 0) bytes.writeDoubleLE(durationMs, at + head.duration);
    else writeVarint(bytes, at + head.duration, durationMs);
    if (toolCallId !== undefined) bytes.write(toolCallId, at + head.toolCallId, 'utf8');
    if (entry.decision === 'block') blocked += 1;
    if (entry.decision === 'allow') allowed += 1;
    index += 1;
  }
  return { bytes: writer.finish(), blocked, allowed };
}

const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

/**
 * The id is a hash already, so trace and span id are its own bytes, turned about by the organisation: another one may have
 * a repository, session and decision of the same name, and its spans are not these.
 */
function writeMadeIds(bytes: Uint8Array, at: number, head: SpanHead, hash: string, organisation: Uint8Array): void {
  const [trace, span, id] = [at + head.traceId, at + head.spanId, at + head.eventId];
  for (let i = 0; i < TRACE_ID_BYTES; i += 1) {
    const high = hash.charCodeAt(2 * i);
    const low = hash.charCodeAt(2 * i + 1);
    bytes[id + 2 * i] = high;
    bytes[id + 2 * i + 1] = low;
    const byte = ((DIGITS[high] ?? 0) << 4) | (DIGITS[low] ?? 0);
    bytes[trace + i] = byte ^ (organisation[i] ?? 0);
    if (i < SPAN_ID_BYTES) bytes[span + i] = byte ^ (organisation[TRACE_ID_BYTES + i] ?? 0);
  }
}

function eventIdOf(entry: RuntimeEntry, index: number): string | undefined {
  const { eventId } = entry;
  if (eventId === undefined || eventId === null) return undefined;
  // Masking it would give two events one identity, so it is refused instead.
  if (redactText(eventId) !== eventId) {
    const field = `entries[${String(index)}].eventId`;
    throw new ShieldwatchError('body_invalid', `${field} looks like a secret`, { field, expected: 'an id that is no secret' });
  }
  return eventId;
}

/** Heads by their shape: of a batch there are few. */
function createHeads(): (eventId: number, durationMs: number, toolCallId: string | undefined) => SpanHead {
  const heads = new Map<number, SpanHead>();
  return (eventId, durationMs, toolCallId) => {
    const shape: HeadShape = { eventId, duration: varintBytes(durationMs), toolCallId: toolCallId === undefined ? -1 : Buffer.byteLength(toolCallId) };
    const key = (shape.eventId * 8 + shape.duration) * 1_024 + shape.toolCallId + 1;
    let head = heads.get(key);
    if (head === undefined) {
      head = layOutHead(shape);
      heads.set(key, head);
    }
    return head;
  };
}

/** 0: it is no whole number. */
function varintBytes(value: number): number {
  if (!Number.isSafeInteger(value)) return 0;
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}
