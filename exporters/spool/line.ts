import { checksum } from './checksum.js';

/** End of a line: `,"crc":"0123abcd"}`. The checksum covers the line without it. */
const TAIL = /,"crc":"([0-9a-f]{8})"\}$/;

/** Start of every line; used to find a complete line after a torn one. */
const HEAD = '{"eventId":"';

/** Returns a line of the spool, newline included: the record as JSON with its checksum as the last field. */
export function encodeLine(record: { readonly eventId: string; readonly [field: string]: unknown }): string {
  const { eventId, ...rest } = record;
  const json = JSON.stringify({ eventId, ...rest });
  return `${json.slice(0, -1)},"crc":"${checksum(json)}"}\n`;
}

/**
 * Returns the record in a line without its newline; undefined if the line has no complete record. A killed writer
 * leaves a line without an end, to which the next writer's line is appended.
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
