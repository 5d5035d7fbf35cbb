import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { z } from 'zod';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { hashable } from '#schemas/hashable.js';
import { scrubText } from '#schemas/scrub.js';
import { categoryOf } from '../hook/rule-category.js';
import { repositoryName } from '../repository/repository-name.js';
import type { Source } from './source.js';
import { environment } from '../environment.js';

/** A line of AgentShield's own runtime log; it has no id, session or rule. */
const entry = z.object({
  timestamp: z.iso.datetime({ offset: true }),
  tool: z.string().min(1),
  decision: z.enum(['allow', 'block']),
  reason: z.string().optional(),
  durationMs: z.number().min(0).max(86_400_000),
});

/**
 * Returns the files of AgentShield's `.agentshield/runtime.ndjson`, to which its stock hook appends: first the rotated
 * ones that were being read (`isKnown`) or are newer, then the file itself. Lines may be equal (its clock has
 * milliseconds), so a record's id is derived from the file, the line's position, and the scrubbed line; renaming the
 * file changes none of these.
 */
export async function stockLogSources(file: string, isKnown: (key: string) => boolean): Promise<Source[]> {
  const path = resolve(file);
  const current = await logFile(path);
  const rotated: LogFile[] = [];
  for (const name of await namesBeside(path)) {
    const found = isRotated(name, basename(path)) ? await logFile(join(dirname(path), name)) : undefined;
    // A copy made before the file was truncated has another id: it is not followed.
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

/** Matches `runtime.ndjson.1`, `runtime.ndjson-20261125`, `runtime.1.ndjson` and the like, but no compressed files. */
function isRotated(name: string, log: string): boolean {
  const { name: stem, ext } = parse(log);
  return (
    name !== log &&
    !/\.(gz|bz2|xz|zst)$/.test(name) &&
    (name.startsWith(log) || (name.startsWith(stem) && name.endsWith(ext)))
  );
}

function sourceOf({ path, key }: LogFile, log: string): Source {
  const repository = repositoryName([projectOf(log)], environment);
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
    // The log does not name the rule; its reason is the policy author's text for it.
    ...(decision === 'block'
      ? { ruleCategory: categoryOf({ tool, ...(reason === undefined ? {} : { reason }) }) }
      : {}),
    durationMs,
    source: 'ndjson',
  };
}

/** Returns the project of a log: the parent of its `.agentshield` folder, unless the policy names another place. */
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
