import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkAdminTree } from './admin-tree.js';
import { Answer, setCommonHeaders, type ServerIdentity, type Summary } from './answer.js';
import type { AnswerPipe } from './answer-pipe.js';
import { AnswerSpool } from './answer-spool.js';
import { Body } from './body.js';
import type { EngineResult } from './chdb.js';
import { identify } from './credentials.js';
import type { DiskGuard } from './disk.js';
import type { Engine, EngineCheck, QueryContext } from './engine.js';
import { ClickHouseError, named } from './errors.js';
import { insertData } from './insert.js';
import { NativeRewriter, type DescribeTypes } from './native.js';
import { UnsupportedTypeError } from './native-layout.js';
import type { Processes, RunningQuery } from './processes.js';
import type { ReaderCatalog } from './reader-catalog.js';
import { judgeStatement, readerDatabase, readerSet, readerSettings, type JudgedStatement } from './reader-policy.js';
import { readForm } from './form.js';
import { isSet, readRequest, type QueryRequest } from './request.js';
import type { Session, Sessions } from './sessions.js';
import type { Slots } from './slots.js';
import { insertWithData, kindOf, parseStatement, type Statement } from './statement.js';
import type { Accounts, UserName } from './users.js';

/** How many queries of one user run at once; apart, so that neither the stack nor a write waits behind people's long reads. */
export interface Places {
  /** SELECTs, each with its pipe. */
  readonly reads: Slots<AnswerPipe>;
  /** Everything else. */
  readonly commands: Slots<number>;
}

/** What a request needs of the process around it. */
export interface HandlerSettings {
  readonly engine: Engine;
  readonly identity: ServerIdentity;
  readonly database: string;
  readonly accounts: Accounts;
  readonly catalog: ReaderCatalog;
  /** Folder of the server's files: no client learns where it is. */
  readonly dataDir: string;
  /** Folder for insert bodies, and for answers that wait for their end. */
  readonly spool: string;
  readonly disk: DiskGuard;
  readonly places: Readonly<Record<UserName, Places>>;
  readonly processes: Processes;
  readonly sessions: Sessions;
  readonly onLog: (line: string) => void;
}

/** Answers one query request, from its first byte to its last. Never rejects. */
export async function handleQuery(
  settings: HandlerSettings,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const startedAt = Date.now();
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  let answer = new Answer(request, response, settings.identity);
  let spool: AnswerSpool | undefined;
  let running: { end: () => void } | undefined;
  let queryId = '';
  try {
    const user = identify(request, url, settings.accounts);
    const form = await readForm(request, isSet(url.searchParams, 'decompress'));
    const asked = readRequest(
      request,
      form === undefined ? url.searchParams : new URLSearchParams([...url.searchParams, ...form]),
    );
    queryId = asked.queryId;
    setCommonHeaders(response, settings.identity, queryId);
    spool = asked.waitsForEnd ? new AnswerSpool(settings.spool, settings.disk) : undefined;
    answer = new Answer(request, response, settings.identity, asked.compression, spool, asked.sendTimeoutMs);
    const query: RunningQuery = {
      queryId,
      user,
      startedAt,
      runsSince: undefined,
      kind: 'OTHER',
      state: 'reading the request',
      engineId: `${queryId}#${Math.random().toString(36).slice(2)}`,
    };
    running = settings.processes.begin(query);
    const body = form === undefined ? await Body.open(request, asked.query, asked.isInBlocks) : Body.of(asked.query);
    const work = (session?: Session): Promise<Summary> =>
      run(settings, asked, query, body, answer, gone.signal, session);
    const summary = await (asked.session === undefined
      ? work()
      : settings.sessions.use(user, asked.session, Date.now, work));
    await answer.end(summary);
  } catch (error) {
    const failure =
      error instanceof UnsupportedTypeError ? named('NOT_IMPLEMENTED', error.message) : ClickHouseError.from(error);
    // Codes only: the text of an error quotes rows and queries.
    settings.onLog(
      `query ${JSON.stringify(queryId.slice(0, 64))} failed after ${Date.now() - startedAt} ms: ${failure.toLog()}`,
    );
    if (!response.destroyed) answer.fail(failure.without(settings.dataDir));
  } finally {
    running?.end();
    await spool?.remove().catch(() => undefined);
  }
}

/** One statement, by its kind. */
async function run(
  settings: HandlerSettings,
  asked: QueryRequest,
  query: RunningQuery,
  body: Body,
  answer: Answer,
  signal: AbortSignal,
  session: Session | undefined,
): Promise<Summary> {
  const { engine, disk } = settings;
  const { user } = query;
  query.kind = kindOf(body.head);
  const insert = insertWithData(body.head);
  if (user === 'reader' && (query.kind === 'INSERT' || insert !== undefined))
    throw named('ACCESS_DENIED', 'reader: Not enough privileges. A reader may not INSERT');
  const context = contextOf(settings, asked, query, session);
  const places = settings.places[user];
  const start =
    <P, R>(work: (place: P) => Promise<R>) =>
    (place: P): Promise<R> => {
      query.state = 'running';
      query.runsSince = Date.now();
      return work(place);
    };
  if (insert !== undefined) {
    refuseOverGet(asked);
    const result = await insertData(insert, body, settings.spool, disk, (sql) => {
      query.state = 'waiting';
      return places.commands.use(
        signal,
        start(() => engine.execute(sql, 'TabSeparated', context)),
      );
    });
    return { ...summaryOf(result), writtenRows: result.rowsRead, writtenBytes: result.bytesRead };
  }
  const text = await body.statement();
  if (user === 'reader' && session !== undefined && query.kind === 'SET') {
    refuseOverGet(asked);
    for (const [name, value] of readerSet(text, settings.catalog)) session.settings.set(name, value);
    return NOTHING_DONE;
  }
  const judged = user === 'reader' ? judgeStatement(text, asked.params, settings.catalog) : undefined;
  const statement = parseStatement(judged?.text ?? text, asked.params);
  query.state = 'waiting';
  // What the engine refuses to read, it is asked about without the words that were added.
  const reworded = async (error: unknown): Promise<never> => {
    throw error instanceof ClickHouseError && error.isSyntaxError ? await engine.syntaxError(text.toString()) : error;
  };
  if (statement.kind === 'select') {
    const describe = describing(engine, statement, { ...checked(context, judged), id: `${context.id}:types` });
    return places.reads.use(
      signal,
      start((pipe) =>
        select(engine, pipe, statement, asked, checked(context, judged, pipe.path), answer, signal, describe).catch(
          reworded,
        ),
      ),
    );
  }
  if (!statement.isReadOnly) refuseOverGet(asked);
  if (!statement.isReadOnly && !statement.freesSpace) await disk.check();
  return places.commands.use(
    signal,
    start(() => command(engine, statement, asked, checked(context, judged), answer, signal).catch(reworded)),
  );
}

const NOTHING_DONE: Summary = { readRows: 0, readBytes: 0, writtenRows: 0, writtenBytes: 0, elapsedSeconds: 0 };

function contextOf(
  settings: HandlerSettings,
  asked: QueryRequest,
  query: RunningQuery,
  session: Session | undefined,
): QueryContext {
  const isReader = query.user === 'reader';
  return {
    id: query.engineId,
    user: query.user,
    // A session's connection stays in its database unless the request names one.
    database: isReader
      ? readerDatabase(asked.database, settings.catalog)
      : (asked.database ?? (session?.connection === undefined ? ownDatabase(settings, query.user) : undefined)),
    settings: isReader
      ? readerSettings(new Map([...(session?.settings ?? []), ...asked.settings]), settings.catalog)
      : asked.settings,
    ...(isReader || session === undefined ? {} : { session }),
    params: asked.params,
  };
}

/** Returns the database of a request that names none. The admin has no rights in ours. */
function ownDatabase(settings: HandlerSettings, user: RunningQuery['user']): string {
  return user === 'admin' ? 'default' : settings.database;
}

/** Has the engine's own reading of the statement, and of the conditions in its settings, judged before it runs. */
function checked(context: QueryContext, judged: JudgedStatement | undefined, answersInto?: string): QueryContext {
  if (context.user === 'admin')
    return {
      ...context,
      check: { statement: checkAdminTree, selects: [], select: () => undefined },
    };
  if (judged === undefined) return context;
  const check: EngineCheck = {
    statement: (tree) => {
      judged.checkTree(tree, answersInto);
    },
    selects: judged.conditions.map((condition) => `SELECT (${condition})`),
    select: (tree) => {
      judged.checkCondition(tree);
    },
  };
  return { ...context, settings: new Map([...context.settings, ...judged.settings]), check };
}

/** A SELECT: the engine writes into the pipe as fast as the client reads out of it. */
async function select(
  engine: Engine,
  pipe: AnswerPipe,
  statement: Statement & { kind: 'select' },
  asked: QueryRequest,
  context: QueryContext,
  answer: Answer,
  signal: AbortSignal,
  describe: DescribeTypes,
): Promise<Summary> {
  const format = statement.format ?? asked.defaultFormat;
  answer.format = format;
  const rewriter = nativeRewriter(
    format,
    asked,
    context.session === undefined ? describe : await inAdvance(describe, format),
  );
  const open = pipe.open();
  const sql = `${statement.text}\nINTO OUTFILE '${pipe.path.replace(/[\\']/g, '\\$&')}' APPEND FORMAT ${format} ${statement.rest}`;
  const query = engine.execute(sql, format, context).finally(() => {
    open.finish();
  });
  query.catch(() => undefined); // awaited below; the reading in between may fail first
  const stop = (): void => void engine.cancel(context.id).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let failure: { readonly error: unknown } | undefined;
  try {
    // It is read to its end in any case: the engine waits without a limit, and no KILL ends it, to open a pipe that nobody reads.
    for await (const chunk of open.readable as AsyncIterable<Buffer>) {
      if (signal.aborted || failure !== undefined) continue;
      try {
        for (const part of (await rewriter?.push(chunk)) ?? [chunk]) await answer.write(part);
      } catch (error) {
        failure = { error };
        stop();
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    // The place is free again only when the engine has let go of its pipe.
    await query.catch(() => undefined);
  }
  if (signal.aborted) throw named('QUERY_WAS_CANCELLED', 'Query was cancelled: the client went away');
  if (failure !== undefined) throw failure.error;
  const result = await query;
  if (rewriter?.isAtBlockEnd === false)
    throw named('UNKNOWN_EXCEPTION', 'The engine ended a Native answer in the middle of a block');
  return summaryOf(result);
}

async function command(
  engine: Engine,
  statement: Statement & { kind: 'command' },
  asked: QueryRequest,
  context: QueryContext,
  answer: Answer,
  signal: AbortSignal,
): Promise<Summary> {
  const format = statement.format ?? asked.defaultFormat;
  // What only reads ends with its client; what writes is brought to its end.
  const stop = (): void => void engine.cancel(context.id).catch(() => undefined);
  if (statement.isReadOnly) signal.addEventListener('abort', stop, { once: true });
  const result = await engine.execute(statement.text, format, context).finally(() => {
    signal.removeEventListener('abort', stop);
  });
  const bytes = Buffer.from(result.bytes);
  if (bytes.length > 0) {
    answer.format = format;
    for (const part of (await nativeRewriter(format, asked)?.push(bytes)) ?? [bytes]) await answer.write(part);
  }
  return summaryOf(result);
}

function nativeRewriter(format: string, asked: QueryRequest, describe?: DescribeTypes): NativeRewriter | undefined {
  return isNative(format) && asked.protocolRevision > 0
    ? new NativeRewriter(asked.protocolRevision, describe)
    : undefined;
}

function isNative(format: string): boolean {
  return format.toLowerCase() === 'native';
}

/** What must not cut the list of types short, or write it in another way. */
const WHOLE_LIST = {
  limit: '0',
  offset: '0',
  max_result_rows: '0',
  max_result_bytes: '0',
  output_format_json_array_of_rows: '0',
};

/**
 * The engine's DESCRIBE of a SELECT, under the same settings and judgement as the SELECT itself. What it cannot describe
 * has no types: its `DateTime` goes out as the engine wrote it.
 */
function describing(
  engine: Engine,
  { text, rest }: Statement & { kind: 'select' },
  context: QueryContext,
): DescribeTypes {
  const settings = new Map([...context.settings, ...Object.entries(WHOLE_LIST)]);
  return async () => {
    try {
      const { bytes } = await engine.execute(`DESCRIBE TABLE (\n${text}\n${rest}) FORMAT JSONEachRow`, 'JSONEachRow', {
        ...context,
        settings,
      });
      return Buffer.from(bytes)
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { type: string }).type);
    } catch {
      return [];
    }
  };
}

/** A session's connection runs one statement at a time, and its temporary tables are there for nobody else. */
async function inAdvance(describe: DescribeTypes, format: string): Promise<DescribeTypes | undefined> {
  if (!isNative(format)) return undefined;
  const types = await describe();
  return () => Promise.resolve(types);
}

function summaryOf(result: EngineResult): Summary {
  return {
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    writtenRows: 0,
    writtenBytes: 0,
    elapsedSeconds: result.elapsed,
  };
}

function refuseOverGet(asked: QueryRequest): void {
  if (!asked.isReadOnly) return;
  throw named(
    'READONLY',
    'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries.',
  );
}
