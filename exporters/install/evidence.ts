import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { geminiHome } from './gemini-cli.js';
import { decodeLine } from '../spool/line.js';
import { SEGMENT_PATTERN } from '../spool/location.js';
import type { Client, Places } from './client.js';
import { valueAt } from './reading.js';

/** Bytes read of the end of each file. */
const MAX_TAIL = 4 * 1024 * 1024;

/** Segments, and session files, looked at: the newest. */
const MAX_FILES = 16;

/** When the hook was last called by each agent for a repository: ISO 8601, from the spool. */
export function lastCalls(spool: string, repository: string): ReadonlyMap<string, string> {
  const last = new Map<string, string>();
  const segments = namesIn(spool).filter((name) => SEGMENT_PATTERN.test(name)).sort().reverse().slice(0, MAX_FILES);
  for (const name of segments) {
    for (const line of tailOf(join(spool, name))) {
      const record = decodeLine(line);
      const [agent, timestamp] = [valueAt(record, 'agent'), valueAt(record, 'timestamp')];
      if (valueAt(record, 'repository') !== repository || typeof agent !== 'string' || typeof timestamp !== 'string') continue;
      if (timestamp > (last.get(agent) ?? '')) last.set(agent, timestamp);
    }
  }
  return last;
}

/** A line in which an agent's session file holds a tool call. Codex and Claude Code write a JSON object a line. */
const TOOL_CALL: Readonly<Record<Client['name'], RegExp>> = {
  'claude-code': /"type":"tool_use"/,
  codex: /"type":"(?:function_call|custom_tool_call|local_shell_call)"/,
  'gemini-cli': /"toolCalls":\s*\[\s*\{|"functionCall"/,
};

/** When the agent last used a tool in the project, by its own session files, if after `since`: ISO 8601. */
export function lastToolUse(client: Client['name'], places: Places, since: string): string | undefined {
  const files = sessionFiles(client, places)
    .map((file) => ({ file, changed: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .filter(({ changed }) => changed > Date.parse(since))
    .sort((a, b) => b.changed - a.changed)
    .slice(0, MAX_FILES);
  let last = since;
  for (const { file } of files) {
    for (const line of tailOf(file)) {
      if (!TOOL_CALL[client].test(line)) continue;
      const timestamp = [...line.matchAll(/"timestamp":\s*"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g)].at(-1)?.[1];
      if (timestamp !== undefined && timestamp > last) last = timestamp;
    }
  }
  return last === since ? undefined : last;
}

function sessionFiles(client: Client['name'], places: Places): string[] {
  const { home, env } = places;
  const project = real(resolve(places.project));
  if (client === 'claude-code') {
    const folder = join(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'), 'projects', project.replace(/[^A-Za-z0-9]/g, '-'));
    return namesIn(folder).filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name));
  }
  if (client === 'codex') {
    const days = descend(join(env['CODEX_HOME'] || join(home, '.codex'), 'sessions'), 3);
    const recent = days.slice(-MAX_FILES).flatMap((day) => namesIn(day).filter((name) => name.endsWith('.jsonl')).map((name) => join(day, name)));
    return recent.filter((file) => headOf(file).includes(`"cwd":${JSON.stringify(project)}`));
  }
  const temporary = join(geminiHome(places), '.gemini', 'tmp');
  const hash = createHash('sha256').update(project).digest('hex');
  const own = namesIn(temporary).filter((name) => name === hash || textOf(join(temporary, name, '.project_root')).trim() === project);
  return own.flatMap((name) => namesIn(join(temporary, name, 'chats')).map((file) => join(temporary, name, 'chats', file)));
}

/** Folders so many levels below, by name. */
function descend(folder: string, levels: number): string[] {
  if (levels === 0) return [folder];
  return namesIn(folder).sort().flatMap((name) => descend(join(folder, name), levels - 1));
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
