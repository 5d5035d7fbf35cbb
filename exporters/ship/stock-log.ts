import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { categoryOf } from '../hook/rule-category.js';
import { repositoryName } from '../repository/repository-name.js';
import { scrubText } from '../scrub.js';
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
 * AgentShield's `.agentshield/runtime.ndjson`, which its stock hook appends to and nobody rotates;
 * undefined while there is none. Equal lines are possible (its clock counts milliseconds), so a record's
 * identity is the file's, the line's place in it, and the line.
 */
export async function stockLogSource(file: string): Promise<Source | undefined> {
  const path = resolve(file);
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return undefined;
  const key = `log:${String(stats.dev)}:${String(stats.ino)}`;
  const repository = repositoryName([projectOf(path)], process.env);
  return {
    path,
    key,
    read: (line, start) => {
      const record = readEntry(line, repository, `${key}\0${String(start)}\0${line}`);
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
    ...(decision === 'block' ? { ruleCategory: categoryOf({ tool, ...(reason === undefined ? {} : { reason }) }) } : {}),
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
