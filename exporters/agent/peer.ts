import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** The kernel's table of IPv4 connections; other systems have none. */
const TABLE = '/proc/net/tcp';

const known = new WeakMap<Socket, boolean>();

/**
 * Returns whether the other end of a loopback connection belongs to this user or to root. The token alone does not
 * prove it: any process that binds the agent's port while the agent is down receives the token. True if the system
 * cannot tell.
 */
export function isOwnPeer(socket: Socket): boolean {
  const before = known.get(socket);
  if (before !== undefined) return before;
  const isOwn = isTrustedOwner(ownerOf(socket));
  known.set(socket, isOwn);
  return isOwn;
}

function isTrustedOwner(uid: number | 'unavailable' | undefined): boolean {
  return uid === 'unavailable' || uid === 0 || uid === process.getuid?.();
}

/** Returns the user id of the other end's socket; undefined if the table no longer contains it. */
function ownerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): number | 'unavailable' | undefined {
  let table: string;
  try {
    table = readFileSync(TABLE, 'utf8');
  } catch {
    return 'unavailable';
  }
  return ownerIn(table, hexAddress(remoteAddress, remotePort), hexAddress(localAddress, localPort));
}

/** Returns the user id in the row of `/proc/net/tcp` with local address `own` and remote address `other`. */
export function ownerIn(table: string, own: string, other: string): number | undefined {
  for (const line of table.split('\n')) {
    const [, local, remote, , , , , uid] = line.trim().split(/\s+/);
    if (local === own && remote === other) return Number(uid);
  }
  return undefined;
}

/** Formats `127.0.0.1` and a port as in the table: `0100007F:10E7`. */
export function hexAddress(address = '', port = 0): string {
  const bytes = address
    .replace(/^::ffff:/, '')
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `${bytes.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}
