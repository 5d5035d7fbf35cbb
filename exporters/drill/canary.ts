import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DRILL_MARK } from '../hook-start.js';
import {
  drillsFolder,
  judgementsFile,
  planFile,
  readJudgements,
  type DrillJudgement,
  type PlannedDrill,
} from '../hook/drill.js';
import { makeFolder } from '../spool/make-folder.js';

/** A hook knows a drill for as long as it may run, plus the start of a slow machine. */
const VALID_MS = 5 * 60_000;

/** The call of one drill: a command that only creates a file, which the working folder's policy denies. */
export interface Canary {
  readonly command: string;
  /** The file that the command creates. */
  readonly file: string;
  /** Stands in the call, and nowhere else. */
  readonly name: string;
  /** Stands in the reason of the denial, and nowhere else. */
  readonly reason: string;
  /** What our hooks decided about the call. */
  judgements(): DrillJudgement[];
  remove(): void;
}

/**
 * Writes the policy of the working folder, and the plan by which hooks with one of `homes` know the call.
 *
 * @param homes the producers' folders, as the installed hooks fix them.
 */
export function mintCanary(folder: string, homes: readonly string[]): Canary {
  const [id, reason] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const name = `${DRILL_MARK}${id}`;
  const file = join(folder, name);
  const command = `touch '${file.replaceAll("'", "'\\''")}'`;
  mkdirSync(join(folder, '.agentshield'), { mode: 0o700 });
  writeFileSync(
    join(folder, '.agentshield', 'runtime-policy.json'),
    JSON.stringify({
      version: 1,
      deny: [{ tool: 'Bash', pattern: name, reason: `a drill, denied on purpose: ${reason}` }],
    }),
  );
  const plan: PlannedDrill = { id, command, expiresAt: Date.now() + VALID_MS };
  for (const home of homes) {
    makeFolder(drillsFolder(home));
    writeFileSync(planFile(home, id), JSON.stringify(plan), { mode: 0o600, flag: 'wx' });
  }
  return {
    command,
    file,
    name,
    reason,
    judgements: () => homes.flatMap((home) => readJudgements(home, id)),
    remove: () => {
      for (const path of homes.flatMap((home) => [planFile(home, id), judgementsFile(home, id)]))
        rmSync(path, { force: true });
    },
  };
}
