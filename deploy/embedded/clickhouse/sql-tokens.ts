/** A piece of SQL that is neither space nor comment. Offsets are bytes: the text is read as latin1. */
export interface Token {
  /** `word`: a keyword or bare name; `quoted`: string, quoted name or heredoc; `symbol`: anything else. */
  readonly kind: 'word' | 'quoted' | 'symbol';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many parentheses are open around it. */
  readonly depth: number;
}

// Smart quotes count as quotes for the engine (UTF-8 E2 80 98/99 and E2 80 9C/9D, seen here as latin1).
const SMART_CLOSE: Readonly<Record<string, string>> = { '\u00e2\u0080\u0098': '\u00e2\u0080\u0099', '\u00e2\u0080\u009c': '\u00e2\u0080\u009d' };

/**
 * Splits SQL the way ClickHouse's lexer does: nested comments, backslash and doubled quotes, heredocs,
 * smart quotes. Lazily, so that an INSERT's data behind its FORMAT is never looked at.
 *
 * @param sql bytes as latin1, one character per byte
 */
export function* tokensOf(sql: string): Generator<Token, void, void> {
  let at = 0;
  let depth = 0;
  while (at < sql.length) {
    const afterGap = skipGap(sql, at);
    if (afterGap > at) {
      at = afterGap;
      continue;
    }
    const start = at;
    at = endOfToken(sql, at);
    const text = sql.slice(start, at);
    if (text === ')' || text === ']') depth--;
    yield { kind: kindOf(text), text, start, end: at, depth };
    if (text === '(' || text === '[') depth++;
  }
}

function kindOf(text: string): Token['kind'] {
  if (/^[A-Za-z_]/.test(text)) return 'word';
  return /^['"`$\u00e2]/.test(text) && text.length > 1 ? 'quoted' : 'symbol';
}

function skipGap(sql: string, at: number): number {
  const c = sql[at] ?? '';
  if (/[\s\u0000\u00a0]/.test(c)) return at + 1;
  if (sql.startsWith('--', at) || sql.startsWith('# ', at) || sql.startsWith('#!', at)) {
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
  return sql.length;
}

function endOfToken(sql: string, start: number): number {
  const c = sql[start] ?? '';
  if (c === "'" || c === '"' || c === '`') return endOfQuoted(sql, start, c);
  const smart = SMART_CLOSE[sql.slice(start, start + 3)];
  if (smart !== undefined) return after(sql, smart, start + 3);
  if (c === '$') {
    const tag = /^\$[A-Za-z0-9_]*\$/.exec(sql.slice(start, start + 66))?.[0];
    if (tag !== undefined) return after(sql, tag, start + tag.length);
  }
  const word = /[A-Za-z_][A-Za-z0-9_$]*|[0-9][A-Za-z0-9_.]*/y;
  word.lastIndex = start;
  return word.test(sql) ? word.lastIndex : start + 1;
}

function after(sql: string, closing: string, from: number): number {
  const end = sql.indexOf(closing, from);
  return end < 0 ? sql.length : end + closing.length;
}

function endOfQuoted(sql: string, start: number, quote: string): number {
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}
