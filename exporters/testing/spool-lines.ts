import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { decodeLine, encodeLine } from '../spool/line.js';
import { SEGMENT_PATTERN } from '../spool/location.js';

/** Every record in a spool folder; throws when a line is torn. */
export function spoolRecords(folder: string): DecisionRecord[] {
  return spoolText(folder)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const record = decodeLine(line) as DecisionRecord | undefined;
      if (record === undefined) throw new Error('a torn line');
      return record;
    });
}

/** Every byte of the spool's segments. */
export function spoolText(folder: string): string {
  return readdirSync(folder)
    .filter((name) => SEGMENT_PATTERN.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

/** A spool line as the hook writes it. */
export function spoolLine(index: number, fields: Partial<DecisionRecord> = {}): string {
  const record: DecisionRecord = {
    eventId: `event-${String(index)}`,
    timestamp: new Date(Date.UTC(2026, 10, 24, 8, 0, 0, index)).toISOString(),
    repository: 'acme/app',
    sessionId: 'session-1',
    agent: 'claude-code',
    tool: 'Bash',
    decision: 'allow',
    durationMs: 1.5,
    source: 'hook',
    ...fields,
  };
  return encodeLine(record);
}
