import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChdbBinding, Connection, EngineResult } from './chdb.js';
import { writeEngineConfig } from './engine-config.js';
import { ClickHouseError, named } from './errors.js';
import { readerCatalog, type ReaderCatalog } from './reader-catalog.js';
import type { Session } from './sessions.js';
import { quoteName, quoteText } from './sql-names.js';
import { tokensOf, type Token } from './sql-tokens.js';
import type { UserName } from './users.js';

/** What holds for one request only: it dies with the request's connection, or is taken back in a session's. */
export interface QueryContext {
  /** Names the query for `cancel`. */
  readonly id: string;
  readonly user: UserName;
  /** undefined: where the session's connection is. */
  readonly database: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  /** `{name:Type}` parameters, escaped as in a URL's `param_name`. */
  readonly params: ReadonlyMap<string, string>;
  /** Of the writer's or an admin's. */
  readonly session?: Session;
  /** Judges what the engine reads before it runs. A reader's statement does not run without one, and an admin's has one unless it is an INSERT with data. */
  readonly check?: EngineCheck;
}

/** What must hold of the engine's own reading (EXPLAIN AST) of a statement. */
export interface EngineCheck {
  /** Throws the error for the client. `sql`: the text of which the engine made the tree. */
  statement(tree: string, sql: string): void;
  /** Further texts that the engine will read as SQL, as SELECTs. */
  readonly selects: readonly string[];
  select(tree: string): void;
}

/** What the engine counts of a running query. */
export interface RunningCounts {
  readonly id: string;
  readonly readRows: number;
  readonly readBytes: number;
  readonly memoryBytes: number;
}

const CANCEL_AGAIN_MS = 100;

/** Of what a reader's statement is read as: its tree is looked at on the event loop. */
const TREE_LIMITS = 'SET max_ast_depth = 500, max_ast_elements = 20000';

/** The engine over one data folder. One process can hold one. */
export class Engine {
  readonly #chdb: ChdbBinding;
  readonly #path: string;
  readonly #args: readonly string[];
  /** Held open for the engine's life: closing the last connection shuts the engine down. */
  readonly #control: Connection;
  /** Ids of the contexts whose statements have not ended. */
  readonly #executing = new Set<string>();

  private constructor(chdb: ChdbBinding, path: string, args: readonly string[]) {
    this.#chdb = chdb;
    this.#path = path;
    this.#args = args;
    this.#control = chdb.CreateConnection(path, args);
  }

  /** Opens or creates the data folder and its database. */
  static async open(chdb: ChdbBinding, dataDir: string, database: string): Promise<Engine> {
    const path = join(dataDir, 'data');
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const engine = new Engine(chdb, path, [`--config-file=${writeEngineConfig(join(dataDir, 'config'), database)}`]);
    // chDB's `default` is an Overlay database, which cannot hold refreshable views.
    await engine.#onControl(`CREATE DATABASE IF NOT EXISTS ${quoteName(database)} ENGINE = Atomic`);
    return engine;
  }

  /** Version, time zone and host name as the engine tells them. */
  async describe(): Promise<{ version: string; timezone: string; displayName: string }> {
    const result = await this.#onControl('SELECT version(), timezone(), displayName()');
    const [version = '', timezone = '', displayName = ''] = result.bytes.toString().trim().split('\t');
    return { version, timezone, displayName };
  }

  /** Names that rules about a reader's statement need. */
  async catalog(database: string): Promise<ReaderCatalog> {
    const rows = async (sql: string): Promise<string[][]> =>
      (await this.#onControl(sql)).bytes
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('\t'));
    const names = async (sql: string): Promise<string[]> => (await rows(sql)).map(([name = '']) => name);
    return readerCatalog(database, {
      functions: (await rows('SELECT name, is_aggregate, alias_to, toString(categories) FROM system.functions')).map(
        ([name = '', isAggregate, aliasTo = '', category = '']) => ({
          name,
          isAggregate: isAggregate === '1',
          aliasTo,
          category,
        }),
      ),
      combinators: await names('SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal'),
      tableFunctions: await names('SELECT name FROM system.table_functions'),
      settings: await names('SELECT name FROM system.settings'),
    });
  }

  /** What runs now, by the ids of their contexts. */
  async running(): Promise<RunningCounts[]> {
    const result = await this.#onControl(
      "SELECT Settings['log_comment'], read_rows, read_bytes, memory_usage FROM system.processes WHERE Settings['log_comment'] != ''",
    );
    return result.bytes
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [id = '', readRows, readBytes, memoryBytes] = line.split('\t');
        return { id, readRows: Number(readRows), readBytes: Number(readBytes), memoryBytes: Number(memoryBytes) };
      });
  }

  /** Runs one statement, on a connection of its own or on its session's. Rejects with `ClickHouseError`. */
  async execute(sql: string, format: string, context: QueryContext): Promise<EngineResult> {
    this.#executing.add(context.id);
    if (context.session !== undefined)
      return this.#executeInSession(sql, format, context, context.session).finally(() => {
        this.#executing.delete(context.id);
      });
    const connection = this.#chdb.CreateConnection(this.#path, this.#args);
    try {
      const run = (text: string): Promise<EngineResult> =>
        this.#chdb.QueryAsyncConnection(connection, text, 'TabSeparated');
      const use = useOf(context);
      if (context.user !== 'reader') {
        await run([...roleOf(context.user), settingsOf(context), ...use].join('; '));
        await this.#check(connection, sql, context.check);
      } else {
        if (context.check === undefined) throw new Error("a reader's statement must be judged");
        await run(['SET ROLE reader', TREE_LIMITS, ...use].join('; '));
        await this.#check(connection, sql, context.check);
        // `readonly = 2` comes last, since nothing can be set to more after it.
        await run(`${settingsOf(context)}, readonly = '2'`);
      }
      return await this.#chdb.QueryAsyncConnection(connection, sql, format);
    } catch (error) {
      throw ClickHouseError.from(error);
    } finally {
      this.#executing.delete(context.id);
      this.#chdb.CloseConnection(connection);
    }
  }

  /** Settings, parameters and database of the request hold for its statement alone; what the statement sets stays. */
  async #executeInSession(sql: string, format: string, context: QueryContext, session: Session): Promise<EngineResult> {
    const isNew = session.connection === undefined;
    const connection = session.connection ?? this.#chdb.CreateConnection(this.#path, this.#args);
    session.connection = connection;
    const roles = isNew ? roleOf(context.user) : [];
    const run = (text: string, as = 'TSVRaw'): Promise<EngineResult> =>
      this.#chdb.QueryAsyncConnection(connection, text, as);
    try {
      for (const role of roles) await run(role);
      // A session begins in the database of its first request.
      if (isNew && context.database !== undefined) await run(`USE ${quoteName(context.database)}`);
      const tokens = [...tokensOf(Buffer.from(sql).toString('latin1'))];
      const sets = ['set', 'use'].includes(tokens[0]?.value ?? '');
      takeParams(tokens, context, session.spentParams);
      const changesState = context.settings.size > 0 || context.database !== undefined;
      const before = changesState ? await stateOf(run) : undefined;
      const takeBack = async (): Promise<void> => {
        if (before === undefined) return;
        // These two cut short what is asked about the others.
        for (const name of ['limit', 'offset'])
          if (context.settings.has(name)) await run(`SET ${name} = ${before.settings.get(name) ?? 'DEFAULT'}`);
        const statements = difference(before, await stateOf(run));
        if (statements.length > 0) await run(statements.join('; '));
      };
      try {
        await run([settingsOf(context), ...useOf(context)].join('; '));
        // What it sets belongs to the session, and must not be taken back with what the request set.
        await this.#check(connection, sql, context.check);
        if (sets) await takeBack();
        return await run(sql, format);
      } finally {
        if (!sets) await takeBack();
      }
    } catch (error) {
      throw ClickHouseError.from(error);
    }
  }

  /**
   * Returns a syntax error as the engine words it for the client's own text. What was run has further words before and
   * behind it: they move positions, and would show in the error.
   */
  async syntaxError(text: string): Promise<ClickHouseError> {
    try {
      await this.#onControl(`SELECT formatQuery(${quoteText(text)})`);
    } catch (error) {
      const [, message] = /DB::Exception: (Syntax error.*): In scope SELECT formatQuery\(/s.exec(String(error)) ?? [];
      if (message !== undefined) return named('SYNTAX_ERROR', message);
    }
    return named('SYNTAX_ERROR', 'Syntax error in the statement, in its settings or in its parameters');
  }

  /** Lets go of a connection that a session held. */
  closeConnection(connection: Connection): void {
    this.#chdb.CloseConnection(connection);
  }

  /** Has the engine read the very text that runs next. A reader's settings do not hold yet. */
  async #check(connection: Connection, sql: string, check: EngineCheck | undefined): Promise<void> {
    if (check === undefined) return;
    const read = async (text: string): Promise<string> =>
      (await this.#chdb.QueryAsyncConnection(connection, `EXPLAIN AST ${text}`, 'TSVRaw')).bytes.toString();
    check.statement(await read(sql), sql);
    for (const text of check.selects) check.select(await read(text));
  }

  /**
   * Asks a query to stop, until it has: one that is still being planned is on no list that KILL reads, and would run
   * to its end. Not SYNC: that can hang.
   */
  async cancel(id: string): Promise<void> {
    while (this.#executing.has(id)) {
      await this.#onControl(`KILL QUERY WHERE Settings['log_comment'] = ${quoteText(id)} ASYNC`);
      await sleep(CANCEL_AGAIN_MS, undefined, { ref: false });
    }
  }

  close(): void {
    this.#chdb.CloseConnection(this.#control);
  }

  #onControl(sql: string): Promise<EngineResult> {
    return this.#chdb.QueryAsyncConnection(this.#control, sql, 'TabSeparated');
  }
}

/** A connection begins with the rights of the writer. */
function roleOf(user: UserName): string[] {
  return user === 'admin' ? ['SET ROLE admin'] : [];
}

/** Where a session's connection is. */
interface SessionState {
  readonly database: string;
  /** Those that are not at the engine's default, by name. */
  readonly settings: ReadonlyMap<string, string>;
}

async function stateOf(run: (text: string) => Promise<EngineResult>): Promise<SessionState> {
  const { bytes } = await run(
    "SELECT toJSONString((currentDatabase(), groupArray((name, value)))) FROM system.settings WHERE changed AND name != 'log_comment'",
  );
  if (bytes.length === 0)
    throw named(
      'NOT_IMPLEMENTED',
      'A session in which offset is set takes no settings and no database beside it: SET offset = 0 first',
    );
  const [database, settings] = JSON.parse(bytes.toString()) as [string, [string, string][]];
  return { database, settings: new Map(settings) };
}

/** The statements that lead from `now` back to `before`. All settings are looked at: one of them can set others (`compatibility`). */
function difference(before: SessionState, now: SessionState): string[] {
  const names = [...new Set([...now.settings.keys(), ...before.settings.keys()])].filter(
    (name) => now.settings.get(name) !== before.settings.get(name),
  );
  // What sets others comes first.
  names.sort((one, other) => Number(other === 'compatibility') - Number(one === 'compatibility'));
  const settings = names.map((name) => {
    const value = before.settings.get(name);
    return `SET ${name} = ${value === undefined ? 'DEFAULT' : quoteText(value)}`;
  });
  return [...(now.database === before.database ? [] : [`USE ${quoteName(before.database)}`]), ...settings];
}

/**
 * A parameter that a request set stays on its session's connection, as the engine cannot unset one: a later statement
 * that names it, and whose request does not set it, is refused as a server refuses it.
 */
function takeParams(tokens: readonly Token[], { params }: QueryContext, spent: Set<string>): void {
  tokens.forEach(({ text }, i) => {
    const name = tokens[i + 1]?.text ?? '';
    if (text === '{' && tokens[i + 2]?.text === ':' && spent.has(name) && !params.has(name))
      throw named('UNKNOWN_QUERY_PARAMETER', `Substitution \`${name}\` is not set`);
    // SET param_x = ... is the session's.
    if (tokens[0]?.value === 'set') spent.delete(text.replace(/^param_/, ''));
  });
  for (const name of params.keys()) spent.add(name);
}

function useOf(context: QueryContext): string[] {
  return [...(context.database === undefined ? [] : [`USE ${quoteName(context.database)}`]), ...paramsOf(context)];
}

/** Parameters go in as settings: chDB's own binding of parameters is shared by all connections of a process. */
function paramsOf({ params }: QueryContext): string[] {
  return params.size === 0
    ? []
    : [`SET ${[...params].map(([name, value]) => `${quoteName(`param_${name}`)} = ${quoteText(value)}`).join(', ')}`];
}

/** `log_comment` carries the query's id, as chDB lets nobody choose a query id. */
function settingsOf(context: QueryContext): string {
  const changes = [...context.settings].map(([name, value]) => `${name} = ${quoteText(value)}`);
  return `SET ${[...changes, `log_comment = ${quoteText(context.id)}`].join(', ')}`;
}
