import { lstatSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import type { Subject } from './subject.js';
import type { ToolCall } from './tool-call.js';
import { actionOf, isWriting } from './tool-names.js';

/** One of these stands in the path of everything that is guarded, beside the guard's own folders. */
const NAMES = /agentshield|runtime-policy|\.claude|\.codex|\.gemini|settings|hooks\.json|config\.toml|shieldwatch|gemini-cli|claude-code|codex|\.env/i;

/** Programs and patterns that reach files without naming them. */
const REACHES = /[*?[\]]|\$'|\b(?:rm|mv|ln|find|rsync|rmdir|shred|chmod|chown|cp|tar|unzip|clean|claude|codex|gemini|eval|remove-item|move-item)\b/i;

/**
 * False where a call surely touches nothing that is guarded, by a look that costs a hook next to nothing: what is asked
 * then ({@link guardHarm}) has to be loaded first.
 *
 * @param own files and folders of the guard's own.
 */
export function mayTouchGuard({ tool, input, cwd }: Pick<ToolCall, 'tool' | 'input' | 'cwd'>, { texts, paths }: Subject, own: readonly string[]): boolean {
  const action = actionOf(tool);
  if (isWriting(action)) return action === 'move' || paths.some((path) => isNamed(path, own) || leadsElsewhere(path));
  if (action === undefined) return isNamed(input, own) || paths.length > 0;
  if (action !== 'shell') return false;
  if (isNamed(cwd, own)) return true;
  return texts.some((text, index) => index > 0 && (REACHES.test(text) || isNamed(/["'\\]/.test(text) ? text.replace(/["'\\]/g, '') : text, own)));
}

function isNamed(text: string, own: readonly string[]): boolean {
  return NAMES.test(text) || own.some((path) => text.includes(basename(path)));
}

/** Whether a link stands in a path. */
function leadsElsewhere(path: string): boolean {
  if (!path.startsWith('/')) return false;
  for (let folder = path; folder !== ''; folder = folder.slice(0, folder.lastIndexOf('/'))) {
    try {
      return realpathSync.native(folder) !== folder;
    } catch {
      // Not there, unless as a link without an end; what is above it may be.
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
