import { ClickHouseError, named } from './errors.js';
import { refuseForNobody } from './forbidden.js';
import { withNames } from './sql-names.js';
import { tokensOf, type Token } from './sql-tokens.js';

/** A statement taken apart just far enough to be run. SQL texts are UTF-8 strings without the data of an INSERT. */
export type Statement =
  /** Answers rows of any number. `text` has no FORMAT clause; `rest` is what came behind it (SETTINGS). */
  | { readonly kind: 'select'; readonly text: string; readonly rest: string; readonly format: string | undefined }
  /** Data follows at byte `dataAt`. Runs as `${text} FROM INFILE '...' ${rest} FORMAT ${format}`. */
  | {
      readonly kind: 'insert';
      readonly text: string;
      readonly rest: string;
      readonly format: string;
      readonly dataAt: number;
    }
  /** Everything else: DDL, INSERT SELECT, SHOW, EXPLAIN ...: small answers. */
  | {
      readonly kind: 'command';
      readonly text: string;
      readonly format: string | undefined;
      readonly isReadOnly: boolean;
      readonly freesSpace: boolean;
    };

/** What helps when the disk is full, or stops what fills it. */
const FREES_SPACE = new Set(['DROP', 'TRUNCATE', 'KILL', 'DETACH', 'SYSTEM', 'SET', 'USE']);
const READ_ONLY = new Set([
  'SELECT',
  'WITH',
  'FROM',
  '(',
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXPLAIN',
  'EXISTS',
  'USE',
  'SET',
]);
/** Words after which `format` is a name and not the clause. */
const BEFORE_NAME = new Set([
  'FROM',
  'JOIN',
  'SELECT',
  'AS',
  ',',
  '.',
  'INTO',
  'TABLE',
  'BY',
  'WHERE',
  'AND',
  'OR',
  '=',
  '(',
]);

/**
 * Recognises an INSERT whose data follows, from the first bytes of query and body.
 *
 * @returns undefined when it is something else, or when `head` ends before that is clear.
 */
export function insertWithData(head: Buffer): (Statement & { kind: 'insert' }) | undefined {
  const sql = head.toString('latin1');
  const cut = (from: number, to: number): string => head.toString('utf8', from, to).trim();
  let count = 0;
  /** Of the INSERT: a WITH before it says nothing to data. */
  let start = 0;
  let settingsAt: number | undefined;
  let previous: Token | undefined;
  for (const token of tokensOf(sql)) {
    // What follows a brace is a parameter's name, such as `{SELECT:Int32}`.
    const word = token.kind === 'word' && previous?.text !== '{' ? token.text.toUpperCase() : '';
    if (count === 0 && previous !== undefined) {
      // Within a WITH, up to INSERT.
      if (token.depth === 0 && word === 'SELECT') return undefined;
      if (token.depth === 0 && word === 'INSERT' && upper(previous) !== ',' && upper(previous) !== 'WITH')
        start = token.start;
      else {
        previous = token;
        continue;
      }
    } else if (count === 0 && word === 'WITH') {
      previous = token;
      continue;
    } else if (count === 0 && word !== 'INSERT') return undefined;
    count++;
    if (word === 'INFILE' && upper(previous) === 'FROM') throw forbidden('FROM INFILE');
    if (token.depth === 0 && count > 2) {
      if (word === 'SELECT' || word === 'WITH' || word === 'WATCH') return undefined;
      if (word === 'SETTINGS') settingsAt ??= token.start;
      if (word === 'VALUES' && upper(previous) !== 'FORMAT' && !BEFORE_NAME.has(upper(previous))) {
        const at = settingsAt ?? token.start;
        return {
          kind: 'insert',
          text: cut(start, at),
          rest: cut(at, token.start),
          format: 'Values',
          dataAt: token.end,
        };
      }
      // The word before decides: `FORMAT` itself was the previous token, this is the format's name.
      if (upper(previous) === 'FORMAT' && word !== '' && previous !== undefined && token.end < sql.length) {
        const at = settingsAt ?? previous.start;
        return {
          kind: 'insert',
          text: cut(start, at),
          rest: cut(at, previous.start),
          format: token.text,
          dataAt: startOfData(sql, token.end),
        };
      }
    }
    previous = token;
  }
  return undefined;
}

/** As ClickHouse: blanks, one `;`, and one line break after the format's name are not data. */
function startOfData(sql: string, at: number): number {
  return at + (/^[ \t\f]*;?[ \t\f]*\r?\n?/.exec(sql.slice(at, at + 4096))?.[0].length ?? 0);
}

/**
 * Takes a whole statement apart. Throws for several statements in one, for those that name files, and for
 * functions and settings that nobody may use.
 *
 * @param params of the request: some stand for names
 */
export function parseStatement(
  query: Buffer,
  params: ReadonlyMap<string, string> = new Map(),
): Exclude<Statement, { kind: 'insert' }> {
  const tokens = [...tokensOf(query.toString('latin1'))];
  while (tokens.at(-1)?.text === ';') tokens.pop();
  const end = tokens.at(-1)?.end ?? 0;
  if (end === 0) throw named('SYNTAX_ERROR', 'Empty query');
  if (tokens.some((token) => token.text === ';')) throw named('SYNTAX_ERROR', 'Multi-statements are not allowed');
  refuseFiles(tokens);
  refuseForNobody(withNames(tokens, params));
  refuseLogComment(tokens);

  const format = formatClause(tokens);
  const name = format === undefined ? undefined : tokens[format + 1]?.text;
  const cut = (from: number, to: number): string => query.toString('utf8', from, to);
  if (isSelect(tokens)) {
    const clause = format === undefined ? undefined : tokens[format];
    const rest = format === undefined ? undefined : tokens[format + 1];
    return {
      kind: 'select',
      text: cut(0, clause?.start ?? end),
      rest: rest === undefined ? '' : cut(rest.end, end),
      format: name,
    };
  }
  const isReadOnly = READ_ONLY.has(upper(tokens[0])) && !writes(tokens);
  const freesSpace =
    FREES_SPACE.has(upper(tokens[0])) ||
    (upper(tokens[0]) === 'ALTER' && tokens.some((token) => ['DROP', 'DELETE'].includes(upper(token))));
  return { kind: 'command', text: cut(0, end), format: name, isReadOnly, freesSpace };
}

/** Returns the kind of a statement, which contains no user data: `SELECT`, `CREATE TABLE`, else `OTHER`. */
export function kindOf(head: Buffer): string {
  const [first = '', second = ''] = firstWords(head);
  if (first === 'WITH' || first === 'FROM') return 'SELECT';
  if (!KINDS.has(first)) return 'OTHER';
  return OBJECTS.has(second) ? `${first} ${second}` : first;
}

/** A head that ends within a quote has the words before it. */
function firstWords(head: Buffer): string[] {
  const words: string[] = [];
  try {
    for (const token of tokensOf(head.toString('latin1'))) {
      if (words.length === 0 && token.text === '(') continue;
      words.push(upper(token));
      if (words.length === 2) break;
    }
  } catch (error) {
    if (!(error instanceof ClickHouseError)) throw error;
  }
  return words;
}

const KINDS = new Set([
  'SELECT',
  'INSERT',
  'CREATE',
  'ALTER',
  'DROP',
  'TRUNCATE',
  'RENAME',
  'OPTIMIZE',
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXPLAIN',
  'EXISTS',
  'SYSTEM',
  'KILL',
  'SET',
  'USE',
  'DETACH',
  'ATTACH',
  'CHECK',
  'DELETE',
  'UPDATE',
  'EXCHANGE',
  'GRANT',
  'BACKUP',
  'RESTORE',
]);
const OBJECTS = new Set([
  'TABLE',
  'VIEW',
  'DATABASE',
  'DICTIONARY',
  'FUNCTION',
  'TABLES',
  'DATABASES',
  'COLUMNS',
  'QUERY',
]);

function isSelect(tokens: readonly Token[]): boolean {
  return ['SELECT', 'WITH', 'FROM', '('].includes(upper(tokens[0])) && !writes(tokens);
}

/** `WITH ... INSERT INTO` starts like a SELECT. */
function writes(tokens: readonly Token[]): boolean {
  return (
    upper(tokens[0]) === 'WITH' &&
    tokens.some((token, i) => token.depth === 0 && upper(token) === 'INSERT' && upper(tokens[i + 1]) === 'INTO')
  );
}

/** Index of the FORMAT of a trailing `FORMAT name [SETTINGS ...]`. */
function formatClause(tokens: readonly Token[]): number | undefined {
  const at = tokens.findLastIndex(
    (token, i) =>
      token.depth === 0 &&
      upper(token) === 'FORMAT' &&
      tokens[i + 1]?.kind === 'word' &&
      i > 0 &&
      !BEFORE_NAME.has(upper(tokens[i - 1])) &&
      (tokens[i + 2] === undefined || upper(tokens[i + 2]) === 'SETTINGS'),
  );
  return at < 0 ? undefined : at;
}

function refuseFiles(tokens: readonly Token[]): void {
  tokens.forEach((token, i) => {
    if (upper(token) === 'OUTFILE' && upper(tokens[i - 1]) === 'INTO') throw forbidden('INTO OUTFILE');
    if (upper(token) === 'INFILE' && upper(tokens[i - 1]) === 'FROM') throw forbidden('FROM INFILE');
  });
}

/** It names the query to KILL when its client goes away (see `engine.ts`). In the URL it is passed over. */
function refuseLogComment(tokens: readonly Token[]): void {
  if (
    !tokens.some(
      (token, i) =>
        /^["`]?log_comment["`]?$/i.test(token.text) &&
        tokens[i + 1]?.text === '=' &&
        ['SETTINGS', ',', 'SET'].includes(upper(tokens[i - 1]) || (tokens[i - 1]?.text ?? '')),
    )
  )
    return;
  throw named('NOT_IMPLEMENTED', "Setting log_comment is the embedded server's own: it names the query");
}

function forbidden(clause: string): Error {
  return named('ACCESS_DENIED', `${clause} is not allowed over HTTP`);
}

function upper(token: Token | undefined): string {
  return token === undefined || token.kind === 'name' || token.kind === 'text' ? '' : token.text.toUpperCase();
}
