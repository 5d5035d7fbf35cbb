import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { braces } from './braces.js';
import { mayHoldPatch, patchedFiles } from './patch.js';
import { MAX_PATH, PATH_KEYS, pathForms } from './paths.js';
import type { PolicyMode } from './policy-mode.js';
import type { ToolCall } from './tool-call.js';
import { actionOf, fellowNames, policyNames, type Action } from './tool-names.js';

/** The parts of a call that policy rules are tested on. */
export interface Subject {
  /** Tool names that rules are compared with. */
  readonly names: readonly string[];
  /** Texts that a pattern is tested on; any match counts. */
  readonly texts: readonly string[];
  /** Names of other tools whose patterns are tested on `paths`. */
  readonly pathRuleTools: readonly string[];
  /** Paths that the call acts on: as given, absolute, and with links resolved. */
  readonly paths: readonly string[];
}

/** Returns a path with links resolved as far as files exist. */
function realPath(path: string): string {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      return join(realpathSync.native(folder), path.slice(folder.length));
    } catch {
      if (folder === dirname(folder)) return path;
    }
  }
}

/** Keys that select the files of a search or a listing. A value that begins with `!` excludes files. */
const GLOB_KEYS: Readonly<Partial<Record<Action, RegExp>>> = {
  read: /^include/i,
  'search-files': /^(?:globs?|include.*)$/i,
  'find-files': /^(?:globs?|include.*|pattern)$/i,
};

/**
 * Returns the input as JSON text, and in every mode but `compat` also each string in it as the tool will interpret it:
 * JSON writes a tab as two characters, and `^` and `$` do not match at the start and end of such a string.
 */
export function subjectOf({ tool, input, cwd }: Pick<ToolCall, 'tool' | 'input' | 'cwd'>, mode: PolicyMode): Subject {
  if (mode === 'compat') return { names: [tool], texts: [input], pathRuleTools: [], paths: [] };
  const action = actionOf(tool);
  const hasPatch = mayHoldPatch(input);
  const texts = [input];
  const paths: string[] = [];
  const addPath = (path: string): void => {
    paths.push(path);
    for (const absolute of pathForms(path, cwd)) {
      const real = realPath(absolute);
      paths.push(absolute, ...(real === absolute ? [] : [real]));
    }
  };
  const addGlob = (glob: string): void => {
    if (!glob.startsWith('!')) braces(glob, glob).forEach(addPath);
  };
  const takesPaths = fellowNames(action).length > 0;
  const globs = action === undefined ? undefined : GLOB_KEYS[action];
  const value: unknown = input === '' ? undefined : JSON.parse(input);
  visitStrings(value, texts, (key) =>
    !takesPaths ? undefined : globs?.test(key) === true ? addGlob : PATH_KEYS.test(key) ? addPath : undefined,
  );
  if (action === 'shell') texts.push(...texts.slice(1).flatMap(asShellReads));
  const names = new Set(policyNames(tool, action));
  if (!hasPatch) return { names: [...names], texts: [...texts, ...paths], pathRuleTools: fellowNames(action), paths };
  // Codex also accepts a patch from a shell command.
  for (const name of policyNames(tool, 'patch')) names.add(name);
  for (const { path, movedTo, lines } of texts
    .slice(1)
    .flatMap((text) => (mayHoldPatch(text) ? patchedFiles(text) : []))) {
    addPath(path);
    if (movedTo !== undefined) addPath(movedTo);
    texts.push(
      lines
        .filter((line) => line.startsWith('+'))
        .map((line) => line.slice(1))
        .join('\n'),
    );
  }
  texts.push(...paths);
  return { names: [...names], texts, pathRuleTools: fellowNames('patch'), paths };
}

type Add = (text: string) => void;

/**
 * Adds every string in a value, and lists of words also as one text; `ofKey` returns what else collects the strings at
 * or below a key.
 */
function visitStrings(value: unknown, texts: string[], ofKey: (key: string) => Add | undefined): void {
  const left: { value: unknown; add: Add | undefined }[] = [{ value, add: undefined }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value: it, add } = next;
    if (typeof it === 'string') {
      texts.push(it);
      if (it.length <= MAX_PATH) add?.(it);
    } else if (Array.isArray(it)) {
      const words: unknown[] = it;
      if (words.length > 1 && words.every((word) => typeof word === 'string')) texts.push(words.join(' '));
      for (const item of words) left.push({ value: item, add });
    } else if (typeof it === 'object' && it !== null) {
      const { command, args } = it as { command?: unknown; args?: unknown };
      if (typeof command === 'string' && Array.isArray(args))
        texts.push([command, ...(args as unknown[]).map(String)].join(' '));
      for (const [key, item] of Object.entries(it)) left.push({ value: item, add: ofKey(key) ?? add });
    }
  }
}

/**
 * Returns a command with its continued lines joined, as every shell does first, and once more without quotes and
 * escapes: `r''m -rf` runs `rm -rf`. The text does not show the result of an expansion.
 */
function asShellReads(command: string): string[] {
  if (!/["'\\$`]/.test(command)) return [];
  const joined = command.replaceAll('\\\n', '');
  return [joined, joined.replace(/\$\{IFS\}|\$IFS\b/g, ' ').replace(/\$(?=["'])|["'\\`]/g, '')];
}
