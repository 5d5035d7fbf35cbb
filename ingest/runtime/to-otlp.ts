import { ShieldwatchError } from '#schemas/errors.js';
import type { RuntimeBody, RuntimeEntry } from '#schemas/http/ingest-runtime.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { redactText } from '#schemas/redaction.js';
import { producerResource, SCOPE } from '../report/producer.js';
import { createKinds, scrubbed } from './decision-kinds.js';
import { mixInTime, writeTimeDigits } from './event-ids.js';
import { createTimeReader } from './event-time.js';
import { SpansWriter, writeAscii, writeNanoseconds, writeVarint } from './span-bytes.js';

/** A batch of the runtime log as the OTLP request (protobuf) that our own hook would have sent. */
export interface RuntimeRequest {
  bytes: Buffer;
  blocked: number;
  allowed: number;
}

/**
 * Converts a batch to redacted spans with ids, in one pass and without an object per entry, because a batch has
 * thousands.
 *
 * @throws ShieldwatchError 400 when an entry's time is outside the range of facts, or its event id looks like a secret.
 */
export function toOtlp(body: RuntimeBody, repository: string, orgId: string): RuntimeRequest {
  const writer = new SpansWriter(producerResource(repository), SCOPE, body.entries.length);
  const kindOf = createKinds(body, repository, orgId);
  const readTime = createTimeReader(Date.now());
  let [blocked, allowed] = [0, 0];
  let index = 0;
  const field = (): string => `entries[${String(index)}].timestamp`;
  for (const entry of body.entries) {
    const time = readTime(entry.timestamp, field);
    const sentId = eventIdOf(entry, index);
    const toolCallId = scrubbed(entry.toolCallId, 200);
    const durationMs = entry.durationMs ?? 0;
    const kind = kindOf(entry);
    const template = kind.template(
      sentId?.length ?? 0,
      durationMs,
      toolCallId === undefined ? -1 : Buffer.byteLength(toolCallId),
    );
    const at = writer.add(template);
    const { bytes } = writer;
    if (sentId === undefined) {
      const identity = time.exact === time.iso ? kind.identity : kind.identityAt(time.exact);
      const base = identity.next(time.ms);
      if (base !== kind.identity.base) {
        bytes.set(base.trace, at + template.traceId);
        bytes.set(base.span, at + template.spanId);
        writeAscii(bytes, at + template.eventId, base.event);
      }
      writeTimeDigits(bytes, at + template.eventId, time.ms);
      mixInTime(bytes, at + template.traceId, at + template.spanId, time.ms);
    } else {
      // Includes the organisation, because two organisations may send the same event id.
      const { traceId, spanId } = decisionSpanIds(`${orgId}\0${sentId}`);
      bytes.write(traceId, at + template.traceId, 'hex');
      bytes.write(spanId, at + template.spanId, 'hex');
      writeAscii(bytes, at + template.eventId, sentId);
    }
    writeAscii(bytes, at + template.timestamp, time.iso);
    writeNanoseconds(bytes, at + template.start, time.ms, 0);
    writeNanoseconds(bytes, at + template.end, time.ms, Math.round(durationMs * 1_000_000));
    if (template.durationBytes === 0) bytes.writeDoubleLE(durationMs, at + template.duration);
    else writeVarint(bytes, at + template.duration, durationMs);
    if (toolCallId !== undefined) bytes.write(toolCallId, at + template.toolCallId, 'utf8');
    if (entry.decision === 'block') blocked += 1;
    if (entry.decision === 'allow') allowed += 1;
    index += 1;
  }
  return { bytes: writer.finish(), blocked, allowed };
}

function eventIdOf(entry: RuntimeEntry, index: number): string | undefined {
  const { eventId } = entry;
  if (eventId === undefined || eventId === null) return undefined;
  // Rejected instead of masked: masking would give two events one id.
  if (redactText(eventId) !== eventId) {
    const field = `entries[${String(index)}].eventId`;
    throw new ShieldwatchError('body_invalid', `${field} looks like a secret`, {
      field,
      expected: 'an id that does not look like a secret',
    });
  }
  return eventId;
}
