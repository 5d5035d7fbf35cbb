import { named } from './errors.js';
import { functionDenied, isNamed, refuseFunctions } from './forbidden.js';
import { isReaderFunction, isReaderTableFunction, type ReaderCatalog } from './reader-catalog.js';
import { READER_DEFAULTS, READER_LIMITS } from './reader-limits.js';
import { checkReaderTree, checkSystemTable } from './reader-tree.js';
import { emit, quoteText, withNames } from './sql-names.js';
import { tokensOf, type Token } from './sql-tokens.js';

/**
 * What a reader's statement may be. Three walls, each of which reads for itself:
 * 1. here, the tokens; what runs is rebuilt from them (`text`), so that nothing runs that was not read;
 * 2. the engine's own reading of that very text (`checkTree`, see `reader-tree.ts`);
 * 3. the engine's rights (`SET ROLE reader`, see `engine-config.ts`) and, where the system offers it, its confinement.
 */
export interface JudgedStatement {
  /** What to run in place of the reader's text: no comments, no parameters for names, every quote closed. */
  readonly text: Buffer;
  /** Of the statement as a whole: taken out of the text, so that they change neither how it is read nor what is shown of that. */
  readonly settings: ReadonlyMap<string, string>;
  /** SQL that the engine's tree does not show (`additional_table_filters`, `SHOW ... WHERE`): to be judged as SELECTs. */
  readonly conditions: readonly string[];
  /**
   * Throws unless the engine read the statement as what it may be.
   *
   * @param tree its EXPLAIN AST
   * @param answersInto the pipe of a SELECT's answer
   */
  checkTree(tree: string, answersInto?: string): void;
  /** The same of a condition, as `SELECT (condition)`. */
  checkCondition(tree: string): void;
}

/** A reader's statement may be as long as the engine's `max_query_size`. */
const MAX_BYTES = 256 * 1024;

const FIRST_WORDS = new Set(['select', 'with', 'from', '(', 'explain', 'show', 'describe', 'desc', 'exists']);

/** First words of statements that a reader may not run; an unknown first word is reported as a typing error. */
const DENIED_WORDS = new Set([
  'insert',
  'create',
  'drop',
  'alter',
  'truncate',
  'rename',
  'exchange',
  'optimize',
  'set',
  'use',
  'kill',
  'system',
  'grant',
  'revoke',
  'execute',
  'attach',
  'detach',
  'undrop',
  'backup',
  'restore',
  'check',
  'begin',
  'commit',
  'rollback',
  'delete',
  'update',
  'move',
  'watch',
  'replace',
  'parallel',
  'copy',
  'snapshot',
]);

/** After SHOW; SHOW PROCESSLIST, GRANTS, USERS ... tell of others. */
const SHOWN = new Set([
  'dictionaries',
  'temporary',
  'settings',
  'tables',
  'databases',
  'columns',
  'fields',
  'create',
  'functions',
  'full',
  'extended',
  'index',
  'indexes',
  'indices',
  'keys',
  'table',
]);
const NOT_CREATED = new Set([
  'user',
  'users',
  'role',
  'roles',
  'quota',
  'quotas',
  'profile',
  'profiles',
  'row',
  'policy',
  'policies',
  'settings',
  'masking',
  'access',
  'named',
]);

/** Change how an answer looks or is worked out, not what may be read or how much. */
const SETTINGS =
  /^(output_format_(?!schema$).*|date_time_(in|out)put_format|join_(use_nulls|algorithm)|group_by_use_nulls|extremes|final|limit|offset|max_block_size|result_overflow_mode|timeout_overflow_mode|read_overflow_mode|(distinct|group_by|sort|set|join)_overflow_mode|max_(rows|bytes)_to_(read|group_by|sort)|totals_mode|session_timezone|union_default_mode|transform_null_in|prefer_column_name_to_alias|cast_keep_nullable|cast_string_to_(dynamic|variant)_use_inference|allow_(experimental_)?(json|dynamic|variant)_type|allow_suspicious_(low_cardinality|variant|types_in_(group|order)_by).*|aggregate_functions_null_for_empty|asterisk_include_.*|empty_result_for_aggregation_by_empty_set|do_not_merge_across_partitions_select_final|optimize_(read_in_order|move_to_prewhere|aggregation_in_order)|send_progress_in_http_headers|log_queries)$/;

/** Their values are SQL: conditions, checked like a statement of their own. */
const CONDITION_SETTINGS = new Set(['additional_table_filters', 'additional_result_filter']);

/** Settings of a client about data that goes in, or about the connection: nothing of a reader's. Taken, and not passed on. */
const IGNORED_SETTINGS =
  /^(input_format_(?!.*schema).*|(wait_for_)?async_insert.*|insert_.*|http_.*|send_logs_level|implicit_select)$/;

/** What a reader's `SET` sets in its session: literals for settings that a request may name. Throws for everything else. */
export function readerSet(query: Buffer, catalog: ReaderCatalog): ReadonlyMap<string, string> {
  if (query.length > MAX_BYTES)
    throw named('QUERY_IS_TOO_LARGE', `Query is too large: a reader's has at most ${MAX_BYTES} bytes`);
  const tokens = [...tokensOf(query.toString('latin1'))];
  if (tokens.at(-1)?.text === ';') tokens.pop();
  const settings = new Map<string, string>();
  for (let at = 1; ; at += 4) {
    const [name, equals, value, comma] = tokens.slice(at, at + 4);
    if (!isNamed(name) || equals?.text !== '=') throw notAllowed(name?.value ?? '');
    settings.set(name.value, literalOf(value, name.value));
    if (comma === undefined) break;
    if (comma.text !== ',') throw notAllowed(name.value);
  }
  readerSettings(settings, catalog);
  return settings;
}

/** The settings of a reader's request: its own over the defaults. Throws for one that is not allowed, or beyond its limit. */
export function readerSettings(
  asked: ReadonlyMap<string, string>,
  catalog: ReaderCatalog,
): ReadonlyMap<string, string> {
  const held = [...asked].filter(([name]) => !(IGNORED_SETTINGS.test(name) && catalog.settings.has(name)));
  for (const [name, value] of held) {
    if (CONDITION_SETTINGS.has(name)) throw notAllowed(name);
    checkSetting(name, value, catalog);
  }
  return new Map([...Object.entries(READER_DEFAULTS), ...held]);
}

/** The database of a reader's request: ours, which is also what `default` means to a reader. */
export function readerDatabase(asked: string | undefined, catalog: ReaderCatalog): string {
  if (asked === undefined || asked === catalog.database || asked === 'default') return catalog.database;
  throw named(
    'ACCESS_DENIED',
    `reader: Not enough privileges. The database of a request is ${catalog.database}; name tables of system in full`,
  );
}

/** Judges one statement. Throws ACCESS_DENIED, or ClickHouse's own code, for one that a reader may not run. */
export function judgeStatement(
  query: Buffer,
  params: ReadonlyMap<string, string>,
  catalog: ReaderCatalog,
): JudgedStatement {
  if (query.length > MAX_BYTES)
    throw named('QUERY_IS_TOO_LARGE', `Query is too large: a reader's has at most ${MAX_BYTES} bytes`);
  const tokens = withNames([...tokensOf(query.toString('latin1'))], params);
  checkKind(tokens);
  const reading: Reading = {
    params,
    catalog,
    settings: new Map(),
    conditions: [],
    settingsLists: explainOptions(tokens),
  };
  const text = judgeTokens(tokens, reading);
  return {
    text: Buffer.from(text, 'latin1'),
    settings: reading.settings,
    conditions: [...reading.conditions, ...showCondition(text)],
    checkTree: (tree, answersInto) => {
      checkReaderTree(
        tree,
        { settingsLists: reading.settingsLists, ...(answersInto === undefined ? {} : { answersInto }) },
        catalog,
      );
    },
    checkCondition: (tree) => {
      checkReaderTree(tree, { settingsLists: 0 }, catalog);
    },
  };
}

/** What is gathered while a statement's tokens are read. */
interface Reading {
  readonly params: ReadonlyMap<string, string>;
  readonly catalog: ReaderCatalog;
  readonly settings: Map<string, string>;
  readonly conditions: string[];
  /** Left in the text. */
  settingsLists: number;
}

function checkKind(tokens: readonly Token[]): void {
  const [first, second, third] = tokens.map((token) =>
    token.kind === 'word' || token.text === '(' ? token.value : '',
  );
  if (first === undefined || first === '' || DENIED_WORDS.has(first))
    throw named(
      'ACCESS_DENIED',
      'reader: Not enough privileges. A reader may SELECT, EXPLAIN, SHOW, DESCRIBE and EXISTS',
    );
  if (!FIRST_WORDS.has(first))
    throw named(
      'SYNTAX_ERROR',
      'Syntax error: failed at position 1. Expected one of: SELECT, WITH, FROM, EXPLAIN, SHOW, DESCRIBE, EXISTS',
    );
  if (first !== 'show') return;
  if (!SHOWN.has(second ?? '') || (second === 'create' && NOT_CREATED.has(third ?? ''))) {
    throw named(
      'ACCESS_DENIED',
      'reader: Not enough privileges. A reader may SHOW DATABASES, TABLES, DICTIONARIES, COLUMNS, FUNCTIONS, INDEXES, SETTINGS and CREATE TABLE',
    );
  }
}

/**
 * The condition of `SHOW ... WHERE`, which the engine's tree does not show: everything between WHERE and the clauses
 * behind it, of which only `LIMIT number` and `FORMAT name` may be there. So no part of it is judged by nobody.
 */
function showCondition(text: string): string[] {
  const tokens = [...tokensOf(text)];
  const from = tokens.findIndex((token) => token.kind === 'word' && token.value === 'where' && token.depth === 0);
  if (tokens[0]?.value !== 'show' || from < 0) return [];
  let to = tokens.length;
  if (tokens[to - 2]?.value === 'format' && tokens[to - 1]?.kind === 'word') to -= 2;
  if (tokens[to - 2]?.value === 'limit' && /^\d+$/.test(tokens[to - 1]?.text ?? '')) to -= 2;
  return [Buffer.from(emit(tokens.slice(from + 1, to)), 'latin1').toString()];
}

/** `EXPLAIN PLAN json = 1, description = 0 SELECT ...`: one list of settings, of EXPLAIN's own. */
function explainOptions(tokens: readonly Token[]): number {
  if (tokens[0]?.kind !== 'word' || tokens[0].value !== 'explain') return 0;
  const query = tokens.findIndex((token) => ['select', 'with', 'from', '('].includes(token.value));
  return tokens.slice(0, query < 0 ? tokens.length : query).some(({ text }) => text === '=') ? 1 : 0;
}

/** Returns the statement, rebuilt from tokens that a reader may use. */
function judgeTokens(tokens: readonly Token[], reading: Reading): string {
  const { catalog } = reading;
  refuseFunctions(
    tokens,
    (name) =>
      !isReaderTableFunction(name) &&
      !isReaderFunction(name, catalog) &&
      (catalog.deniedFunctions.has(name) || catalog.deniedTableFunctions.has(name)),
  );
  const rewritten: (Token | undefined)[] = [...tokens];
  tokens.forEach((token, i) => {
    if (!isNamed(token)) return;
    if (token.value === 'system' && tokens[i + 1]?.text === '.' && tokens[i - 1]?.text !== '.')
      checkSystemTable(isNamed(tokens[i + 2]) ? tokens[i + 2]?.value : undefined);
    if (token.value.startsWith('system.')) checkSystemTable(token.value.slice('system.'.length));
    if (token.kind !== 'word') return;
    if (token.value === 'settings') judgeSettings(tokens, i + 1, rewritten, reading);
    if (token.value === 'apply') checkApplied(tokens, i + 1, catalog);
  });
  return emit(rewritten.filter((token) => token !== undefined));
}

/** What APPLY does is not in the engine's tree: each call must be of a function that a reader may call. */
function checkApplied(tokens: readonly Token[], from: number, catalog: ReaderCatalog): void {
  const depth = tokens[from]?.depth ?? 0;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined || (at > from && token.depth <= depth)) return;
    const isCall =
      at === from ||
      tokens[at + 1]?.text === '(' ||
      (tokens[at - 1]?.text === '(' && at === from + 1 && tokens[at + 1]?.text !== '->');
    if (isNamed(token) && isCall && !isReaderFunction(token.value, catalog)) throw functionDenied(token.value);
  }
}

/**
 * `SETTINGS a = 1, b = 'x'`, wherever it stands. Strict: a value is one literal, and a list that goes on in another way
 * is refused, so that the engine cannot read more settings than this does. A column or alias of that name is followed
 * by something else than `name =`, and the engine's tree tells that it is no list.
 */
function judgeSettings(
  tokens: readonly Token[],
  from: number,
  rewritten: (Token | undefined)[],
  reading: Reading,
): void {
  const first = tokens[from];
  if (!isNamed(first) || !['=', '.'].includes(tokens[from + 1]?.text ?? '')) return;
  const settings = new Map<string, string>();
  let hasConditions = false;
  let at = from;
  for (; ; at++) {
    const name = tokens[at];
    if (!isNamed(name) || tokens[at + 1]?.text !== '=') throw notAllowed(name?.value ?? '');
    at += 2;
    if (CONDITION_SETTINGS.has(name.value)) {
      at = judgeConditions(tokens, at, rewritten, reading);
      hasConditions = true;
    } else {
      const sign = tokens[at]?.text === '-' ? '-' : '';
      if (sign !== '') at++;
      const value = sign + literalOf(tokens[at], name.value);
      checkSetting(name.value, value, reading.catalog);
      settings.set(name.value, value);
      at++;
    }
    if (tokens[at]?.text !== ',') break;
  }
  if (first.depth > 0 || hasConditions) {
    reading.settingsLists += 1;
    return;
  }
  for (const [name, value] of settings) reading.settings.set(name, value);
  rewritten.fill(undefined, from - 1, at);
}

function literalOf(token: Token | undefined, setting: string): string {
  if (token?.kind === 'text') return Buffer.from(token.value, 'latin1').toString();
  if (token !== undefined && /^([0-9.][\w.+-]*|true|false)$/i.test(token.text)) return token.value;
  throw notAllowed(setting);
}

/** `{'table': 'condition', ...}` or `'condition'`: each text is SQL of its own. */
function judgeConditions(
  tokens: readonly Token[],
  from: number,
  rewritten: (Token | undefined)[],
  reading: Reading,
): number {
  const isMap = tokens[from]?.text === '{';
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    const isTable = isMap && tokens[at + 1]?.text === ':';
    if (token?.kind === 'text' && !isTable) {
      const inner: Reading = { ...reading, settings: new Map(), conditions: [], settingsLists: 0 };
      const condition = judgeTokens(withNames([...tokensOf(token.value)], reading.params), inner);
      if (inner.settings.size + inner.settingsLists > 0) throw notAllowed('additional_table_filters');
      reading.conditions.push(Buffer.from(condition, 'latin1').toString());
      rewritten[at] = { ...token, text: quoteText(condition) };
    } else if (token?.kind !== 'text' && !(isMap && ['{', '}', ':', ','].includes(token?.text ?? '')))
      throw notAllowed('additional_table_filters');
    if (!isMap || token?.text === '}') return at + 1;
  }
  throw notAllowed('additional_table_filters');
}

function checkSetting(name: string, value: string, catalog: ReaderCatalog): void {
  const limit = Object.hasOwn(READER_LIMITS, name) ? READER_LIMITS[name as keyof typeof READER_LIMITS] : undefined;
  if (limit !== undefined) {
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    // 0 means no limit at all.
    if (number > 0 && number <= limit) return;
    throw named(
      'SETTING_CONSTRAINT_VIOLATION',
      `Setting ${name} shouldn't be greater than ${limit}, nor 0, for user reader`,
    );
  }
  if (SETTINGS.test(name)) return;
  if (!catalog.settings.has(name)) throw named('UNKNOWN_SETTING', `Unknown setting '${name.replace(/[^\w.]/g, '?')}'`);
  throw notAllowed(name);
}

function notAllowed(name: string): Error {
  return named(
    'SETTING_CONSTRAINT_VIOLATION',
    `Setting ${name.replace(/[^\w.]/g, '?')} should not be changed by user reader`,
  );
}
