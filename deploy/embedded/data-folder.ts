import { chmod, lstat, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError } from '#schemas/errors.js';

/** Layout of the data folder; a stack refuses a folder of a greater number. */
const LAYOUT = 1;

/** Milliseconds a running stack has to answer, unless a call is known to take longer. */
const ANSWER_MS = 10_000;

/** Answers one call of a local command to the running stack: with JSON, or with a stream of bytes. */
export type ControlHandler = (method: string, path: string, body: unknown) => Promise<unknown>;

export interface DataFolder {
  readonly path: string;
  /** From now on calls are answered by `handler`; before that they get 503. */
  serve(handler: ControlHandler): void;
  release(): Promise<void>;
}

/** Unix sockets have short names: 104 bytes on macOS. */
const MAX_SOCKET_BYTES = 100;

/** Where the control socket of a data folder is, or was; undefined where there is none that we may trust. */
async function findSocket(dataDir: string): Promise<string | undefined> {
  const inside = join(dataDir, 'control.sock');
  if (Buffer.byteLength(inside) < MAX_SOCKET_BYTES) return inside;
  try {
    const elsewhere = (await readFile(noteOf(dataDir), 'utf8')).trim();
    return (await isOurs(dirname(elsewhere))) ? elsewhere : undefined;
  } catch {
    return undefined;
  }
}

/** A long folder name gets its socket elsewhere: in a folder of a name that nobody can guess and only we open, noted in the data folder. */
async function makeSocketPath(dataDir: string): Promise<string> {
  const known = await findSocket(dataDir);
  if (known !== undefined) return known;
  const path = join(await mkdtemp(join(tmpdir(), 'shieldwatch-')), 'control.sock');
  if (Buffer.byteLength(path) >= MAX_SOCKET_BYTES)
    throw new CommandError(
      'the names of the data folder and of the temporary folder (TMPDIR) are both too long for a socket; choose a shorter one',
    );
  await writeFile(`${noteOf(dataDir)}.new`, `${path}\n`, { mode: 0o600 });
  await rename(`${noteOf(dataDir)}.new`, noteOf(dataDir));
  return path;
}

function noteOf(dataDir: string): string {
  return join(dataDir, 'control-socket');
}

/** Whether a folder is this user's, is no link, and lets nobody else in. */
async function isOurs(folder: string): Promise<boolean> {
  const { uid, mode, isFolder } = await lstat(folder).then((stats) => ({
    uid: stats.uid,
    mode: stats.mode,
    isFolder: stats.isDirectory(),
  }));
  return isFolder && uid === process.getuid?.() && (mode & 0o077) === 0;
}

/**
 * Takes a data folder for this process: creates it (0700), checks its layout and listens on its control
 * socket. The socket is the lock and the way in: access to the folder is permission to administer the stack.
 *
 * @throws CommandError when another process holds the folder or a newer version wrote it.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
    await checkLayout(path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `the data folder ${path} cannot be used: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
    );
  }
  const socket = await makeSocketPath(path);
  if (await isAnswered(socket)) {
    throw new CommandError(
      `the data folder ${path} is in use by another Shieldwatch; stop it, or choose another with --data-dir`,
    );
  }
  // Nobody answers: a socket file here was left by a process that was killed.
  await rm(socket, { force: true });

  let handler: ControlHandler | undefined;
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const answer = (status: number, body: unknown): void => {
        res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (handler === undefined) {
        answer(503, { error: 'the stack is starting' });
        return;
      }
      const text = Buffer.concat(chunks).toString('utf8');
      Promise.resolve()
        .then(() => handler?.(req.method ?? '', req.url ?? '', text === '' ? undefined : (JSON.parse(text) as unknown)))
        .then(
          (body) => {
            if (!(body instanceof Readable)) {
              answer(200, body);
              return;
            }
            res.writeHead(200, { 'content-type': 'application/octet-stream' });
            // A stream that fails breaks the answer off, which its reader notices.
            pipeline(body, res).catch(() => undefined);
          },
          (error: unknown) => {
            answer(400, { error: error instanceof Error ? error.message : 'failed' });
          },
        );
    });
  });
  await listen(server, socket);
  return {
    path,
    serve(next) {
      handler = next;
    },
    async release() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(socket, { force: true });
      if (dirname(socket) === path) return;
      await rm(noteOf(path), { force: true });
      await rm(dirname(socket), { recursive: true, force: true });
    },
  };
}

async function checkLayout(path: string): Promise<void> {
  const file = join(path, 'layout.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await writeFile(file, `${JSON.stringify({ layout: LAYOUT })}\n`, { mode: 0o600 });
    return;
  }
  const layout = /"layout":\s*(\d+)/.exec(text)?.[1];
  if (layout === undefined) throw new CommandError(`${file} is not a Shieldwatch layout file`);
  if (Number(layout) > LAYOUT) {
    throw new CommandError(
      `the data folder ${path} has layout ${layout}, written by a newer Shieldwatch; this one knows up to ${LAYOUT}. Upgrade, or choose another with --data-dir`,
    );
  }
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function isAnswered(socket: string): Promise<boolean> {
  try {
    await callSocket(socket, 'GET', '/status', undefined, ANSWER_MS);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code !== 'ENOENT' && code !== 'ECONNREFUSED';
  }
}

function callSocket(
  socketPathname: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    // A connection of its own: one that was kept may have been closed by the stack in the meantime.
    const req = request({ socketPath: socketPathname, method, path, timeout: timeoutMs, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        try {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          resolve({ status: res.statusCode ?? 0, body: answer });
        } catch {
          reject(new Error('the answer is not JSON'));
        }
      });
    });
    req.on('timeout', () => req.destroy(new Error('the running stack does not answer')));
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/**
 * Calls the stack that holds a data folder and returns the stream that it answers with; undefined when none runs there.
 *
 * @throws CommandError when it refuses or is not ready.
 */
export async function streamFromStack(dataDir: string, method: string, path: string): Promise<Readable | undefined> {
  const socketPath = await findSocket(dataDir);
  if (socketPath === undefined) return undefined;
  return new Promise((resolve, reject) => {
    const req = request({ socketPath, method, path, agent: false }, (res) => {
      if (res.statusCode === 200) {
        resolve(res);
        return;
      }
      res.resume();
      reject(new CommandError(`the stack on ${dataDir} answered ${String(res.statusCode)}`));
    });
    req.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(new CommandError(`the stack on ${dataDir} does not answer`));
    });
    req.end();
  });
}

/**
 * Calls the stack that holds a data folder; undefined when none runs there.
 *
 * @throws CommandError when it refuses or is not ready.
 */
export async function callStack<T>(
  dataDir: string,
  method: string,
  path: string,
  body?: unknown,
  timeoutMs = ANSWER_MS,
): Promise<T | undefined> {
  let answer: { status: number; body: unknown };
  const socket = await findSocket(dataDir);
  if (socket === undefined) return undefined;
  try {
    answer = await callSocket(socket, method, path, body, timeoutMs);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    throw new CommandError(`the stack on ${dataDir} does not answer`);
  }
  if (answer.status !== 200) {
    throw new CommandError((answer.body as { error?: string }).error ?? `the stack answered ${answer.status}`);
  }
  return answer.body as T;
}
