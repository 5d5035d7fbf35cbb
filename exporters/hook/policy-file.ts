import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readFile } from '../read-file.js';
import { PolicyError } from './policy.js';

// Paths are put together with slashes, which Windows takes too: `join` costs a hook more than reading the file.
const POLICY_PATH = '.agentshield/runtime-policy.json';

/** Bytes of a policy; ten thousand rules have one. */
const MAX_POLICY = 4 * 1024 * 1024;

/** A policy file that is there. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The policies in force for a call made in `cwd`: the project's own, then the nearest one from `cwd`
 * upward, no further than the git root, the project or the home folder. Both apply: otherwise an agent
 * that changes into a folder of its own making would leave the project's policy behind.
 */
export function readPolicies(cwd: string, projectDir: string, homeDir: string): PolicyFile[] {
  const project = projectDir === '' ? undefined : resolve(projectDir);
  const paths = new Map<string, string>();
  if (project !== undefined) addPolicy(paths, project);
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if (addPolicy(paths, dir)) break;
    const isLast = dir === dirname(dir) || dir === project || (homeDir !== '' && dir === resolve(homeDir)) || existsSync(`${dir}/.git`);
    if (isLast) break;
  }
  return [...paths].map(([path, text]) => ({ path, text }));
}

/** The one policy AgentShield's own hook looks at. */
export function readStockPolicy(cwd: string): PolicyFile[] {
  const path = `${resolve(cwd)}/${POLICY_PATH}`;
  const text = readPolicy(path);
  return text === undefined ? [] : [{ path, text }];
}

function addPolicy(found: Map<string, string>, dir: string): boolean {
  const path = `${dir}/${POLICY_PATH}`;
  const text = found.get(path) ?? readPolicy(path);
  if (text !== undefined) found.set(path, text);
  return text !== undefined;
}

/** Undefined when there is no such file; a file that is there but cannot be read is an invalid policy. */
function readPolicy(path: string): string | undefined {
  try {
    // Most folders have none, and an error costs more than a look. What a look cannot see may yet be there.
    return existsSync(path) || statSync(path, { throwIfNoEntry: false }) !== undefined ? readFile(path, MAX_POLICY) : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new PolicyError(`the policy cannot be read (${code ?? 'unknown error'})`);
  }
}
