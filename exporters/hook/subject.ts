import { realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { mayHoldPatch, patchedFiles } from './patch.js';
import type { PolicyMode } from './policy-mode.js';
import type { ToolCall } from './tool-call.js';
import { actionOf, fellowNames, policyNames } from './tool-names.js';

/** What of a call the rules of a policy are held against. */
export interface Subject {
  /** Names under which its tool is looked up. */
  readonly names: readonly string[];
  /** Texts that a pattern is tested on; any match counts. */
  readonly texts: readonly string[];
  /** Names of other tools whose patterns are tested on `paths`. */
  readonly fellows: readonly string[];
  /** Paths the call acts on: as given, from the root, and with links followed. */
  readonly paths: readonly string[];
}

/** A path with links followed, as far as there are files. */
function realPath(path: string): string {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      return join(realpathSync.native(folder), path.slice(folder.length));
    } catch {
      if (folder === dirname(folder)) return path;
    }
  }
}

const PATH_KEYS = /path|file|source|destination|target|uri|^(?:from|to)$/i;

/** Characters of a path; what is longer stands under such a key but is none. */
const MAX_PATH = 4096;

/**
 * The input as JSON text, and in every mode but `stock` also each string in it as the tool will read it: JSON writes a
 * tab as two characters, and `^` and `$` do not match where a string begins and ends.
 */
export function subjectOf({ tool, input, cwd }: Pick<ToolCall, 'tool' | 'input' | 'cwd'>, mode: PolicyMode): Subject {
  if (mode === 'stock') return { names: [tool], texts: [input], fellows: [], paths: [] };
  const action = actionOf(tool);
  const hasPatch = mayHoldPatch(input);
  const texts = [input];
  const paths: string[] = [];
  const addPath = (path: string): void => {
    const plain = path.startsWith('file://') ? path.slice(7) : path;
    const absolute = resolve(cwd, plain);
    const real = realPath(absolute);
    paths.push(path, absolute, ...(real === absolute ? [] : [real]));
  };
  const takesPaths = fellowNames(action).length > 0;
  const value: unknown = input === '' ? undefined : JSON.parse(input);
  visitStrings(value, texts, takesPaths ? addPath : undefined);
  if (action === 'shell') texts.push(...texts.slice(1).flatMap(asShellReads));
  const names = new Set(policyNames(tool, action));
  if (!hasPatch) return { names: [...names], texts: [...texts, ...paths], fellows: fellowNames(action), paths };
  // Codex also takes a patch from a shell command.
  for (const name of policyNames(tool, 'patch')) names.add(name);
  for (const { path, movedTo, lines } of texts.slice(1).flatMap((text) => (mayHoldPatch(text) ? patchedFiles(text) : []))) {
    addPath(path);
    if (movedTo !== undefined) addPath(movedTo);
    texts.push(lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1)).join('\n'));
  }
  texts.push(...paths);
  return { names: [...names], texts, fellows: fellowNames('patch'), paths };
}

/** Adds every string in a value, and lists of words also as one text; tells the strings that stand where a path does. */
function visitStrings(value: unknown, texts: string[], addPath: ((path: string) => void) | undefined): void {
  const left: { value: unknown; isPath: boolean }[] = [{ value, isPath: false }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value: it, isPath } = next;
    if (typeof it === 'string') {
      texts.push(it);
      if (isPath && it.length <= MAX_PATH) addPath?.(it);
    } else if (Array.isArray(it)) {
      const words: unknown[] = it;
      if (words.length > 1 && words.every((word) => typeof word === 'string')) texts.push(words.join(' '));
      for (const item of words) left.push({ value: item, isPath });
    } else if (typeof it === 'object' && it !== null) {
      const { command, args } = it as { command?: unknown; args?: unknown };
      if (typeof command === 'string' && Array.isArray(args)) texts.push([command, ...(args as unknown[]).map(String)].join(' '));
      for (const [key, item] of Object.entries(it)) left.push({ value: item, isPath: addPath !== undefined && PATH_KEYS.test(key) });
    }
  }
}

/**
 * A command with its continued lines joined, as every shell does before anything else, and once more without quotes
 * and escapes: `r''m -rf` runs `rm -rf`. What an expansion becomes is unknown from the text.
 */
function asShellReads(command: string): string[] {
  if (!/["'\\$`]/.test(command)) return [];
  const joined = command.replaceAll('\\\n', '');
  return [joined, joined.replace(/\$\{IFS\}|\$IFS\b/g, ' ').replace(/\$(?=["'])|["'\\`]/g, '')];
}
