import { braces } from '../braces.js';

/** A shell command parsed as far as its text determines it. Values known only at run time become {@link DYNAMIC}. */

/** Placeholder in a word for an unknown expansion. */
export const DYNAMIC = '\ue000';
/** Placeholders for `*`, `?` and a bracket expression where the shell reads them as patterns. */
export const [ANY, ONE] = ['\ue001', '\ue002'] as const;

/** Placeholder in a word for blanks in a variable's value, at which the shell splits words. */
const SPLIT = '\ue003';
const ASSIGNMENT = /^[A-Za-z_]\w*\+?=/;

export interface Redirection {
  /** True of `>`, `>>`, `>|`, `&>`, `<>`; false of `<`. */
  readonly writes: boolean;
  readonly target: string;
}

/** One command without the operators around it. */
export interface SimpleCommand {
  /** Without quotes and escapes, `{a,b}` expanded. */
  readonly words: readonly string[];
  readonly redirections: readonly Redirection[];
  /** Texts of here-documents and here-strings. */
  readonly documents: readonly string[];
  /** Commands joined by `|` have the same number. */
  readonly pipeline: number;
  /** The operator before it: `;` (or a new line, or none), `&&`, `||`, `|`, `&`. */
  readonly operator: string;
  /** The subshell it runs in, by the numbers of the enclosing ones: `0`, `0.1`. */
  readonly subshell: string;
  /** Commands inside `$(…)`, backticks and `<(…)` of its words. */
  readonly inner: readonly SimpleCommand[];
}

/** Values of variables by name; undefined if unknown. */
export type Variables = (name: string) => string | undefined;

/** Returns commands in order; undefined beyond the limits on their number and depth. */
export function simpleCommands(text: string, variables: Variables): SimpleCommand[] | undefined {
  try {
    const reading: Reading = { takesShifts: false, shifts: 0, documents: 0 };
    const commands = new Parser(text, variables, 0, reading).commands();
    // `<<` is a shift inside arithmetic, which the text does not always show: then both readings are used.
    return reading.shifts > 0
      ? [...commands, ...new Parser(text, variables, 0, { takesShifts: true, shifts: 0, documents: 0 }).commands()]
      : commands;
  } catch (error) {
    if (error instanceof TooMuch) return undefined;
    throw error;
  }
}

class TooMuch extends Error {}

/** State that the parsers of one text share. */
interface Reading {
  /** Reads an ambiguous `<<` as a shift, not as a here-document. */
  readonly takesShifts: boolean;
  /** Ambiguous ones found. */
  shifts: number;
  /** All `<<` found. */
  documents: number;
}

/** Each is searched for in the whole text. */
const MAX_DOCUMENTS = 200;

const MAX_DEPTH = 20;
const MAX_COMMANDS = 20_000;
/** Longest word, in characters, in which braces are expanded. */
const MAX_BRACED = 1000;
/** Longest bracket expression, in characters. */
const MAX_SET = 100;

class Parser {
  readonly #text: string;
  readonly #outer: Variables;
  #assigned = new Map<string, string>();
  readonly #depth: number;
  readonly #commands: SimpleCommand[] = [];
  #at = 0;
  #pipeline = 0;
  #pending: { end: string; documents: string[]; inner: SimpleCommand[]; isQuoted: boolean; isIndented: boolean }[] = [];
  #words: string[] = [];
  #redirections: Redirection[] = [];
  #documents: string[] = [];
  #inner: SimpleCommand[] = [];
  #operator = ';';
  readonly #subshells = ['0'];
  #opened = 0;

  readonly #reading: Reading;

  constructor(text: string, variables: Variables, depth: number, reading: Reading, at = 0) {
    if (depth > MAX_DEPTH) throw new TooMuch();
    this.#text = text;
    this.#outer = variables;
    this.#depth = depth;
    this.#at = at;
    this.#reading = reading;
  }

  /** @param isNested ends at the parenthesis that closes `$(`. */
  commands(isNested = false): SimpleCommand[] {
    const text = this.#text;
    const outside: Map<string, string>[] = [];
    let parentheses = 0;
    let cases = 0;
    while (this.#at < text.length) {
      const character = text.charAt(this.#at);
      if (text.startsWith('\\\n', this.#at)) this.#at += 2;
      else if (character === ' ' || character === '\t' || character === '\r') this.#at += 1;
      else if (character === '\n') {
        this.#at += 1;
        this.#end(true, ';');
        this.#readDocuments();
      } else if (character === '#') this.#at = indexOr(text, '\n', this.#at);
      else if (text.startsWith('&>', this.#at)) this.#redirect(text.startsWith('&>>', this.#at) ? 3 : 2, true);
      else if (character === ';' || character === '(' || character === ')') {
        // A pattern of `case` ends with an unmatched parenthesis.
        if (this.#words[0] === 'case') cases += 1;
        else if (this.#words[0] === 'esac' && cases > 0) cases -= 1;
        if (character === ')' && parentheses === 0 && cases === 0 && isNested) break;
        parentheses = Math.max(0, parentheses + (character === '(' ? 1 : character === ')' ? -1 : 0));
        this.#at += 1;
        this.#end(true, ';');
        if (character === '(') this.#subshells.push(`${this.#subshells.at(-1) ?? '0'}.${String((this.#opened += 1))}`);
        else if (character === ')' && this.#subshells.length > 1) this.#subshells.pop();
        // Assignments in a subshell end with it.
        if (character === '(' && outside.length < MAX_DEPTH) outside.push(new Map(this.#assigned));
        else if (character === ')') this.#assigned = outside.pop() ?? this.#assigned;
      } else if (character === '&') {
        const isAnd = text.startsWith('&&', this.#at);
        this.#at += isAnd ? 2 : 1;
        this.#end(true, isAnd ? '&&' : '&');
      } else if (character === '|') {
        const isOr = text.startsWith('||', this.#at);
        this.#at += isOr || text.startsWith('|&', this.#at) ? 2 : 1;
        this.#end(isOr, isOr ? '||' : '|');
      } else if (character === '<' || character === '>') this.#redirection();
      else this.#addWord();
    }
    this.#end(true, ';');
    return this.#commands;
  }

  /** @param operator the operator between this command and the next. */
  #end(endsPipeline: boolean, operator: string): void {
    if (this.#words.length > 0 || this.#redirections.length > 0) {
      if (this.#commands.length >= MAX_COMMANDS) throw new TooMuch();
      this.#commands.push({
        words: this.#words,
        redirections: this.#redirections,
        documents: this.#documents,
        pipeline: this.#pipeline,
        operator: this.#operator,
        subshell: this.#subshells.at(-1) ?? '0',
        inner: this.#inner,
      });
      this.#assign(this.#words);
      this.#operator = operator;
    } else if (operator !== ';') this.#operator = operator;
    [this.#words, this.#redirections, this.#documents, this.#inner] = [[], [], [], []];
    if (endsPipeline) this.#pipeline += 1;
  }

  /** Records `a=b` and the words of a loop, any of which may be the value. */
  #assign(words: readonly string[]): void {
    const [first = '', name = '', third] = words;
    // `a=b program` applies to that program only.
    if (ASSIGNMENT.test(first) && !words.every((word) => ASSIGNMENT.test(word))) return;
    if (first === 'for' && third === 'in') this.#assigned.set(name, words.length === 4 ? (words[3] ?? '') : DYNAMIC);
    const rest = ['export', 'local', 'declare', 'readonly', 'typeset'].includes(first) ? words.slice(1) : words;
    for (const word of rest) {
      const match = /^([A-Za-z_]\w*)(\+?)=([\s\S]*)$/.exec(word);
      if (match === null) break;
      const [, variable = '', isAppended, value = ''] = match;
      this.#assigned.set(variable, isAppended === '+' ? (this.#value(variable) ?? DYNAMIC) + value : value);
    }
    if (first === 'read' || first === 'mapfile' || first === 'readarray')
      for (const variable of words.slice(1)) this.#assigned.set(variable, DYNAMIC);
  }

  #value(name: string): string | undefined {
    return this.#assigned.get(name) ?? this.#outer(name);
  }

  #redirection(): void {
    const [operator = '<'] =
      /^(?:<<<|<<-?|<>|<&|<|>>|>\||>&|>)/.exec(joined(this.#text.slice(this.#at, this.#at + 12))) ?? [];
    if (this.#text.startsWith('(', this.#at + 1)) {
      // A process substitution in place of a file.
      this.#at += 2;
      this.#substitute(')');
      this.#words.push(DYNAMIC);
      return;
    }
    if (operator.startsWith('<<') && this.#mayBeShift()) {
      this.#reading.shifts += 1;
      if (this.#reading.takesShifts) {
        this.#skip(2);
        return;
      }
    }
    // `2>file`: the number is not a word.
    if (this.#words.length > 0 && /\d/.test(this.#text.charAt(this.#at - 1)) && /^\d+$/.test(this.#words.at(-1) ?? ''))
      this.#words.pop();
    if (operator === '<<' || operator === '<<-') {
      this.#skip(operator.length);
      this.#skipBlanks();
      const start = this.#at;
      const end = this.#word().join('');
      const isQuoted = /["'\\]/.test(joined(this.#text.slice(start, this.#at)));
      this.#pending.push({
        end,
        documents: this.#documents,
        inner: this.#inner,
        isQuoted,
        isIndented: operator === '<<-',
      });
    } else if (operator === '<<<') {
      this.#skip(3);
      this.#skipBlanks();
      this.#documents.push(...this.#word());
    } else if (operator === '<&' || operator === '>&') {
      this.#skip(2);
      this.#skipBlanks();
      for (const target of this.#word())
        if (!/^(?:\d+|-)$/.test(target)) this.#redirections.push({ writes: operator === '>&', target });
    } else this.#redirect(operator.length, operator !== '<');
  }

  /** Returns whether `((` or `[` is open before a `<<`, and closed after it. */
  #mayBeShift(): boolean {
    this.#reading.documents += 1;
    if (this.#reading.documents > MAX_DOCUMENTS) throw new TooMuch();
    const before = this.#text.slice(0, this.#at);
    const isOpen = (open: string, close: string): boolean =>
      before.includes(open) &&
      before.lastIndexOf(open) > before.lastIndexOf(close) &&
      this.#text.includes(close, this.#at);
    return isOpen('((', '))') || isOpen('[', ']');
  }

  /** Skips characters, not counting continued lines. */
  #skip(length: number): void {
    for (let left = length; left > 0; left -= 1) {
      while (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
      this.#at += 1;
    }
  }

  #redirect(length: number, writes: boolean): void {
    this.#skip(length);
    this.#skipBlanks();
    for (const target of this.#word()) this.#redirections.push({ writes, target });
  }

  #skipBlanks(): void {
    for (;;) {
      if (/[ \t]/.test(this.#text.charAt(this.#at))) this.#at += 1;
      else if (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
      else return;
    }
  }

  #readDocuments(): void {
    for (const { end, documents, inner, isQuoted, isIndented } of this.#pending) {
      const lines: string[] = [];
      while (this.#at < this.#text.length) {
        const next = indexOr(this.#text, '\n', this.#at);
        const line = this.#text.slice(this.#at, next);
        this.#at = next + 1;
        const isContinued = !isQuoted && /(?<!\\)(?:\\\\)*\\$/.test(lines.at(-1) ?? '');
        if (!isContinued && (isIndented ? line.replace(/^\t+/, '') : line) === end) break;
        lines.push(line);
      }
      const body = isQuoted ? lines.join('\n') : joined(lines.join('\n'));
      if (!isQuoted) inner.push(...this.#expansions(body));
      documents.push(
        isQuoted ? body : body.replace(/\$\{?(\w+)\}?/g, (whole, name: string) => this.#value(name) ?? whole),
      );
    }
    this.#pending = [];
  }

  #addWord(): void {
    this.#words.push(...this.#word());
  }

  /** Reads one word, expanded if braces mean several. */
  #word(): string[] {
    const text = this.#text;
    let word = '';
    let isBraced = false;
    for (; this.#at < text.length;) {
      const character = text.charAt(this.#at);
      if (/[\s;&|<>()]/.test(character)) break;
      this.#at += 1;
      if (character === "'") {
        const end = indexOr(text, "'", this.#at);
        word += text.slice(this.#at, end);
        this.#at = end + 1;
      } else if (character === '"') word += this.#doubleQuoted();
      else if (character === '\\') {
        if (text.charAt(this.#at) !== '\n') word += text.charAt(this.#at);
        this.#at += 1;
      } else if (character === '$') word += this.#dollar(false).replace(/\s+/g, SPLIT);
      else if (character === '`') {
        this.#substitute('`');
        word += DYNAMIC;
      } else if (character === '*') word += ANY;
      else if (character === '?') word += ONE;
      else if (character === '[') {
        const set = /^(?:[^\s/\]"'\\$`;&|<>()]|"[^"\s/\\$`]*"|'[^'\s/]*'|\\[^\n])+\]/.exec(
          text.slice(this.#at, this.#at + MAX_SET),
        )?.[0];
        word += set === undefined ? '[' : ONE;
        this.#at += set?.length ?? 0;
      } else if (character === '~' && word === '')
        word += /^(?:[/\s;&|<>)]|$)/.test(text.slice(this.#at, this.#at + 1)) ? (this.#value('HOME') ?? '~') : '~';
      else {
        if (character === '{') isBraced = true;
        word += character;
      }
    }
    // An unquoted variable is several words if its value has blanks, except in an assignment.
    if (word.includes(SPLIT))
      return ASSIGNMENT.test(word) ? [word.replaceAll(SPLIT, ' ')] : word.split(SPLIT).filter((it) => it !== '');
    return isBraced && word.length <= MAX_BRACED ? braces(word, DYNAMIC) : [word];
  }

  /**
   * Returns commands in the expansions of a text in which quotes have no meaning: a here-document, or the text in
   * `${…}`.
   */
  #expansions(text: string): readonly SimpleCommand[] {
    if (!/[$`]/.test(text)) return [];
    const parser = new Parser(text, (name) => this.#value(name), this.#depth + 1, this.#reading);
    parser.#doubleQuoted('');
    return parser.#inner;
  }

  #doubleQuoted(end = '"'): string {
    const text = this.#text;
    let word = '';
    while (this.#at < text.length) {
      const character = text.charAt(this.#at);
      this.#at += 1;
      if (character === end) break;
      if (character === '\\' && /["\\$`\n]/.test(text.charAt(this.#at))) {
        if (text.charAt(this.#at) !== '\n') word += text.charAt(this.#at);
        this.#at += 1;
      } else if (character === '$') word += this.#dollar(true);
      else if (character === '`') {
        this.#substitute('`');
        word += DYNAMIC;
      } else word += character;
    }
    return word;
  }

  /** Reads what follows a dollar sign. */
  #dollar(isQuoted: boolean): string {
    while (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
    const rest = joined(this.#text.slice(this.#at, this.#at + 200));
    if (rest.startsWith('(')) {
      this.#at += 1;
      this.#substitute(')');
      return DYNAMIC;
    }
    if (!isQuoted && rest.startsWith("'")) {
      let end = this.#at + 1;
      while (end < this.#text.length && this.#text.charAt(end) !== "'") end += this.#text.charAt(end) === '\\' ? 2 : 1;
      const body = this.#text.slice(this.#at + 1, end);
      this.#at = end + 1;
      return body.replace(
        /\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|([0-7]{1,3})|(.))/g,
        (_, hex?: string, unicode?: string, octal?: string, other?: string) =>
          hex !== undefined || unicode !== undefined
            ? String.fromCharCode(Number.parseInt(hex ?? unicode ?? '', 16))
            : octal !== undefined
              ? String.fromCharCode(Number.parseInt(octal, 8))
              : (other ?? ''),
      );
    }
    if (!isQuoted && rest.startsWith('"')) return '';
    const name = /^(?:(\w+)|\{(\w+)(?::?[-=]([^}"'\\$`{]*))?\}|[@*#?!$-])/.exec(rest);
    if (name === null && rest.startsWith('{')) {
      this.#inner.push(...this.#expansions(this.#braceBody(isQuoted)));
      return DYNAMIC;
    }
    if (name === null) return '$';
    this.#skip(name[0].length);
    const variable = name[1] ?? name[2];
    if (variable === undefined) return DYNAMIC;
    if (variable === 'IFS') return this.#assigned.get(variable) ?? ' ';
    return this.#value(variable) ?? (name[3] === undefined ? DYNAMIC : name[3]);
  }

  /**
   * Reads the text in `${…}`. Inside double quotes a single quote is an ordinary character, unless a pattern is removed
   * or replaced.
   */
  #braceBody(isQuoted: boolean): string {
    const start = this.#at + 1;
    const takesQuotes = !isQuoted || /^[!\w@*[\]]+[#%/^,@]/.test(this.#text.slice(start, start + 200));
    let depth = 0;
    let quote = '';
    for (; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text.charAt(this.#at);
      if (character === '\\' && quote !== "'") this.#at += 1;
      else if (quote !== '') quote = character === quote ? '' : quote;
      else if (character === '"' || (character === "'" && takesQuotes)) quote = character;
      else if (character === '{' && this.#text.charAt(this.#at - 1) === '$') depth += 1;
      else if (character === '}') {
        depth -= 1;
        if (depth === 0) break;
      }
    }
    this.#at += 1;
    return this.#text.slice(start, this.#at - 1);
  }

  /** Parses a substitution up to `end`. */
  #substitute(end: ')' | '`'): void {
    if (end === ')') {
      const parser = new Parser(this.#text, (name) => this.#value(name), this.#depth + 1, this.#reading, this.#at);
      this.#inner.push(...parser.commands(true));
      this.#at = parser.#at + 1;
      return;
    }
    const start = this.#at;
    while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== '`')
      this.#at += this.#text.charAt(this.#at) === '\\' ? 2 : 1;
    const body = this.#text.slice(start, this.#at).replace(/\\([`$\\])/g, '$1');
    this.#at += 1;
    this.#inner.push(...new Parser(body, (name) => this.#value(name), this.#depth + 1, this.#reading).commands());
  }
}

/** Returns a text with its continued lines joined. */
function joined(text: string): string {
  return text.includes('\\\n') ? text.replaceAll('\\\n', '') : text;
}

function indexOr(text: string, searched: string, from: number): number {
  const found = text.indexOf(searched, from);
  return found < 0 ? text.length : found;
}
