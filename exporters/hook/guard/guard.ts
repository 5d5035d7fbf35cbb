import type { ToolCall } from '../tool-call.js';
import { actionOf, isWriting } from '../tool-names.js';
import { mayHoldPatch } from '../patch.js';
import { editsOf, textNow, type Edit } from './edits.js';
import { guardedKind, guardedPath, holdsGuarded, isGuardedFolder, type GuardPlaces } from './guarded.js';
import { loosened } from './policy-change.js';
import { settingsHarm } from './settings.js';
import { shellHarm } from './shell.js';

/** Tools that only read, by their name. */
const READS = /(?:^|_)(?:get|read|list|search|find|stat|view|show|fetch|query|describe|ls|cat|tree|info)(?:_|$)/i;

/**
 * Returns why a call would disable or weaken the guard: it edits, or by its command text could edit, the policy, the
 * settings that call the hook, the hook itself or its data. An edit of policy or settings is judged by its result.
 * Undefined if no reason is found.
 */
export function findGuardHarm(
  { tool, input, cwd }: Pick<ToolCall, 'tool' | 'input' | 'cwd'>,
  places: GuardPlaces,
): string | undefined {
  const action = actionOf(tool);
  if (
    action === 'read' ||
    action === 'search-files' ||
    action === 'find-files' ||
    action === 'fetch' ||
    action === 'search-web' ||
    action === 'agent'
  )
    return undefined;
  const value: unknown = input === '' ? undefined : JSON.parse(input);
  if (action === 'shell') {
    for (const command of commandsIn(value)) {
      const harm =
        shellHarm(command, places, /powershell/i.test(tool)) ??
        (mayHoldPatch(command) ? editHarm(tool, { command }, places) : undefined);
      if (harm !== undefined) return harm;
    }
    return undefined;
  }
  if (!isWriting(action) && READS.test(tool.slice(tool.lastIndexOf('__') + 1))) return undefined;
  return editHarm(tool, value, { ...places, cwd });
}

/** Strings that a shell tool runs: a command, or its words. */
function commandsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, it]: [string, unknown]) => {
    if (typeof it === 'string') return key === 'description' ? [] : [it];
    if (!Array.isArray(it)) return [];
    const words = it.map(String);
    // A word that is itself a script is passed to a shell after `-c`.
    return [words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')];
  });
}

function editHarm(tool: string, value: unknown, places: GuardPlaces): string | undefined {
  for (const edit of editsOf(tool, value, places.cwd)) {
    const harm = harmOf(edit, places);
    if (harm !== undefined) return harm;
  }
  return undefined;
}

function harmOf({ path, after }: Edit, places: GuardPlaces): string | undefined {
  const kind = guardedKind(path, places);
  if (kind === undefined) {
    const isHarm = after === 'gone' ? holdsGuarded(path, places) : after === 'unknown' && isGuardedFolder(path, places);
    return isHarm ? 'it would move, remove or replace a folder of guarded files' : undefined;
  }
  if (kind === 'own') return 'only the guard itself writes there';
  if (after === 'unknown') return kind === 'dotenv' ? undefined : 'the call does not show what the file would contain';
  let before: string | undefined;
  try {
    before = textNow(path);
  } catch {
    return 'the file cannot be read, so the result of the edit is unknown';
  }
  const text = after === 'gone' ? undefined : after.text;
  return kind === 'policy'
    ? loosened(before, text)
    : settingsHarm(kind, guardedPath(path, places), before, text, places);
}
