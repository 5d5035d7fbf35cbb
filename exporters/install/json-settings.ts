import {
  applyEdits,
  modify,
  parse,
  parseTree,
  printParseErrorCode,
  type JSONPath,
  type Node,
  type ParseError,
} from 'jsonc-parser';
import { CommandError } from '#schemas/errors.js';
import { isObject, jsonWithComments, strictJson } from './reading.js';

const BOM = '\ufeff';

/**
 * Syntax of a file: strict JSON; JSON with comments but without trailing commas; or both, to remove something from a
 * file that no agent reads.
 */
export type Dialect = 'strict' | 'comments' | 'lenient';

/** A settings file under change: everything else keeps its position, white space and comments. */
export class JsonSettings {
  #text: string;
  readonly #bom: string;
  readonly #file: string;

  /** @throws CommandError if the agent would not read the file, or if a key is duplicated. */
  constructor(file: string, text: string, dialect: Dialect) {
    this.#file = file;
    this.#bom = text.startsWith(BOM) ? BOM : '';
    const body = text.slice(this.#bom.length);
    this.#text = body.trim() === '' ? '{}\n' : body;
    const read =
      dialect === 'strict'
        ? strictJson(this.#text)
        : dialect === 'comments'
          ? jsonWithComments(this.#text)
          : { value: undefined };
    if ('error' in read)
      throw new CommandError(`${file}: ${read.error}, so that its agent reads nothing of it; --repair rewrites it`);
    if (!isObject(this.#parsed())) throw new CommandError(`${file} is not a JSON object; nothing was changed`);
    const twice = keyThatStandsTwice(this.#text);
    if (twice !== undefined)
      throw new CommandError(
        `${file}: the key ${JSON.stringify(twice)} is duplicated, and the last one counts; --repair keeps only that one`,
      );
  }

  get text(): string {
    return this.#bom + this.#text;
  }

  /** Returns the value at a path; undefined if there is none. */
  get(path: JSONPath): unknown {
    let value: unknown = this.#parsed();
    for (const key of path)
      value = isObject(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[key] : undefined;
    return value;
  }

  /**
   * Sets the value at a path; undefined removes it. Replaces a parent that is null or empty.
   *
   * @throws CommandError if a parent has another type.
   */
  set(path: JSONPath, value: unknown): void {
    for (let length = 1; length < path.length; length += 1) {
      const parent = this.get(path.slice(0, length));
      const fits = typeof path[length] === 'number' ? Array.isArray(parent) : isObject(parent);
      if (fits || parent === undefined) continue;
      if (value === undefined) return;
      const isEmpty =
        parent === null ||
        (Array.isArray(parent) && parent.length === 0) ||
        (isObject(parent) && Object.keys(parent).length === 0);
      if (!isEmpty)
        throw new CommandError(
          `${this.#file}: "${path.slice(0, length).join('.')}" is ${kindOf(parent)}, expected ${typeof path[length] === 'number' ? 'an array' : 'an object'}`,
        );
      this.#edit(path.slice(0, length), undefined);
    }
    this.#edit(path, value);
  }

  #edit(path: JSONPath, value: unknown): void {
    const indent = /^([ \t]+)\S/m.exec(this.#text)?.[1] ?? '  ';
    const formattingOptions = {
      insertSpaces: !indent.startsWith('\t'),
      tabSize: indent.startsWith('\t') ? 4 : indent.length,
      eol: this.#text.includes('\r\n') ? '\r\n' : '\n',
    };
    this.#text = applyEdits(this.#text, modify(this.#text, path, value, { formattingOptions }));
  }

  #parsed(): unknown {
    const errors: ParseError[] = [];
    const value: unknown = parse(this.#text, errors, { allowTrailingComma: true });
    const [error] = errors;
    if (error === undefined) return value;
    const line = this.#text.slice(0, error.offset).split('\n').length;
    throw new CommandError(
      `${this.#file} is not JSON (line ${String(line)}: ${printParseErrorCode(error.error)}); nothing was changed`,
    );
  }
}

/**
 * Returns the same values as strict JSON, with the last of duplicate keys; undefined if there are none. Comments are
 * lost.
 */
export function asStrictJson(text: string): string | undefined {
  const body = text.startsWith(BOM) ? text.slice(1) : text;
  const errors: ParseError[] = [];
  const value: unknown = parse(body, errors, { allowTrailingComma: true });
  if (errors.length > 0 || !isObject(value)) return undefined;
  return `${JSON.stringify(value, null, /^([ \t]+)\S/m.exec(body)?.[1] ?? 2)}\n`;
}

/** Returns the first duplicate key of the document. */
function keyThatStandsTwice(text: string): string | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const open: Node[] = root === undefined ? [] : [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const seen = new Set<string>();
    for (const child of node.children ?? []) {
      const key = node.type === 'object' ? (child.children?.[0]?.value as string) : undefined;
      if (key !== undefined && seen.has(key)) return key;
      if (key !== undefined) seen.add(key);
      open.push(child);
    }
  }
  return undefined;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`;
}
