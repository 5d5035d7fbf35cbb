import { checksum } from './checksum.js';

/** What ends a line: `,"crc":"0123abcd"}`. The checksum is of the line as it was without it. */
const TAIL = /,"crc":"([0-9a-f]{8})"\}$/;

/** Every line begins so; where a torn line runs into a whole one, the whole one is found by it. */
const HEAD = '{"eventId":"';

/** A line of the spool, newline included: the record as JSON, its checksum as the last field. */
export function encodeLine(record: { readonly eventId: string; readonly [field: string]: unknown }): string {
  const { eventId, ...rest } = record;
  const json = JSON.stringify({ eventId, ...rest });
  return `${json.slice(0, -1)},"crc":"${checksum(json)}"}\n`;
}

/**
 * The record in a line without its newline; undefined when there is none that is whole. A writer that was
 * killed half way leaves a beginning without an end, which the next writer's line then follows.
 */
export function decodeLine(line: string): unknown {
  return verify(line) ?? salvage(line);
}

function salvage(line: string): unknown {
  const start = line.lastIndexOf(HEAD);
  return start > 0 ? verify(line.slice(start)) : undefined;
}

function verify(line: string): unknown {
  const tail = TAIL.exec(line);
  if (tail === null) return undefined;
  const json = `${line.slice(0, tail.index)}}`;
  if (checksum(json) !== tail[1]) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
