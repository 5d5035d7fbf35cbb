import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPolicyOf } from './policy-file.js';
import type { Session } from './session-write.js';
import { parseSession, sessionsFolder } from './session.js';
import { writeSession } from './session-write.js';

/** A policy that applies to a session and is no longer in its file. */
export interface ChangedPolicy {
  readonly session: string;
  readonly path: string;
  readonly what: 'has changed' | 'is gone' | 'cannot be read as it was kept';
}

/** Returns what {@link acceptPolicies} would change for sessions in or above a project folder. */
export function changedSessions(home: string, project: string): ChangedPolicy[] {
  return sessions(home).flatMap(({ name, session }): ChangedPolicy[] => {
    if (session === undefined) return [{ session: name, path: 'its copy', what: 'cannot be read as it was kept' }];
    return changedPaths(session, project).map((path) => ({
      session: name,
      path,
      what: existsSync(path) ? 'has changed' : 'is gone',
    }));
  });
}

/** Applies the current files to sessions. Returns the number of changed sessions. */
export function acceptPolicies(home: string, project: string): number {
  let count = 0;
  for (const { name, session } of sessions(home)) {
    const paths = session === undefined ? [] : changedPaths(session, project);
    if (session !== undefined && paths.length === 0) continue;
    const policies = Object.entries(session?.policies ?? {}).flatMap(([path, text]): [string, string][] =>
      paths.includes(path) ? (existsSync(path) ? [[path, readFileSync(path, 'utf8')]] : []) : [[path, text]],
    );
    writeSession(
      join(sessionsFolder(home), name),
      { first: session?.first ?? project, policies: Object.fromEntries(policies) },
      false,
    );
    count += 1;
  }
  return count;
}

function changedPaths({ policies }: Session, project: string): string[] {
  return Object.entries(policies).flatMap(([path, text]) => {
    const isOfProject = isPolicyOf(path, [project]) || path.startsWith(`${project}/`);
    return isOfProject && (!existsSync(path) || readFileSync(path, 'utf8') !== text) ? [path] : [];
  });
}

function sessions(home: string): { readonly name: string; readonly session: Session | undefined }[] {
  const folder = sessionsFolder(home);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => ({ name, session: parseSession(join(folder, name)) }));
}
