/** Answers rivals.ts: `redact()`, in a process of its own as the rivals are. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { redact } from '#schemas/redaction.js';

const texts = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Record<string, string[]>;

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, name = ''] = line.split(' ');
  const before = process.cpuUsage();
  const found = (texts[name] ?? []).map((text) => Object.keys(redact(text).counts).length > 0);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${JSON.stringify(verb === 'time' ? user + system : found)}\n`);
}
