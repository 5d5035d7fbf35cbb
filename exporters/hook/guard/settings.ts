import { stripComments } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { isOurs } from '../../install/hook-command.js';
import { withoutBom } from '../without-bom.js';
import type { GuardedKind } from './guarded.js';

type Settings = Readonly<Record<string, unknown>>;

/** Variables that change which code runs in the place of the hook, or before it. */
const HARMFUL = /^(?:NODE_OPTIONS|NODE_PATH|NODE_V8_COVERAGE|LD_.*|DYLD_.*|BASH_ENV|BASH_FUNC_.*|ENV|ZDOTDIR|SHELLOPTS|BASHOPTS|PS4|IFS|PATH|HOME|GLIBC_TUNABLES|GCONV_PATH|OPENSSL_CONF|CLAUDE_CODE_SHELL.*|CLAUDE_CODE_SIMPLE|CLAUDE_CODE_SAFE_MODE|CLAUDE_CODE_IGNORE_PERSISTED_TRUST|CLAUDE_CONFIG_DIR|CLAUDE_PROJECT_DIR|CODEX_HOME|GEMINI_CLI_.*|SHIELDWATCH_(?:HOME|SPOOL_DIR|SPOOL_MAX_MB|REPOSITORY|POLICY_MODE))$/i;

/** Values that keep a hook from being called or obeyed, by their path in the settings. */
const SWITCHES: readonly (readonly [path: string, isOff: (value: unknown) => boolean])[] = [
  ['disableAllHooks', (value) => value !== false],
  ['allowManagedHooksOnly', (value) => value !== false],
  ['strictPluginOnlyCustomization', () => true],
  ['allowedHttpHookUrls', () => true],
  ['httpHookAllowedEnvVars', () => true],
  ['pluginConfigs.cc-plugin-sec-default@builtin', () => true],
  ['hooksConfig', () => true],
  ['hooks.enabled', (value) => value !== true],
  ['hooks.disabled', () => true],
  ['tools.enableHooks', (value) => value !== true],
  ['features.hooks', (value) => value !== true],
  ['features.codex_hooks', (value) => value !== true],
  ['allow_managed_hooks_only', (value) => value !== false],
  ['hooks.state', () => true],
];

/**
 * Why a settings file would serve the guard less after a change than before: its entry lost or changed, a switch thrown,
 * a variable that runs other code, a file that the agent could not read. Undefined when it would not. `undefined` as a
 * text stands for no file.
 */
export function settingsHarm(kind: GuardedKind, path: string, before: string | undefined, after: string | undefined): string | undefined {
  if (kind === 'dotenv') return harmfulVariable(dotenv(before ?? ''), dotenv(after ?? ''));
  const old = before === undefined ? {} : read(kind, path, before);
  const next = after === undefined ? {} : read(kind, path, after);
  if (next === undefined) return 'the agent could not read the settings and would drop them as a whole';
  const entries = new Set(ourEntries(next));
  if (ourEntries(old ?? {}).some((entry) => !entries.has(entry))) return "the settings would lose or change the guard's entry";
  for (const [path, isOff] of SWITCHES) {
    const value = at(next, path);
    if (value !== undefined && isOff(value) && JSON.stringify(value) !== JSON.stringify(at(old ?? {}, path))) return `${path} keeps hooks from being called`;
  }
  // What stands above the switch may have been taken away with it, where its absence means that hooks are off.
  return harmfulVariable(variables(old ?? {}), variables(next)) ?? (kind === 'claude-code' ? refusedValue(next) : undefined);
}

/** Settings as the agent reads them; undefined where it cannot. */
function read(kind: GuardedKind, path: string, text: string): Settings | undefined {
  try {
    const value: unknown = /\.toml$/i.test(path) ? parseToml(text) : JSON.parse(kind === 'gemini-cli' ? stripComments(text) : withoutBom(text));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Each of our hooks with all that the file says of it and of the group around it. */
function ourEntries(settings: Settings): string[] {
  const hooks = settings['hooks'];
  if (!isObject(hooks)) return [];
  return Object.entries(hooks).flatMap(([event, groups]) =>
    list(groups).flatMap((group) =>
      list(group['hooks'])
        .filter((hook) => [hook['command'], hook['url']].some((value) => typeof value === 'string' && isOurs(value)))
        .map((hook) => JSON.stringify([event, { ...group, hooks: undefined }, hook])),
    ),
  );
}

const list = (value: unknown): Settings[] => (Array.isArray(value) ? (value as unknown[]).filter(isObject) : []);

/** The variables that settings set for what the agent starts. */
function variables(settings: Settings): Settings {
  const policy = at(settings, 'shell_environment_policy.set');
  return { ...(isObject(settings['env']) ? settings['env'] : {}), ...(isObject(policy) ? policy : {}) };
}

function dotenv(text: string): Settings {
  return Object.fromEntries([...text.matchAll(/^\s*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
}

function harmfulVariable(before: Settings, after: Settings): string | undefined {
  const name = Object.keys(after).find((it) => HARMFUL.test(it) && JSON.stringify(after[it]) !== JSON.stringify(before[it]));
  return name === undefined ? undefined : `${name} changes which code runs in the place of the guard`;
}

/** Keys whose value has to be of a type: for one of another Claude Code drops the whole file. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  permissions: isObject, hooks: isObject, sandbox: isObject, statusLine: isObject, enabledPlugins: isObject,
  'permissions.allow': isStrings, 'permissions.deny': isStrings, 'permissions.ask': isStrings, 'permissions.additionalDirectories': isStrings,
  'permissions.defaultMode': isString, model: isString, apiKeyHelper: isString, outputStyle: isString, language: isString,
  cleanupPeriodDays: (value) => typeof value === 'number', includeCoAuthoredBy: isBoolean, alwaysThinkingEnabled: isBoolean,
  enableAllProjectMcpServers: isBoolean, enabledMcpjsonServers: isStrings, disabledMcpjsonServers: isStrings, disableAllHooks: isBoolean,
  env: (value) => isObject(value) && Object.values(value).every((it) => typeof it === 'string' || typeof it === 'number' || typeof it === 'boolean'),
};

function refusedValue(settings: Settings): string | undefined {
  const path = Object.keys(TYPES).find((it) => at(settings, it) !== undefined && TYPES[it]?.(at(settings, it)) === false);
  if (path !== undefined) return `${path} has a value for which the agent drops the whole file`;
  const hooks = settings['hooks'];
  const isWellFormed = Object.values(isObject(hooks) ? hooks : {}).every((groups) => Array.isArray(groups) && groups.every((group) => isObject(group) && Array.isArray(group['hooks']) && (group['hooks'] as unknown[]).every(isObject)));
  return isWellFormed ? undefined : 'hooks has a value for which the agent drops the whole file';
}

function at(settings: Settings, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), settings);
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}
