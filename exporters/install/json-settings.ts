import { applyEdits, modify, parse, printParseErrorCode, type JSONPath, type ParseError } from 'jsonc-parser';
import { CommandError } from '#schemas/errors.js';

/** A settings file, as it is changed: everything we do not touch keeps its place, its spaces and its comments. */
export class JsonSettings {
  #text: string;
  readonly #file: string;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.trim() === '' ? '{}\n' : text;
    if (!isObject(this.#parsed())) throw new CommandError(`${file} is not a JSON object; nothing was changed`);
  }

  get text(): string {
    return this.#text;
  }

  /** The value at a path; undefined when there is none. */
  get(path: JSONPath): unknown {
    let value: unknown = this.#parsed();
    for (const key of path) value = isObject(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[key] : undefined;
    return value;
  }

  /** Sets the value at a path; undefined removes it. */
  set(path: JSONPath, value: unknown): void {
    const indent = /^([ \t]+)\S/m.exec(this.#text)?.[1] ?? '  ';
    const formattingOptions = { insertSpaces: !indent.startsWith('\t'), tabSize: indent.startsWith('\t') ? 4 : indent.length, eol: this.#text.includes('\r\n') ? '\r\n' : '\n' };
    this.#text = applyEdits(this.#text, modify(this.#text, path, value, { formattingOptions }));
  }

  #parsed(): unknown {
    const errors: ParseError[] = [];
    const value: unknown = parse(this.#text, errors, { allowTrailingComma: true });
    const [error] = errors;
    if (error === undefined) return value;
    const line = this.#text.slice(0, error.offset).split('\n').length;
    throw new CommandError(`${this.#file} is not JSON (line ${String(line)}: ${printParseErrorCode(error.error)}); nothing was changed`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
