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

/** Where things lie for a call. */
export interface GuardPlaces {
  /** Folder the call is made in. */
  readonly cwd: string;
  /** Folders that may be the session's project. */
  readonly projects: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Files and folders of the guard's own, absolute. */
  readonly own: readonly string[];
}

/** Files by what their paths end with, in lower case: some file systems do not tell cases apart. */
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

/** Guarded files of a project, and of a home folder. */
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

/** A path as paths are compared: some file systems do not tell cases apart. */
export const lowerPath = (path: string): string => path.replaceAll('\\', '/').toLowerCase();
const lower = lowerPath;

/** An absolute path with links followed as far as there are files. */
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

/** Links and folders followed where there is no file at their end. */
const MAX_LINKS = 100;

/** Where a link leads whose end is not there; undefined of what is none. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** The path by which a file is guarded: as given, or what its links lead to. */
export function guardedPath(path: string, places: GuardPlaces): string {
  return kindOf(path, places) === undefined ? realPath(path) : path;
}

/** What a path, absolute, is to the guard: by itself, and by what its links lead to. */
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

/** {@link candidates} and the real paths of the guard's own files, by call: each asks the file system many times. */
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

/** Every guarded path that a call could mean, absolute. */
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

/** Whether a folder holds, at any depth, a guarded file that is there. The root does not count: programs refuse it by themselves, and policies name it. */
export function holdsGuarded(folder: string, places: GuardPlaces): boolean {
  const names = [lower(folder), lower(realPath(folder))];
  return candidates(places).some(
    (path) => names.some((name) => name !== '/' && isWithin(lower(path), name)) && isThere(path),
  );
}

/** Whether a folder directly contains guarded files. */
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
