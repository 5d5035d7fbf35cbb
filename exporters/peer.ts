import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** The kernel's table of IPv4 connections; other systems have none. */
const TABLE = '/proc/net/tcp';

const known = new WeakMap<Socket, Promise<boolean>>();

/**
 * Returns whether the other end of a loopback connection belongs to this user or to root. The token alone does not
 * prove it: any process that binds the agent's port while the agent is down receives the token. True if the system
 * cannot tell. Each connection is looked up once, off the event loop: the table holds all users' connections.
 */
export function isOwnPeer(socket: Socket): Promise<boolean> {
  const before = known.get(socket);
  if (before !== undefined) return before;
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  const isOwn = readTable().then(
    (table) =>
      table === undefined ||
      isTrustedOwner(ownerIn(table, hexAddress(remoteAddress, remotePort), hexAddress(localAddress, localPort))),
  );
  known.set(socket, isOwn);
  return isOwn;
}

function isTrustedOwner(uid: number | undefined): boolean {
  return uid === 0 || (uid !== undefined && uid === process.getuid?.());
}

let underWay: Promise<unknown> = Promise.resolve();
let next: Promise<Buffer | undefined> | undefined;

/**
 * Returns the table as it is after the call; undefined where there is none. Reads it once at a time: calls during a read
 * share the next one.
 */
function readTable(): Promise<Buffer | undefined> {
  next ??= underWay.then(() => {
    const reading = readFile(TABLE).catch(() => undefined);
    next = undefined;
    underWay = reading;
    return reading;
  });
  return next;
}

/** Returns the user id in the row of `/proc/net/tcp` with local address `own` and remote address `other`. */
export function ownerIn(table: Buffer, own: string, other: string): number | undefined {
  const at = table.indexOf(`: ${own} ${other} `);
  if (at < 0) return undefined;
  const [, , , , , , , uid] =
    table
      .toString('latin1', at, at + 200)
      .split('\n', 1)[0]
      ?.trim()
      .split(/\s+/) ?? [];
  return uid === undefined ? undefined : Number(uid);
}

/** Formats `127.0.0.1` and a port as in the table: `0100007F:10E7`. */
export function hexAddress(address = '', port = 0): string {
  const bytes = address
    .replace(/^::ffff:/, '')
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `${bytes.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}
