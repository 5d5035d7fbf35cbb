import { existsSync } from 'node:fs';
import { readFile } from '../../read-file.js';
import { mayHoldPatch, patchedFiles, type PatchedFile } from '../patch.js';
import { MAX_PATH, PATH_KEYS, pathForms } from '../paths.js';

/** The effect of a call on one file. */
export interface Edit {
  /** Absolute. */
  readonly path: string;
  readonly after: Result;
}

/** Content of a file after a call: its text, deleted, or not derivable from the call. */
export type Result = { readonly text: string } | 'gone' | 'unknown';

const MAX_FILE = 16 * 1024 * 1024;

/** Returns the current text of a file; undefined if there is none. @throws if it cannot be read. */
export function textNow(path: string): string | undefined {
  return existsSync(path) ? readFile(path, MAX_FILE) : undefined;
}

type Input = Readonly<Record<string, unknown>>;

/** Tools whose argument is the complete new content of the file. */
const WHOLE = /(?:^|_)(?:write|write_file|create_file)$/i;

/** Returns every file that a call writes, as its input names them, with the content it would have. */
export function editsOf(tool: string, value: unknown, cwd: string): Edit[] {
  const input: Input = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Input) : {};
  const at = (path: string): string[] => pathForms(path, cwd);
  const patches = Object.values(input).filter((text): text is string => typeof text === 'string' && mayHoldPatch(text));
  if (patches.length > 0)
    return patches.flatMap((patch) => patchedFiles(patch).flatMap((file) => patchEdits(file, at)));
  const from = stringAt(input, 'source', 'from', 'old_path', 'oldPath');
  const to = stringAt(input, 'destination', 'to', 'new_path', 'newPath');
  if (from !== undefined && to !== undefined) {
    const text = at(from)
      .map((path) => safely(() => textNow(path)))
      .find((it) => it !== undefined);
    return [
      ...at(from).map((path): Edit => ({ path, after: 'gone' })),
      ...at(to).map((path): Edit => ({ path, after: text === undefined ? 'unknown' : { text } })),
    ];
  }
  const named = pathsIn(value)
    .flatMap(at)
    .map((path): Edit => ({ path, after: 'unknown' }));
  const path = stringAt(
    input,
    'file_path',
    'path',
    'absolute_path',
    'notebook_path',
    'filePath',
    'filename',
    'file',
    'target_file',
    'uri',
  );
  if (path === undefined) return named;
  const edits = at(path).map((form): Edit => ({ path: form, after: resultOf(input, form, WHOLE.test(tool)) }));
  return [...edits, ...named.filter((other) => edits.every((edit) => other.path !== edit.path))];
}

/** Keys that contain the text of an edit, which may mention any file. */
const CONTENT_KEYS = /content|text|string|body|data|edits/i;

/** Returns every string at or below a key that contains paths. */
function pathsIn(value: unknown, isPath = false): string[] {
  if (typeof value === 'string') return isPath && value.length <= MAX_PATH ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item: unknown) => pathsIn(item, isPath));
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    CONTENT_KEYS.test(key) ? [] : pathsIn(item, isPath || PATH_KEYS.test(key)),
  );
}

function resultOf(input: Input, path: string, isWhole: boolean): Result {
  const content = stringAt(input, 'content', 'contents');
  if (content !== undefined) return isWhole ? { text: content } : 'unknown';
  const edits = Array.isArray(input['edits']) ? (input['edits'] as unknown[]) : [input];
  try {
    let text = textNow(path) ?? '';
    for (const edit of edits) {
      const next = replaced(text, edit as Input);
      if (next === undefined) return 'unknown';
      text = next;
    }
    return { text };
  } catch {
    return 'unknown';
  }
}

/** Undefined if it is not an edit, or if its text does not occur exactly once: agents then guess, each differently. */
function replaced(text: string, edit: Input): string | undefined {
  const from = stringAt(edit, 'old_string', 'oldText', 'old_str', 'old_text');
  const to = stringAt(edit, 'new_string', 'newText', 'new_str', 'new_text');
  if (from === undefined || to === undefined) return undefined;
  if (from === '') return text === '' ? to : undefined;
  const parts = text.split(from);
  const isAll = edit['replace_all'] === true || edit['allow_multiple'] === true;
  return parts.length === 2 || (isAll && parts.length > 2) ? parts.join(to) : undefined;
}

function patchEdits(file: PatchedFile, at: (path: string) => string[]): Edit[] {
  const { movedTo } = file;
  return at(file.path).flatMap((path): Edit[] => {
    if (file.kind === 'delete') return [{ path, after: 'gone' }];
    const after: Result =
      file.kind === 'add'
        ? { text: addedText(file.lines) }
        : (safely(() => patchedText(textNow(path) ?? '', file.lines)) ?? 'unknown');
    return movedTo === undefined
      ? [{ path, after }]
      : [{ path, after: 'gone' }, ...at(movedTo).map((target): Edit => ({ path: target, after }))];
  });
}

function addedText(lines: readonly string[]): string {
  return lines
    .filter((line) => line.startsWith('+'))
    .map((line) => `${line.slice(1)}\n`)
    .join('');
}

/** Returns the text after every hunk of a patch, each of which must fit in exactly one place after the previous one. */
function patchedText(text: string, lines: readonly string[]): Result {
  const file = text.replace(/\n$/, '').split('\n');
  let from = 0;
  let [old, next]: [string[], string[]] = [[], []];
  let isKnown = true;
  const apply = (): void => {
    if (old.length === 0 && next.length === 0) return;
    const places = file.flatMap((_, index) =>
      index >= from && old.length > 0 && old.every((line, offset) => file[index + offset] === line) ? [index] : [],
    );
    const [place] = places;
    if (place === undefined || places.length !== 1) isKnown = false;
    else {
      file.splice(place, old.length, ...next);
      from = place + next.length;
    }
    [old, next] = [[], []];
  };
  for (const line of lines) {
    if (/^\s*\*\*\* End (?:Patch|of File)/.test(line)) continue;
    if (line.startsWith('@@')) {
      apply();
      // A line before the hunk may name its position; Codex searches for that line in several ways.
      if (line.slice(2).trim() !== '') isKnown = false;
    } else if (line.startsWith('+')) next.push(line.slice(1));
    else if (line.startsWith('-')) old.push(line.slice(1));
    else {
      old.push(line.slice(1));
      next.push(line.slice(1));
    }
  }
  while (old.at(-1) === '' && next.at(-1) === '') [old, next] = [old.slice(0, -1), next.slice(0, -1)];
  apply();
  return isKnown ? { text: `${file.join('\n')}\n` } : 'unknown';
}

function stringAt(input: Input, ...keys: string[]): string | undefined {
  for (const key of keys) {
    const value = input[key];
    if (typeof value === 'string') return value;
  }
  return undefined;
}

function safely<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
