import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** What a guarded file is to the guard. */
export type GuardedKind =
  | 'policy'
  /** Settings of an agent that reads hooks from them. */
  | 'claude-code'
  | 'codex'
  | 'gemini-cli'
  /** Variables that an agent takes before it starts a hook. */
  | 'dotenv'
  /** The guard's own: the hook, its folder, Node, spool, counts of rate limits, copies of policies. Nothing but the guard writes there. */
  | 'own';

/** Folders of a call. */
export interface GuardPlaces {
  /** Working directory of the call. */
  readonly cwd: string;
  /** Folders that may be the session's project. */
  readonly projects: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Files and folders of the guard's own, absolute. */
  readonly own: readonly string[];
}

/** Files by the end of their paths, in lower case: some file systems are not case-sensitive. */
const ENDINGS: readonly (readonly [RegExp, GuardedKind])[] = [
  [/\/\.agentshield\/runtime-policy\.json$/, 'policy'],
  [/\/\.claude\/settings(?:\.local)?\.json$/, 'claude-code'],
  [/\/managed-settings(?:\.json|\.d\/.+)$/, 'claude-code'],
  [/\/\.codex\/(?:config\.toml|hooks\.json)$/, 'codex'],
  [/\/etc\/codex\/[^/]+$/, 'codex'],
  [/\/\.gemini\/settings\.json$/, 'gemini-cli'],
  [/\/gemini-cli\/(?:settings|system-defaults)\.json$/, 'gemini-cli'],
  [/\/\.env$/, 'dotenv'],
];

/** Returns the guarded files of a project and of a home folder. */
const IN_FOLDER = [
  '.agentshield/runtime-policy.json',
  '.claude/settings.json',
  '.claude/settings.local.json',
  '.codex/config.toml',
  '.codex/hooks.json',
  '.gemini/settings.json',
];
const OF_MACHINE = [
  '/etc/claude-code/managed-settings.json',
  '/etc/claude-code/managed-settings.d/x.json',
  '/etc/codex/requirements.toml',
  '/etc/codex/config.toml',
  '/etc/gemini-cli/settings.json',
];

/** Normalises a path for comparison: some file systems are not case-sensitive. */
export const lowerPath = (path: string): string => path.replaceAll('\\', '/').toLowerCase();
const lower = lowerPath;

/** Returns an absolute path with symbolic links resolved as far as files exist. */
export function realPath(path: string, depth = 0): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    if (parent === path || depth > MAX_LINKS) return path;
    const link = targetOf(path);
    return link === undefined
      ? join(realPath(parent, depth + 1), basename(path))
      : realPath(resolve(parent, link), depth + 1);
  }
}

/** Resolves links and folders even if their target does not exist. */
const MAX_LINKS = 100;

/** Returns the target of a dangling link; undefined for anything else. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Returns the path by which a file is guarded: as given, or with its links resolved. */
export function guardedPath(path: string, places: GuardPlaces): string {
  return kindOf(path, places) === undefined ? realPath(path) : path;
}

/** Returns what an absolute path is to the guard: by itself, and by the target of its links. */
export function guardedKind(path: string, places: GuardPlaces): GuardedKind | undefined {
  return kindOf(path, places) ?? kindOf(realPath(path), places);
}

function kindOf(path: string, places: GuardPlaces): GuardedKind | undefined {
  const { env } = places;
  const name = lower(path);
  if (known(places).own.some((it) => isWithin(name, it))) return 'own';
  const moved: readonly (readonly [string | undefined, string, GuardedKind])[] = [
    [env['CLAUDE_CONFIG_DIR'], 'settings.json', 'claude-code'],
    [env['CODEX_HOME'], 'config.toml', 'codex'],
    [env['CODEX_HOME'], 'hooks.json', 'codex'],
    [env['GEMINI_CLI_SYSTEM_SETTINGS_PATH'], '', 'gemini-cli'],
  ];
  const found = moved.find(
    ([folder, file]) => folder !== undefined && folder !== '' && name === lower(resolve(folder, file)),
  );
  return found?.[2] ?? ENDINGS.find(([ending]) => ending.test(name))?.[1];
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/**
 * Cache of {@link candidates} and the real paths of the guard's own files, by call: each costs many file system calls.
 */
const ofCall = new WeakMap<GuardPlaces, { candidates: readonly string[]; own: readonly string[] }>();

function known(places: GuardPlaces): { candidates: readonly string[]; own: readonly string[] } {
  let found = ofCall.get(places);
  if (found === undefined)
    ofCall.set(
      places,
      (found = {
        candidates: allCandidates(places),
        own: places.own.flatMap((path) => [lower(path), lower(realPath(path))]),
      }),
    );
  return found;
}

/** Returns every guarded path that a call could mean, absolute. */
export function candidates(places: GuardPlaces): readonly string[] {
  return known(places).candidates;
}

function allCandidates({ cwd, projects, env, own }: GuardPlaces): string[] {
  const home = env['HOME'] ?? '';
  const folders = new Set(
    [...projects, cwd, ...(home === '' ? [] : [home])].flatMap((folder) => [resolve(folder), realPath(folder)]),
  );
  const moved = [
    ['CLAUDE_CONFIG_DIR', 'settings.json'],
    ['CODEX_HOME', 'config.toml'],
    ['CODEX_HOME', 'hooks.json'],
  ].flatMap(([name = '', file = '']) => (env[name] ? [join(env[name], file)] : []));
  const found = [
    ...[...folders].flatMap((folder) => IN_FOLDER.map((file) => join(folder, file))),
    ...OF_MACHINE,
    ...moved,
    ...own,
  ];
  return [...new Set(found)];
}

/**
 * Returns whether a folder contains, at any depth, an existing guarded file. The root does not count: programs refuse
 * it themselves, and policies can name it.
 */
export function holdsGuarded(folder: string, places: GuardPlaces): boolean {
  const names = [lower(folder), lower(realPath(folder))];
  return candidates(places).some(
    (path) => names.some((name) => name !== '/' && isWithin(lower(path), name)) && isThere(path),
  );
}

/** Returns whether a folder directly contains guarded files. */
export function isGuardedFolder(folder: string, places: GuardPlaces): boolean {
  const names = [lower(folder), lower(realPath(folder))];
  return (
    candidates(places).some(
      (path) => names.includes(lower(dirname(path))) && dirname(path) !== '/' && !places.own.includes(path),
    ) || names.some((name) => /\/\.(?:claude|codex|gemini|agentshield)$/.test(name))
  );
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
