import { join } from 'node:path';
import { z } from 'zod';
import { decisionRecord, type DecisionRecord } from '#schemas/records/decision.js';
import { cleanRepositoryName } from '../repository/repository-name.js';
import { scrubText } from '#schemas/scrub.js';
import { decodeLine } from '../spool/line.js';
import type { Item, Source } from './source.js';

// A line of a newer hook loses its unknown fields, but is counted.
const spoolRecord = decisionRecord.strip();
const droppedRecord = z.object({ eventId: z.string(), dropped: z.int().min(1) });

/** A segment of the spool. */
export function segmentSource(folder: string, name: string): Source {
  return { path: join(folder, name), key: name, read: (line) => readSpoolLine(line) };
}

function readSpoolLine(line: string): Item | undefined {
  const value = decodeLine(line);
  const dropped = droppedRecord.safeParse(value);
  if (dropped.success) return { kind: 'dropped', count: dropped.data.dropped };
  const parsed = spoolRecord.safeParse(value);
  const record = parsed.success ? scrubbed(parsed.data) : undefined;
  return record === undefined ? undefined : { kind: 'decision', record };
}

/** Scrubs again: other processes may have written to the file. */
function scrubbed(record: DecisionRecord): DecisionRecord | undefined {
  const repository = cleanRepositoryName(record.repository);
  if (repository === undefined) return undefined;
  const { agentVersion, toolCallId, reason, ruleName, ruleId, actor } = record;
  const optional = (name: keyof DecisionRecord, text: string | undefined, maxLength: number): object =>
    text === undefined ? {} : { [name]: scrubText(text, maxLength) };
  return {
    ...record,
    repository,
    sessionId: scrubText(record.sessionId, 200),
    agent: scrubText(record.agent, 100),
    tool: scrubText(record.tool, 200),
    ...optional('agentVersion', agentVersion, 50),
    ...optional('toolCallId', toolCallId, 200),
    ...optional('reason', reason, 2000),
    ...optional('ruleName', ruleName, 300),
    ...optional('ruleId', ruleId, 64),
    ...optional('actor', actor, 64),
  };
}
