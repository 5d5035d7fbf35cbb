/** A table of a TOML file as text: the line of its header and those up to the next header. */
export interface TomlTable {
  /** As in the header, without spaces: `hooks.PreToolUse`; empty for the lines before the first header. */
  readonly name: string;
  readonly isArrayElement: boolean;
  /** Indexes of lines. */
  readonly start: number;
  readonly end: number;
}

const HEADER = /^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?\r?$/;

/**
 * Returns the tables of a file that a TOML parser accepts. Lines within a multi-line string or array are not headers.
 */
export function tablesOf(lines: readonly string[]): TomlTable[] {
  const tables: { name: string; isArrayElement: boolean; start: number; end: number }[] = [
    { name: '', isArrayElement: false, start: 0, end: lines.length },
  ];
  const state = new ValueState();
  lines.forEach((line, index) => {
    const header = state.isOpen ? null : HEADER.exec(line);
    if (header === null) {
      state.read(line);
      return;
    }
    const last = tables.at(-1);
    if (last !== undefined) last.end = index;
    tables.push({
      name: (header[2] ?? '').replace(/["'\s]/g, ''),
      isArrayElement: header[1] === '[[',
      start: index,
      end: lines.length,
    });
  });
  return tables;
}

/** Returns the indexes of the lines that contain neither a header nor a part of a key and its value. */
export function blankLinesAndComments(lines: readonly string[]): Set<number> {
  const found = new Set<number>();
  const state = new ValueState();
  lines.forEach((line, index) => {
    if (!state.isOpen && /^\s*(?:#.*)?\r?$/.test(line)) found.add(index);
    else if (state.isOpen || !HEADER.test(line)) state.read(line);
  });
  return found;
}

/** Returns whether a value continues on the next line. */
class ValueState {
  #quote: '"""' | "'''" | undefined;
  #depth = 0;

  get isOpen(): boolean {
    return this.#quote !== undefined || this.#depth > 0;
  }

  read(line: string): void {
    for (let at = 0; at < line.length; at += 1) {
      if (this.#quote !== undefined) {
        if (this.#quote === '"""' && line[at] === '\\') at += 1;
        else if (line.startsWith(this.#quote, at)) {
          at += 2;
          this.#quote = undefined;
        }
        continue;
      }
      const character = line[at] ?? '';
      const three = line.slice(at, at + 3);
      if (character === '#') return;
      if (three === '"""' || three === "'''") {
        this.#quote = three;
        at += 2;
      } else if (character === '"' || character === "'") at = endOfString(line, at);
      else if (character === '[' || character === '{') this.#depth += 1;
      else if (character === ']' || character === '}') this.#depth -= 1;
    }
  }
}

/** Returns the index of the quote that ends a single-line string. */
function endOfString(line: string, start: number): number {
  const quote = line[start];
  for (let at = start + 1; at < line.length; at += 1) {
    if (quote === '"' && line[at] === '\\') at += 1;
    else if (line[at] === quote) return at;
  }
  return line.length;
}
