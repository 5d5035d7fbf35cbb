import { stripComments } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { readBytes } from '../read-file.js';

/** Size limit of a settings file in bytes. */
const MAX_SETTINGS = 16 * 1024 * 1024;

/** Content of a file, before any agent's rules. */
export type FileText =
  | { readonly kind: 'absent' }
  | { readonly kind: 'text'; readonly text: string; readonly encoding: 'utf-8' | 'utf-16le' }
  | { readonly kind: 'unreadable'; readonly why: string };

/** A settings file as its agent parses it. */
export type Reading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly settings: Readonly<Record<string, unknown>> }
  /** The agent takes nothing of it, in silence. */
  | { readonly kind: 'dropped'; readonly why: string }
  /** The agent does not start with it. */
  | { readonly kind: 'refused'; readonly why: string }
  /** We cannot read it, so nothing is known of it. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** Reads a file's text, with its byte order mark. Never throws and never blocks. */
export function readFileText(file: string): FileText {
  let bytes: Uint8Array;
  try {
    bytes = readBytes(file, MAX_SETTINGS);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
    return { kind: 'unreadable', why: REASONS[code] ?? code };
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe)
    return { kind: 'text', text: new TextDecoder('utf-16le', { ignoreBOM: true }).decode(bytes), encoding: 'utf-16le' };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { kind: 'unreadable', why: 'it is UTF-16, big endian' };
  try {
    return {
      kind: 'text',
      text: new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(bytes),
      encoding: 'utf-8',
    };
  } catch {
    return { kind: 'unreadable', why: 'it is not UTF-8' };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission (EACCES)',
  EPERM: 'no permission (EPERM)',
  EISDIR: 'it is a folder (EISDIR)',
  EFBIG: 'it is larger than 16 MB',
  EAGAIN: 'it is a pipe (EAGAIN)',
  ELOOP: 'its links lead in a circle (ELOOP)',
};

/** Parses strict JSON as `JSON.parse` does: the last of duplicate keys counts. */
export function strictJson(text: string): { readonly value: unknown } | { readonly error: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { error: placeOf(text, error as Error) };
  }
}

/** Returns the line of a syntax error, never the text around it, which may contain a key. */
function placeOf(text: string, { message }: Error): string {
  const position = /position (\d+)/.exec(message)?.[1];
  // `Unexpected end` has no position.
  const line = text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
  return `line ${String(line)} is not strict JSON (a comment, a trailing comma or another error)`;
}

/** Parses as Gemini CLI does: comments are removed, then strict JSON; a byte order mark is an error. */
export function jsonWithComments(text: string): ReturnType<typeof strictJson> {
  return strictJson(stripComments(text, ' '));
}

/** Parses as Codex does: TOML 1.0, a byte order mark is an error. */
export function strictToml(text: string): { readonly value: Record<string, unknown> } | { readonly error: string } {
  if (text.startsWith('\ufeff')) return { error: 'it begins with a byte order mark' };
  try {
    return { value: parseToml(text) };
  } catch (error) {
    const { line } = error as { line?: number };
    return { error: line === undefined ? 'it is not TOML' : `line ${String(line)} is not TOML` };
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value at a path of keys; undefined if there is none. */
export function valueAt(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
}

/** Returns whether a value is one of some words. */
export function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === 'string' && words.includes(value);
}
