import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { geminiHome } from './gemini-cli.js';
import { decodeLine } from '../spool/line.js';
import { SEGMENT_PATTERN } from '../spool/location.js';
import type { Client, Places } from './client.js';
import { valueAt } from './reading.js';

/** Bytes that are read from the end of each file. */
const MAX_TAIL = 4 * 1024 * 1024;

/** Maximum number of segments and session files that are read, newest first. */
const MAX_FILES = 16;

/** One record of the spool, as evidence that the hook was called. */
export interface RecordedCall {
  readonly agent: string;
  readonly repository: string;
  readonly sessionId: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly toolCallId: string;
  readonly isBlocked: boolean;
}

/** Returns the newest records of a spool. */
export function recordedCalls(spool: string): RecordedCall[] {
  const segments = namesIn(spool)
    .filter((name) => SEGMENT_PATTERN.test(name))
    .sort()
    .reverse()
    .slice(0, MAX_FILES);
  return segments
    .flatMap((name) => tailOf(join(spool, name)))
    .flatMap((line) => {
      const record = decodeLine(line);
      const at = (key: string): string => {
        const value = valueAt(record, key);
        return typeof value === 'string' ? value : '';
      };
      if (at('agent') === '' || at('timestamp') === '') return [];
      return [
        {
          agent: at('agent'),
          repository: at('repository'),
          sessionId: at('sessionId'),
          timestamp: at('timestamp'),
          toolCallId: at('toolCallId'),
          isBlocked: at('decision') === 'block',
        },
      ];
    });
}

/** Returns the newest timestamp of calls; undefined without calls. */
export function lastOf(calls: readonly RecordedCall[]): string | undefined {
  return calls
    .map(({ timestamp }) => timestamp)
    .sort()
    .at(-1);
}

/** Matches a line of an agent's session file with a tool call. Codex and Claude Code write one JSON object per line. */
const TOOL_CALL: Readonly<Record<Client['name'], RegExp>> = {
  'claude-code': /"type":"tool_use"/,
  codex: /"type":"(?:function_call|custom_tool_call|local_shell_call)"/,
  'gemini-cli': /"toolCalls":\s*\[\s*\{|"functionCall"/,
};

/** Session files are written shortly after the hook was called. */
const SLACK_MS = 10_000;

/**
 * Returns when the agent last used a tool in the project, by its own session files, if later than `since` (ISO 8601)
 * and later than every call of that session that the hook received. Ignores calls with input that Claude Code itself
 * refuses, which reach no hook.
 */
export function lastToolUse(
  client: Client['name'],
  places: Places,
  since: string,
  calls: readonly RecordedCall[],
): string | undefined {
  let last: string | undefined;
  for (const file of recentSessions(client, places, since)) {
    const known = lastOf(calls.filter(({ sessionId }) => sessionId !== '' && namesSession(client, file, sessionId)));
    const after = new Date(
      Date.parse([since, known ?? ''].sort().at(-1) || '1970-01-01T00:00:00Z') + SLACK_MS,
    ).toISOString();
    const lines = tailOf(file);
    const refused =
      client === 'claude-code'
        ? new Set(resultsIn(lines).flatMap(({ id, isRefused }) => (isRefused ? [id] : [])))
        : new Set<string>();
    for (const line of lines) {
      if (!TOOL_CALL[client].test(line) || isAll(refused, line)) continue;
      const timestamp = [...line.matchAll(/"timestamp":\s*"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g)].at(-1)?.[1];
      if (timestamp !== undefined && timestamp > after && timestamp > (last ?? '')) last = timestamp;
    }
  }
  return last;
}

/** Returns whether every tool call in a line of Claude Code's is in the set. */
function isAll(ids: ReadonlySet<string>, line: string): boolean {
  if (ids.size === 0) return false;
  const named = [...line.matchAll(/"type":"tool_use","id":"([^"]+)"/g)].map(([, id = '']) => id);
  return named.length > 0 && named.every((id) => ids.has(id));
}

/** Returns session files changed after a time, newest first. */
function recentSessions(client: Client['name'], places: Places, since: string): string[] {
  return sessionFiles(client, places)
    .map((file) => ({ file, changed: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .filter(({ changed }) => changed > Date.parse(since || '1970-01-01T00:00:00Z'))
    .sort((a, b) => b.changed - a.changed)
    .slice(0, MAX_FILES)
    .map(({ file }) => file);
}

/** Returns whether a session file belongs to a session: each names it, Gemini CLI by its first eight characters. */
function namesSession(client: Client['name'], file: string, sessionId: string): boolean {
  return basename(file).includes(client === 'gemini-cli' ? sessionId.slice(0, 8) : sessionId);
}

/** Claude Code's entry for the end of a call. */
interface Result {
  readonly id: string;
  /** It did not run because the tool does not accept its input. */
  readonly isRefused: boolean;
  /** It was allowed. */
  readonly isAccepted: boolean;
  readonly timestamp: string;
}

function resultsIn(lines: readonly string[]): Result[] {
  return lines
    .filter((line) => line.includes('"tool_result"') && line.includes('"tool_use_id"'))
    .flatMap((line) => {
      const entry = parsed(line);
      const content = valueAt(entry, 'message', 'content');
      return (Array.isArray(content) ? content : []).flatMap((block: unknown): Result[] => {
        const [id, text, timestamp] = [
          valueAt(block, 'tool_use_id'),
          valueAt(block, 'content'),
          valueAt(entry, 'timestamp'),
        ];
        if (typeof id !== 'string' || typeof timestamp !== 'string') return [];
        const isRefused = typeof text === 'string' && text.startsWith('<tool_use_error>');
        return [
          { id, isRefused, isAccepted: valueAt(entry, 'permissionDecision', 'decision') === 'accept', timestamp },
        ];
      });
    });
}

/**
 * Returns the times (ISO 8601) of calls that the hook denied and that Claude Code ran nevertheless, by its own session
 * files. A mod of a plugin can cause that, and one given by `--plugin-dir` leaves no other trace.
 */
export function overruledCalls(
  client: Client['name'],
  places: Places,
  since: string,
  calls: readonly RecordedCall[],
): string[] {
  if (client !== 'claude-code') return [];
  const denied = new Set(
    calls
      .filter(
        ({ agent, isBlocked, toolCallId, timestamp }) =>
          agent === client && isBlocked && toolCallId !== '' && timestamp > since,
      )
      .map(({ sessionId, toolCallId }) => `${sessionId}/${toolCallId}`),
  );
  if (denied.size === 0) return [];
  return recentSessions(client, places, since).flatMap((file) =>
    resultsIn(tailOf(file))
      .filter(({ id, isAccepted }) => isAccepted && denied.has(`${basename(file, '.jsonl')}/${id}`))
      .map(({ timestamp }) => timestamp),
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function sessionFiles(client: Client['name'], places: Places): string[] {
  const { home, env } = places;
  const project = real(resolve(places.project));
  if (client === 'claude-code') {
    const folder = join(
      env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'),
      'projects',
      project.replace(/[^A-Za-z0-9]/g, '-'),
    );
    return namesIn(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(folder, name));
  }
  if (client === 'codex') {
    const days = descend(join(env['CODEX_HOME'] || join(home, '.codex'), 'sessions'), 3);
    const recent = days.slice(-MAX_FILES).flatMap((day) =>
      namesIn(day)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => join(day, name)),
    );
    return recent.filter((file) => headOf(file).includes(`"cwd":${JSON.stringify(project)}`));
  }
  const temporary = join(geminiHome(places), '.gemini', 'tmp');
  const hash = createHash('sha256').update(project).digest('hex');
  const own = namesIn(temporary).filter(
    (name) => name === hash || textOf(join(temporary, name, '.project_root')).trim() === project,
  );
  return own.flatMap((name) =>
    namesIn(join(temporary, name, 'chats')).map((file) => join(temporary, name, 'chats', file)),
  );
}

/** Returns folders at that depth, by name. */
function descend(folder: string, levels: number): string[] {
  if (levels === 0) return [folder];
  return namesIn(folder)
    .sort()
    .flatMap((name) => descend(join(folder, name), levels - 1));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function tailOf(file: string): string[] {
  return part(file, true).split('\n');
}

function headOf(file: string): string {
  return part(file, false);
}

function part(file: string, isTail: boolean): string {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(size, isTail ? MAX_TAIL : 65_536));
      const length = readSync(descriptor, bytes, 0, bytes.length, isTail ? size - bytes.length : 0);
      return bytes.toString('utf8', 0, length);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
}
