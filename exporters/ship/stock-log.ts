import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { z } from 'zod';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { hashable } from '#schemas/hashable.js';
import { categoryOf } from '../hook/rule-category.js';
import { repositoryName } from '../repository/repository-name.js';
import { scrubText } from '#schemas/scrub.js';
import type { Source } from './source.js';

/** A line of AgentShield's own runtime log; it has no identity, session or rule. */
const entry = z.object({
  timestamp: z.iso.datetime({ offset: true }),
  tool: z.string().min(1),
  decision: z.enum(['allow', 'block']),
  reason: z.string().optional(),
  durationMs: z.number().min(0).max(86_400_000),
});

/**
 * AgentShield's `.agentshield/runtime.ndjson`, which its stock hook appends to: first what another program rotated it
 * to since, as far as that was being read (`isKnown`) or came after, then the file itself. Equal lines are possible
 * (its clock counts milliseconds), so a record's identity is the file's, the line's place in it, and the line without
 * secrets and persons; a new name changes none of these.
 */
export async function stockLogSources(file: string, isKnown: (key: string) => boolean): Promise<Source[]> {
  const path = resolve(file);
  const current = await logFile(path);
  const rotated: LogFile[] = [];
  for (const name of await namesBeside(path)) {
    const found = isRotated(name, basename(path)) ? await logFile(join(dirname(path), name)) : undefined;
    // A copy that was made before the file was emptied has another identity: it is not followed.
    if (found !== undefined && found.key !== current?.key) rotated.push(found);
  }
  rotated.sort((a, b) => a.mtimeMs - b.mtimeMs);
  const first = rotated.findIndex(({ key }) => isKnown(key));
  const wanted = [...(first < 0 ? [] : rotated.slice(first)), ...(current === undefined ? [] : [current])];
  return wanted.map((one) => sourceOf(one, path));
}

interface LogFile {
  readonly path: string;
  readonly key: string;
  readonly mtimeMs: number;
}

async function logFile(path: string): Promise<LogFile | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() !== true) return undefined;
  return { path, key: `log:${String(stats.dev)}:${String(stats.ino)}`, mtimeMs: stats.mtimeMs };
}

async function namesBeside(path: string): Promise<string[]> {
  return readdir(dirname(path)).catch(() => []);
}

/** `runtime.ndjson.1`, `runtime.ndjson-20261125`, `runtime.1.ndjson` and the like; not what was compressed. */
function isRotated(name: string, log: string): boolean {
  const { name: stem, ext } = parse(log);
  return (
    name !== log &&
    !/\.(gz|bz2|xz|zst)$/.test(name) &&
    (name.startsWith(log) || (name.startsWith(stem) && name.endsWith(ext)))
  );
}

function sourceOf({ path, key }: LogFile, log: string): Source {
  const repository = repositoryName([projectOf(log)], process.env);
  return {
    path,
    key,
    read: (line, start) => {
      const record = readEntry(line, repository, `${key}\0${String(start)}\0${hashable(line)}`);
      return record === undefined ? undefined : { kind: 'decision', record };
    },
  };
}

function readEntry(line: string, repository: string, identity: string): DecisionRecord | undefined {
  const parsed = entry.safeParse(parseJson(line));
  if (!parsed.success) return undefined;
  const { timestamp, tool, decision, reason, durationMs } = parsed.data;
  return {
    eventId: createHash('sha256').update(identity).digest('hex').slice(0, 32),
    timestamp: new Date(timestamp).toISOString(),
    repository,
    sessionId: '',
    agent: '',
    tool: scrubText(tool, 200) || 'unknown',
    decision,
    ...(reason === undefined ? {} : { reason: scrubText(reason, 2000) }),
    // The log does not say which rule it was; its reason is a person's own words for it.
    ...(decision === 'block'
      ? { ruleCategory: categoryOf({ tool, ...(reason === undefined ? {} : { reason }) }) }
      : {}),
    durationMs,
    source: 'ndjson',
  };
}

/** The project a log belongs to: it lies in the project's `.agentshield`, unless the policy names another place. */
function projectOf(path: string): string {
  const folder = dirname(path);
  return basename(folder) === '.agentshield' ? dirname(folder) : folder;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
