import { named } from './errors.js';

/** A piece of SQL that is neither blank nor comment. Offsets are bytes: the text is read as latin1. */
export interface Token {
  /** `word`: a keyword, a bare name, or a parameter's name; `name`: a quoted name; `text`: a string or heredoc; `mark`: anything else, numbers included. */
  readonly kind: 'word' | 'name' | 'text' | 'mark';
  /** As it stands in the statement, quotes included. */
  readonly text: string;
  /** Unquoted; words and names in lower case, as rules compare without regard to case. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
  /** How many parentheses are open around it. */
  readonly depth: number;
  /** Blanks or comments stand between the token before and this one. */
  readonly afterGap: boolean;
}

/** More than the engine's own parser takes, and few enough for rules that look into each of them. */
const MAX_DEPTH = 500;

/** Longest first. A character that begins none of these, no word, no number and no quote is refused. */
const MARK = /<=>|::|->|\|\||==|!=|<>|<=|>=|@@|[()[\]{},;.*+\-/%=<>?:^|]/y;

/**
 * Splits SQL into tokens. Reads a strict subset of what ClickHouse's lexer reads, so that both read the same: outside
 * quotes only ASCII, and every quote, heredoc and comment closed. Lazily, so that an INSERT's data behind its FORMAT is
 * never looked at.
 *
 * Throws SYNTAX_ERROR at the first character outside that subset.
 *
 * @param sql bytes as latin1, one character per byte
 */
export function* tokensOf(sql: string): Generator<Token, void, void> {
  let at = 0;
  let depth = 0;
  let afterGap = false;
  let previous: Token | undefined;
  const opensHeredoc = heredocOpenings(sql);
  while (at < sql.length) {
    const gapEnd = endOfGap(sql, at);
    if (gapEnd > at) {
      at = gapEnd;
      afterGap = true;
      continue;
    }
    const start = at;
    const { kind, end, value } = tokenAt(sql, start, previous, opensHeredoc);
    at = end;
    const text = sql.slice(start, end);
    if (text === ')' || text === ']') depth--;
    const token: Token = { kind, text, value, start, end, depth, afterGap };
    yield token;
    if (text === '(' || text === '[') depth++;
    if (depth > MAX_DEPTH) throw unreadable(start, `more than ${MAX_DEPTH} parentheses within each other`);
    afterGap = false;
    previous = token;
  }
}

/** The end of one blank or comment at `at`; `at` itself when there is none. */
function endOfGap(sql: string, at: number): number {
  if (/[ \t\n\r\f\v]/.test(sql[at] ?? '')) return at + 1;
  if (['--', '//', '# ', '#!'].some((each) => sql.startsWith(each, at))) {
    const end = sql.indexOf('\n', at);
    return end < 0 ? sql.length : end + 1;
  }
  return sql.startsWith('/*', at) ? endOfComment(sql, at) : at;
}

function endOfComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    const pair = sql.slice(at, at + 2);
    if (pair !== '/*' && pair !== '*/') continue;
    depth += pair === '/*' ? 1 : -1;
    at++;
    if (depth === 0) return at + 1;
  }
  throw unreadable(start, 'a comment without its end');
}

type Shape = Pick<Token, 'kind' | 'end' | 'value'>;

function tokenAt(
  sql: string,
  start: number,
  previous: Token | undefined,
  opensHeredoc: (dollar: number) => boolean,
): Shape {
  const c = sql[start] ?? '';
  if (c === "'" || c === '"' || c === '`') return quotedAt(sql, start, c);
  if (c === '$') {
    const isParameter = previous?.text === '{' && !opensHeredoc(start);
    return (isParameter ? parameterAt(sql, start) : undefined) ?? heredocAt(sql, start);
  }
  const word = matchAt(/[A-Za-z_][A-Za-z0-9_$]*/y, sql, start);
  if (word !== undefined) {
    if (/^[xb]$/i.test(word) && sql[start + 1] === "'") return bytesAt(sql, start);
    return { kind: 'word', end: start + word.length, value: word.toLowerCase() };
  }
  if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(sql[start + 1] ?? '') && !endsOperand(previous)))
    return numberAt(sql, start, previous);
  // For the engine the first character of a text, unlike a later one, is then a number.
  if (c === '.' && previous === undefined) throw unreadable(start, 'a dot before everything else');
  const mark = matchAt(MARK, sql, start);
  if (mark === undefined)
    throw unreadable(start, /[\x21-\x7e]/.test(c) ? `\`${c}\`` : 'a character that is neither ASCII nor quoted');
  return { kind: 'mark', end: start + mark.length, value: mark };
}

/** Not a word and a string, but one literal without escapes: x'41', b'01'. */
function bytesAt(sql: string, start: number): Shape {
  const literal = matchAt(/x'[0-9a-f]*'|b'[01]*'/iy, sql, start);
  if (literal === undefined) throw unreadable(start, "bytes that are not written as x'41' or b'01'");
  return { kind: 'text', end: start + literal.length, value: '' };
}

function numberAt(sql: string, start: number, previous: Token | undefined): Shape {
  // The index of a tuple: `t.1.2` are two.
  const isIndex = previous?.text === '.' && sql[start] !== '.';
  const number = matchAt(
    isIndex ? /[0-9]+/y : /0x[0-9a-f]+|0b[01]+|(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?/iy,
    sql,
    start,
  );
  const end = start + (number ?? '').length;
  // A name may begin with digits for the engine; here it must be quoted.
  if ((isIndex ? /[\w$]/ : /[\w$.]/).test(sql[end] ?? ''))
    throw unreadable(start, 'a number that runs into something else');
  return { kind: 'mark', end, value: number ?? '' };
}

/** Behind it a dot leads to a part of it, and begins no number. */
function endsOperand(token: Token | undefined): boolean {
  return token !== undefined && token.kind !== 'text' && (token.kind !== 'mark' || /^\.?\d|^[)\]]$/.test(token.text));
}

/**
 * Returns whether a `$` begins a heredoc for the engine: whether the text up to the next `$` stands somewhere behind that
 * one again. All are found in one reading of the statement, at the first question.
 */
function heredocOpenings(sql: string): (dollar: number) => boolean {
  /** Last place of each text from one `$` to the next. */
  let last: Map<string, number> | undefined;
  return (dollar) => {
    if (last === undefined) {
      last = new Map();
      let from = sql.indexOf('$');
      for (let to = sql.indexOf('$', from + 1); from >= 0 && to >= 0; to = sql.indexOf('$', from + 1)) {
        last.set(sql.slice(from, to + 1), from);
        from = to;
      }
    }
    const next = sql.indexOf('$', dollar + 1);
    return next >= 0 && (last.get(sql.slice(dollar, next + 1)) ?? dollar) > next;
  };
}

/** Returns the name of a parameter that begins with `$`, as in `{$x:String}`. */
function parameterAt(sql: string, start: number): Shape | undefined {
  const word = matchAt(/\$[A-Za-z0-9_][A-Za-z0-9_$]*/y, sql, start);
  return word === undefined ? undefined : { kind: 'word', end: start + word.length, value: word.toLowerCase() };
}

function heredocAt(sql: string, start: number): Shape {
  const tag = matchAt(/\$[A-Za-z0-9_]*\$/y, sql, start);
  const close = tag === undefined ? -1 : sql.indexOf(tag, start + tag.length);
  if (tag === undefined || close < 0) throw unreadable(start, 'a `$` that begins no closed heredoc');
  const value = sql.slice(start + tag.length, close);
  if (value.includes('\0')) throw unreadable(start, 'a zero byte');
  return { kind: 'text', end: close + tag.length, value };
}

function quotedAt(sql: string, start: number, quote: string): Shape {
  const end = endOfQuoted(sql, start, quote);
  const value = unquote(sql.slice(start + 1, end - 1), quote);
  if (quote === "'") return { kind: 'text', end, value };
  // Names with line breaks would blur what the engine shows of its own reading (`reader-tree.ts`).
  if (/[\x00-\x1f\x7f]/.test(value)) throw unreadable(start, 'a quoted name with a control character');
  return { kind: 'name', end, value: value.toLowerCase() };
}

function endOfQuoted(sql: string, start: number, quote: string): number {
  for (let at = start + 1; at < sql.length; at++) {
    const c = sql[at];
    if (c === '\0') throw unreadable(at, 'a zero byte');
    if (c === '\\') at++;
    else if (c === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  throw unreadable(start, 'a quote without its end');
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
  a: '\u0007',
  v: '\v',
  e: '\u001b',
};

/** Undoes backslashes and doubled quotes. */
function unquote(text: string, quote: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|N|([\s\S]))|''|""|``/g,
    (all, hex: string | undefined, c: string | undefined) => {
      if (!all.startsWith('\\')) return all === quote + quote ? quote : all;
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      return c === undefined ? '' : (ESCAPES[c] ?? c);
    },
  );
}

function matchAt(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

function unreadable(at: number, what: string): Error {
  return named('SYNTAX_ERROR', `Syntax error: failed at position ${at + 1}: ${what}`);
}
