import { setImmediate as nextTurn } from 'node:timers/promises';

/** Entries of a list that are written in one turn of the event loop. */
const ENTRIES = 500;

/** Writes an object as JSON, a part of each of its lists in a turn of the event loop, so that a long answer holds up nobody. */
export async function jsonInTurns(value: object): Promise<Buffer> {
  const parts: Buffer[] = [];
  let separator = '{';
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const start = `${separator}${JSON.stringify(name)}:`;
    separator = ',';
    if (!Array.isArray(member)) {
      parts.push(Buffer.from(start + JSON.stringify(member)));
      continue;
    }
    parts.push(Buffer.from(`${start}[`));
    for (let at = 0; at < member.length; at += ENTRIES) {
      const text = JSON.stringify(member.slice(at, at + ENTRIES)).slice(1, -1);
      parts.push(Buffer.from(at === 0 ? text : `,${text}`));
      await nextTurn();
    }
    parts.push(Buffer.from(']'));
  }
  parts.push(Buffer.from(separator === '{' ? '{}' : '}'));
  return Buffer.concat(parts);
}
