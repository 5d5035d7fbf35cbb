import type { Role } from '#schemas/http/roles.js';
import { lowerAscii } from '#schemas/pseudonyms.js';
import type { Session } from '#schemas/postgres/session.js';

export interface MemberRow extends Record<string, unknown> {
  id: string;
  login: string;
  role: Role;
  created_at: Date | string;
}

/** Finds a member by login, ignoring letter case, and locks the row; undefined when there is none. */
export async function memberByLogin(tx: Session, login: string): Promise<MemberRow | undefined> {
  const [row] = await tx.query<MemberRow>(
    'SELECT * FROM member WHERE lower(login COLLATE "C") = lower($1::text COLLATE "C") FOR UPDATE',
    [login],
  );
  return row;
}

/** Returns whether two logins belong to one member: ASCII letters compare case-insensitively, as in the database. */
export const isSameLogin = (one: string, other: string): boolean => lowerAscii(one) === lowerAscii(other);
