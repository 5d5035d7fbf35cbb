import type { TimeRange } from '#schemas/http/boards.js';
import { readCall } from './macro-call.js';

/** Value of a variable: a list of values, or all. */
export type VariableValue = readonly string[] | 'all';

export interface MacroContext {
  range: TimeRange;
  /** Width of a bucket in milliseconds. */
  intervalMs: number;
  variables: ReadonlyMap<string, VariableValue>;
  /** Variables whose values are defined by the board only, so they may be unquoted in SQL. */
  plain?: ReadonlySet<string>;
}

/**
 * Expands a panel's SQL like grafana-clickhouse-datasource 4.14: `$__conditionalAll` (`applyConditionalAll`), the
 * macros of `pkg/macros`, Grafana's `$__interval` and similar, and variables as `${name:singlequote}` or
 * `${name:sqlstring}`.
 *
 * Three differences make it safer. Variables are expanded last, so that a value is never read as a macro. Backslashes
 * in values are escaped too; Grafana escapes quotes only, so a trailing `\` would escape the closing quote. Values that
 * a browser chose freely are always quoted.
 *
 * @throws Error on an unknown macro, variable or format, which means that a generated board is wrong.
 */
export function expandMacros(sql: string, context: MacroContext): string {
  const chosen = expandCalls(sql, (name, args) =>
    name === 'conditionalAll' ? conditionalAll(args, context) : undefined,
  );
  const timed = expandCalls(chosen, (name, args) => {
    const macro = TIME_MACROS[name];
    if (macro === undefined) throw new Error(`macro $__${name} is not known`);
    return macro(args, context);
  });
  return timed.replace(/\$\{([^}]*)\}|\$(\w+)/g, (reference: string, braced?: string, bare?: string) => {
    const [name = '', format] = (braced ?? bare ?? '').split(':');
    const value = context.variables.get(name);
    if (value !== undefined && value !== 'all') {
      if (format === 'singlequote' || format === 'sqlstring') return value.map(quote).join(',');
      if (context.plain?.has(name) === true && [undefined, 'raw', 'csv'].includes(format)) return value.join(',');
    }
    throw new Error(`variable ${reference} cannot be expanded here`);
  });
}

/** Returns a ClickHouse string literal. */
export function quote(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&').replaceAll('\0', '\\0')}'`;
}

function expandCalls(sql: string, expand: (name: string, args: readonly string[]) => string | undefined): string {
  const start = /\$__(\w+)/g;
  let out = '';
  let done = 0;
  for (let match = start.exec(sql); match !== null; match = start.exec(sql)) {
    const [text, name = ''] = match;
    const call = readCall(sql, match.index + text.length);
    const expanded = expand(name, call.args);
    if (expanded === undefined) continue;
    out += sql.slice(done, match.index) + expanded;
    done = call.end;
    start.lastIndex = call.end;
  }
  return out + sql.slice(done);
}

function conditionalAll(args: readonly string[], context: MacroContext): string {
  const [condition, variable] = args;
  const name = /^\$(?:\{(\w+)\}|(\w+))$/.exec(variable ?? '');
  const value = context.variables.get(name?.[1] ?? name?.[2] ?? '');
  if (args.length !== 2 || condition === undefined || value === undefined) {
    throw new Error('$__conditionalAll: expected a condition and a variable');
  }
  return value === 'all' || value.length === 0 ? '1=1' : condition;
}

type TimeMacro = (args: readonly string[], context: MacroContext) => string;

const TIME_MACROS: Readonly<Record<string, TimeMacro>> = {
  fromTime: (_, { range }) => dateTime(range.from),
  toTime: (_, { range }) => dateTime(range.to),
  fromTime_ms: (_, { range }) => dateTime64(range.from),
  toTime_ms: (_, { range }) => dateTime64(range.to),
  timeFilter: (args, { range }) => between(one('timeFilter', args), dateTime(range.from), dateTime(range.to)),
  timeFilter_ms: (args, { range }) => between(one('timeFilter_ms', args), dateTime64(range.from), dateTime64(range.to)),
  dateFilter: (args, { range }) => between(one('dateFilter', args), date(range.from), date(range.to)),
  dateTimeFilter: dateTimeFilter,
  dt: dateTimeFilter,
  timeInterval: (args, { intervalMs }) =>
    `toStartOfInterval(toDateTime(${one('timeInterval', args)}), INTERVAL ${seconds(intervalMs)} second)`,
  timeInterval_ms: (args, { intervalMs }) =>
    `toStartOfInterval(toDateTime64(${one('timeInterval_ms', args)}, 3), INTERVAL ${String(Math.max(Math.trunc(intervalMs), 1))} millisecond)`,
  interval_s: (_, { intervalMs }) => seconds(intervalMs),
  interval_ms: (_, { intervalMs }) => String(intervalMs),
  interval: (_, { intervalMs }) =>
    intervalMs % 1_000 === 0 ? `${String(intervalMs / 1_000)}s` : `${String(intervalMs)}ms`,
  range_s: (_, { range }) => String(Math.round((range.to - range.from) / 1_000)),
  range_ms: (_, { range }) => String(range.to - range.from),
  from: (_, { range }) => String(range.from),
  to: (_, { range }) => String(range.to),
};

function dateTimeFilter(args: readonly string[], { range }: MacroContext): string {
  const [day, moment] = args;
  if (args.length !== 2 || day === undefined || moment === undefined)
    throw new Error('$__dateTimeFilter: expected 2 arguments');
  return `(${between(day, date(range.from), date(range.to))}) AND (${between(moment, dateTime(range.from), dateTime(range.to))})`;
}

function one(name: string, args: readonly string[]): string {
  const [only] = args;
  if (args.length !== 1 || only === undefined) throw new Error(`$__${name}: expected 1 argument`);
  return only;
}

function between(column: string, from: string, to: string): string {
  return `${column} >= ${from} AND ${column} <= ${to}`;
}

function date(ms: number): string {
  return `toDate('${new Date(ms).toISOString().slice(0, 10)}')`;
}

function dateTime(ms: number): string {
  return `toDateTime(${String(Math.floor(ms / 1_000))})`;
}

function dateTime64(ms: number): string {
  return `fromUnixTimestamp64Milli(${String(Math.floor(ms))})`;
}

function seconds(ms: number): string {
  return String(Math.max(Math.trunc(ms / 1_000), 1));
}
