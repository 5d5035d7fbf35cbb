import { named } from './errors.js';
import { refuseFunctions } from './forbidden.js';
import { READER_DEFAULTS, READER_LIMITS } from './reader-limits.js';
import { piecesOf, type Piece } from './sql-names.js';

/**
 * What a reader's statement may be. The engine itself refuses it any other database, every write and every
 * file or address (`SET ROLE reader`, see `engine-config.ts`). What the engine has no grant for is refused
 * here, before it runs: most `system` tables, settings that undo the limits, some functions.
 */
export interface ReaderCatalog {
  /** Of this engine: a name on it is a table function, unless allowed below. */
  readonly tableFunctions: ReadonlySet<string>;
  /** Names of the engine's settings, to tell an unknown one from a forbidden one. */
  readonly settings: ReadonlySet<string>;
}

const FIRST_WORDS = new Set(['select', 'with', 'from', '(', 'explain', 'show', 'describe', 'desc', 'exists']);

/** Begin statements that a reader may not run; a word that begins none is a slip, and told as one. */
const DENIED_WORDS = new Set([
  'insert', 'create', 'drop', 'alter', 'truncate', 'rename', 'exchange', 'optimize', 'set', 'use', 'kill', 'system', 'grant', 'revoke', 'execute',
  'attach', 'detach', 'undrop', 'backup', 'restore', 'check', 'begin', 'commit', 'rollback', 'delete', 'update', 'move', 'watch', 'replace', 'parallel',
]);

/** After SHOW; SHOW PROCESSLIST, GRANTS, USERS ... tell of others. */
const SHOWN = new Set(['tables', 'databases', 'columns', 'fields', 'create', 'functions', 'full', 'extended', 'index', 'indexes', 'indices', 'keys', 'table']);
const NOT_CREATED = new Set(['user', 'users', 'role', 'roles', 'quota', 'quotas', 'profile', 'profiles', 'row', 'policy', 'policies', 'settings', 'masking', 'access', 'named']);

/** What Grafana's datasource (schema, completion, ad hoc filters) and clickhouse-go ask, and what tells of types and formats. */
const SYSTEM_TABLES = new Set([
  'one', 'numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'databases', 'tables', 'columns', 'functions', 'table_functions',
  'data_type_families', 'formats', 'settings', 'keywords', 'time_zones', 'aggregate_function_combinators', 'build_options',
]);

/** Make rows out of nothing, or out of the statement's own text. */
const TABLE_FUNCTIONS = new Set(['numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'values', 'sqlstandardvalues', 'generateseries', 'generate_series', 'null', 'view', 'format', 'primes']);

/** Tell of the machine, of other clients, or write to the log. */
const FUNCTIONS = /^(getmacro|getserver.*|getclienthttpheader|getoskernelversion|filesystem.*|serveruuid|showcertificate|addressto.*|demangle|logtrace|joinget.*|dict.*|fuzz.*)$/;

/** Change how an answer looks or is worked out, not what may be read or how much. */
const SETTINGS = /^(output_format_(?!schema$).*|date_time_(in|out)put_format|join_(use_nulls|algorithm)|group_by_use_nulls|extremes|final|limit|offset|max_block_size|result_overflow_mode|timeout_overflow_mode|read_overflow_mode|(distinct|group_by|sort|set|join)_overflow_mode|max_(rows|bytes)_to_(read|group_by|sort)|totals_mode|session_timezone|union_default_mode|transform_null_in|prefer_column_name_to_alias|cast_keep_nullable|aggregate_functions_null_for_empty|asterisk_include_.*|empty_result_for_aggregation_by_empty_set|do_not_merge_across_partitions_select_final|optimize_(read_in_order|move_to_prewhere|aggregation_in_order)|send_progress_in_http_headers|log_queries)$/;

/** Their values are SQL: conditions, checked like a statement of their own. */
const CONDITION_SETTINGS = new Set(['additional_table_filters', 'additional_result_filter']);

/** The settings of a reader's request: its own over the defaults. Throws for one that is not allowed, or beyond its limit. */
export function readerSettings(asked: ReadonlyMap<string, string>, catalog: ReaderCatalog): ReadonlyMap<string, string> {
  for (const [name, value] of asked) {
    if (CONDITION_SETTINGS.has(name)) throw notAllowed(name);
    checkSetting(name, value, catalog);
  }
  return new Map([...Object.entries(READER_DEFAULTS), ...asked]);
}

/** The database that a reader's request names. */
export function checkReaderDatabase(database: string): void {
  if (/^(system|information_schema)$/i.test(database)) {
    throw named('ACCESS_DENIED', `reader: database ${database.toLowerCase()} cannot be the database of a request; name its tables in full`);
  }
}

/** Throws ACCESS_DENIED, or ClickHouse's own code, for a statement that a reader may not run. */
export function checkReaderStatement(query: Buffer, params: ReadonlyMap<string, string>, catalog: ReaderCatalog): void {
  const pieces = piecesOf(query.toString('latin1'), params);
  checkKind(pieces);
  checkPieces(pieces, params, catalog);
}

function checkKind(pieces: readonly Piece[]): void {
  const [first, second, third] = pieces.map((piece) => (piece.isBare || piece.value === '(' ? piece.value : ''));
  if (first === undefined || first === '' || DENIED_WORDS.has(first)) throw named('ACCESS_DENIED', 'reader: Not enough privileges. A reader may SELECT, EXPLAIN, SHOW, DESCRIBE and EXISTS');
  if (!FIRST_WORDS.has(first)) throw named('SYNTAX_ERROR', 'Syntax error: failed at position 1. Expected one of: SELECT, WITH, FROM, EXPLAIN, SHOW, DESCRIBE, EXISTS');
  if (first !== 'show') return;
  if (!SHOWN.has(second ?? '') || (second === 'create' && NOT_CREATED.has(third ?? ''))) {
    throw named('ACCESS_DENIED', 'reader: Not enough privileges. A reader may SHOW DATABASES, TABLES, COLUMNS, FUNCTIONS, INDEXES and CREATE TABLE');
  }
}

function checkPieces(pieces: readonly Piece[], params: ReadonlyMap<string, string>, catalog: ReaderCatalog): void {
  refuseFunctions(pieces, (name) => FUNCTIONS.test(name) || (catalog.tableFunctions.has(name) && !TABLE_FUNCTIONS.has(name)));
  pieces.forEach((piece, i) => {
    if (piece.kind !== 'name') return;
    if (piece.value === 'system' && pieces[i + 1]?.value === '.' && pieces[i - 1]?.value !== '.') checkSystemTable(pieces[i + 2]);
    if (piece.value.startsWith('system.') && !SYSTEM_TABLES.has(piece.value.slice('system.'.length))) checkSystemTable(undefined);
    if (piece.isBare && piece.value === 'settings') checkSettingsClause(pieces, i + 1, params, catalog);
  });
}

function checkSystemTable(table: Piece | undefined): void {
  if (table?.kind === 'name' && SYSTEM_TABLES.has(table.value)) return;
  throw named('ACCESS_DENIED', `reader: Not enough privileges. Of database system a reader sees ${[...SYSTEM_TABLES].join(', ')}`);
}

/**
 * `SETTINGS a = 1, b = 'x'`, wherever it stands. A column or alias of that name is followed by something
 * else than `name =`, so what is not a list of settings is let be.
 */
function checkSettingsClause(pieces: readonly Piece[], from: number, params: ReadonlyMap<string, string>, catalog: ReaderCatalog): void {
  let at = from;
  while (pieces[at]?.kind === 'name' && ['=', '.'].includes(pieces[at + 1]?.value ?? '')) {
    const name = pieces[at]?.value ?? '';
    if (pieces[at + 1]?.value === '.') throw notAllowed(name);
    at += 2;
    if (CONDITION_SETTINGS.has(name)) at = checkConditions(pieces, at, params, catalog);
    else {
      const sign = pieces[at]?.value === '-' ? '-' : '';
      if (sign !== '') at++;
      checkSetting(name, sign + (pieces[at]?.value ?? ''), catalog);
      at++;
    }
    if (pieces[at]?.value !== ',') return;
    at++;
  }
}

/** `{'table': 'condition', ...}` or `'condition'`: each text is SQL of its own. */
function checkConditions(pieces: readonly Piece[], from: number, params: ReadonlyMap<string, string>, catalog: ReaderCatalog): number {
  let at = from;
  const open = pieces[at]?.value === '{';
  do {
    const piece = pieces[at];
    if (piece === undefined) return at;
    if (piece.kind === 'text') checkPieces(piecesOf(piece.value, params), params, catalog);
    else if (!['{', '}', ':', ','].includes(piece.value)) throw notAllowed('additional_table_filters');
    at++;
  } while (open && pieces[at - 1]?.value !== '}');
  return at;
}

function checkSetting(name: string, value: string, catalog: ReaderCatalog): void {
  const limit = Object.hasOwn(READER_LIMITS, name) ? READER_LIMITS[name as keyof typeof READER_LIMITS] : undefined;
  if (limit !== undefined) {
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    // 0 means no limit at all.
    if (number > 0 && number <= limit) return;
    throw named('SETTING_CONSTRAINT_VIOLATION', `Setting ${name} shouldn't be greater than ${limit}, nor 0, for user reader`);
  }
  if (SETTINGS.test(name)) return;
  if (!catalog.settings.has(name)) throw named('UNKNOWN_SETTING', `Unknown setting '${name.replace(/[^\w.]/g, '?')}'`);
  throw notAllowed(name);
}

function notAllowed(name: string): Error {
  return named('SETTING_CONSTRAINT_VIOLATION', `Setting ${name.replace(/[^\w.]/g, '?')} should not be changed by user reader`);
}
