import type { Role } from '#schemas/http/roles.js';
import { lowerAscii } from '#schemas/pseudonyms.js';
import type { Session } from '#schemas/postgres/session.js';

export interface MemberRow extends Record<string, unknown> {
  id: string;
  login: string;
  role: Role;
  created_at: Date | string;
}

/** Finds the member of a login, in whatever letter case, and locks the row; undefined where there is none. */
export async function memberByLogin(tx: Session, login: string): Promise<MemberRow | undefined> {
  const [row] = await tx.query<MemberRow>(
    'SELECT * FROM member WHERE lower(login COLLATE "C") = lower($1::text COLLATE "C") FOR UPDATE',
    [login],
  );
  return row;
}

/** Whether two logins are one member's: ASCII letters compare without case, as in the database. */
export const isSameLogin = (one: string, other: string): boolean => lowerAscii(one) === lowerAscii(other);
