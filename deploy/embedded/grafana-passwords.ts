import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { writeOwnFile } from '#schemas/own-file.js';

/** Passwords of a Grafana beside this stack, whether the stack runs it or compose. */
export interface GrafanaPasswords {
  readonly admin: string;
  /** Made at this start, and to be shown this once. */
  readonly isNew: boolean;
  /** Holds them for `docker compose --env-file`; its owner's alone. */
  readonly file: string;
}

/**
 * Reads the password of Grafana's `admin` from `grafana.env` in the data folder, or creates one, and rewrites the file
 * with what Grafana needs to ask the store as its reader.
 *
 * @param readerUrl with the reader's name and password
 */
export function openGrafanaPasswords(dataDir: string, readerUrl: string): GrafanaPasswords {
  const file = join(dataDir, 'grafana.env');
  const kept = existsSync(file) ? parseEnv(readFileSync(file, 'utf8'))['GF_SECURITY_ADMIN_PASSWORD'] : undefined;
  const admin = kept ?? randomBytes(24).toString('base64url');
  const { port, username, password } = new URL(readerUrl);
  const lines = {
    GF_SECURITY_ADMIN_PASSWORD: admin,
    SHIELDWATCH_CLICKHOUSE_PORT: port,
    SHIELDWATCH_CLICKHOUSE_USER: decodeURIComponent(username),
    SHIELDWATCH_CLICKHOUSE_PASSWORD: decodeURIComponent(password),
  };
  writeOwnFile(
    file,
    Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  return { admin, isNew: kept === undefined, file };
}
