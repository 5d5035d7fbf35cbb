import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChdbBinding, Connection, EngineResult } from './chdb.js';
import { writeEngineConfig } from './engine-config.js';
import { ClickHouseError } from './errors.js';
import { readerCatalog, type ReaderCatalog } from './reader-catalog.js';
import type { Session } from './sessions.js';
import { quoteName, quoteText } from './sql-names.js';
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
  /** Of the writer's. */
  readonly session?: Session;
  /** Judges what the engine reads before it runs. A reader's statement does not run without one. */
  readonly check?: EngineCheck;
}

/** What must hold of the engine's own reading (EXPLAIN AST) of a statement. */
export interface EngineCheck {
  /** Throws what the client is told. */
  statement(tree: string): void;
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
    const rows = async (sql: string): Promise<string[][]> => (await this.#onControl(sql)).bytes.toString().split('\n').filter(Boolean).map((line) => line.split('\t'));
    const names = async (sql: string): Promise<string[]> => (await rows(sql)).map(([name = '']) => name);
    return readerCatalog(database, {
      functions: (await rows('SELECT name, is_aggregate, alias_to, toString(categories) FROM system.functions')).map(([name = '', isAggregate, aliasTo = '', category = '']) => ({
        name, isAggregate: isAggregate === '1', aliasTo, category,
      })),
      combinators: await names('SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal'),
      tableFunctions: await names('SELECT name FROM system.table_functions'),
      settings: await names('SELECT name FROM system.settings'),
    });
  }

  /** What runs now, by the ids of their contexts. */
  async running(): Promise<RunningCounts[]> {
    const result = await this.#onControl("SELECT Settings['log_comment'], read_rows, read_bytes, memory_usage FROM system.processes WHERE Settings['log_comment'] != ''");
    return result.bytes.toString().split('\n').filter(Boolean).map((line) => {
      const [id = '', readRows, readBytes, memoryBytes] = line.split('\t');
      return { id, readRows: Number(readRows), readBytes: Number(readBytes), memoryBytes: Number(memoryBytes) };
    });
  }

  /** Runs one statement, on a connection of its own or on its session's. Rejects with `ClickHouseError`. */
  async execute(sql: string, format: string, context: QueryContext): Promise<EngineResult> {
    this.#executing.add(context.id);
    if (context.session !== undefined) return this.#executeInSession(sql, format, context, context.session).finally(() => { this.#executing.delete(context.id); });
    const connection = this.#chdb.CreateConnection(this.#path, this.#args);
    try {
      const run = (text: string): Promise<EngineResult> => this.#chdb.QueryAsyncConnection(connection, text, 'TabSeparated');
      const use = useOf(context);
      if (context.user === 'writer') await run([settingsOf(context), ...use].join('; '));
      else {
        if (context.check === undefined) throw new Error('a reader\'s statement must be judged');
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

  /** The settings and the database of the request hold for its statement; what the statement sets stays. */
  async #executeInSession(sql: string, format: string, context: QueryContext, session: Session): Promise<EngineResult> {
    const isNew = session.connection === undefined;
    const connection = session.connection ?? this.#chdb.CreateConnection(this.#path, this.#args);
    session.connection = connection;
    const run = (text: string): Promise<EngineResult> => this.#chdb.QueryAsyncConnection(connection, text, 'TabSeparated');
    try {
      // A session begins in the database of its first request.
      if (isNew && context.database !== undefined) await run(`USE ${quoteName(context.database)}`);
      const before = await this.#takeBack(connection, context);
      try {
        await run([settingsOf(context), ...useOf(context)].join('; '));
        return await this.#chdb.QueryAsyncConnection(connection, sql, format);
      } finally {
        if (before !== '') await run(before);
      }
    } catch (error) {
      throw ClickHouseError.from(error);
    }
  }

  /** The statements that bring a session's connection back to where it is. */
  async #takeBack(connection: Connection, { settings, database }: QueryContext): Promise<string> {
    const statements: string[] = [];
    const ask = async (sql: string): Promise<string> => (await this.#chdb.QueryAsyncConnection(connection, sql, 'TSVRaw')).bytes.toString();
    if (database !== undefined) statements.push(`USE ${quoteName((await ask('SELECT currentDatabase()')).trimEnd())}`);
    if (settings.size > 0) {
      const rows = await ask(`SELECT toJSONString((name, value, changed)) FROM system.settings WHERE name IN (${[...settings.keys()].map(quoteText).join(', ')})`);
      for (const line of rows.split('\n').filter(Boolean)) {
        const [name, value, changed] = JSON.parse(line) as [string, string, number];
        statements.push(`SET ${name} = ${changed === 0 ? 'DEFAULT' : quoteText(value)}`);
      }
    }
    return statements.join('; ');
  }

  /** Lets go of a connection that a session held. */
  closeConnection(connection: Connection): void {
    this.#chdb.CloseConnection(connection);
  }

  /** Has the engine read the very text that runs next, before the reader's settings hold. */
  async #check(connection: Connection, sql: string, check: EngineCheck): Promise<void> {
    const read = async (text: string): Promise<string> => (await this.#chdb.QueryAsyncConnection(connection, `EXPLAIN AST ${text}`, 'TSVRaw')).bytes.toString();
    check.statement(await read(sql));
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

function useOf(context: QueryContext): string[] {
  return [...(context.database === undefined ? [] : [`USE ${quoteName(context.database)}`]), ...paramsOf(context)];
}

/** Parameters go in as settings: chDB's own binding of parameters is shared by all connections of a process. */
function paramsOf({ params }: QueryContext): string[] {
  return params.size === 0 ? [] : [`SET ${[...params].map(([name, value]) => `${quoteName(`param_${name}`)} = ${quoteText(value)}`).join(', ')}`];
}

/** `log_comment` carries the query's id, as chDB lets nobody choose a query id. */
function settingsOf(context: QueryContext): string {
  const changes = [...context.settings].map(([name, value]) => `${name} = ${quoteText(value)}`);
  return `SET ${[...changes, `log_comment = ${quoteText(context.id)}`].join(', ')}`;
}
