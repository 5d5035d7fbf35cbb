import { lstatSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import type { Subject } from './subject.js';
import type { ToolCall } from './tool-call.js';
import { actionOf, isWriting } from './tool-names.js';

// Lists of lower-case words instead of regular expressions: compiling one that ignores case takes longer than
// everything else.

/** Every guarded path contains one of these, except the guard's own folders. */
const NAMES = [
  'agentshield',
  'runtime-policy',
  '.claude',
  '.codex',
  '.gemini',
  'settings',
  'hooks.json',
  'hook.cjs',
  'config.toml',
  'shieldwatch',
  'gemini-cli',
  'claude-code',
  'codex',
  '.env',
];

/** Pattern characters and program words that reach files without naming them. */
const PATTERNS = ['*', '?', '[', ']', "$'", '{'];
const PROGRAMS = [
  'rm',
  'mv',
  'ln',
  'find',
  'rsync',
  'rmdir',
  'shred',
  'chmod',
  'chown',
  'cp',
  'tar',
  'unzip',
  'clean',
  'claude',
  'codex',
  'gemini',
  'eval',
  'remove-item',
  'move-item',
];

/**
 * Returns false if a call certainly touches no guarded file, by a check that costs a hook almost nothing. Otherwise
 * {@link findGuardHarm} has to be loaded.
 *
 * @param own files and folders of the guard's own.
 */
export function mayTouchGuard(
  { tool, input, cwd }: Pick<ToolCall, 'tool' | 'input' | 'cwd'>,
  { texts, paths }: Subject,
  own: readonly string[],
): boolean {
  const action = actionOf(tool);
  if (isWriting(action)) return action === 'move' || paths.some((path) => isNamed(path, own) || leadsElsewhere(path));
  if (action === undefined) return isNamed(input, own) || paths.length > 0;
  if (action !== 'shell') return false;
  if (isInGuarded(cwd, own)) return true;
  return texts.some((text, index) => index > 0 && (reaches(text.toLowerCase()) || isNamed(withoutQuotes(text), own)));
}

function isNamed(text: string, own: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return NAMES.some((name) => lower.includes(name)) || own.some((path) => text.includes(basename(path)));
}

/** Names in the path of a working folder below which every file is guarded. */
const FOLDERS = [
  'agentshield',
  '.claude',
  '.codex',
  '.gemini',
  'managed-settings',
  'gemini-cli',
  'claude-code',
  'codex',
];

function isInGuarded(cwd: string, own: readonly string[]): boolean {
  const lower = `${cwd.toLowerCase()}/`;
  return (
    FOLDERS.some((name) => lower.includes(name)) ||
    own.some((path) => lower.includes(`/${basename(path).toLowerCase()}/`))
  );
}

function withoutQuotes(text: string): string {
  return ['"', "'", '\\'].some((quote) => text.includes(quote)) ? text.replace(/["'\\]/g, '') : text;
}

function reaches(lower: string): boolean {
  // A name may be built from variables.
  if (lower.includes('$') && lower.includes('=')) return true;
  return PATTERNS.some((pattern) => lower.includes(pattern)) || PROGRAMS.some((program) => hasWord(lower, program));
}

/** Returns whether a text contains a word without an adjacent letter, digit or underscore. */
function hasWord(lower: string, word: string): boolean {
  for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1)) {
    if (!isWordAt(lower, at - 1) && !isWordAt(lower, at + word.length)) return true;
  }
  return false;
}

function isWordAt(lower: string, at: number): boolean {
  const code = lower.charCodeAt(at);
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 95;
}

/** Returns whether a path contains a symbolic link. */
function leadsElsewhere(path: string): boolean {
  if (!path.startsWith('/')) return false;
  for (let folder = path; folder !== ''; folder = folder.slice(0, folder.lastIndexOf('/'))) {
    try {
      return realpathSync.native(folder) !== folder;
    } catch {
      // Does not exist, unless as a dangling link; its parent may exist.
      if (isLink(folder)) return true;
    }
  }
  return false;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
