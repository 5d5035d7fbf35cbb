import { isOurs, type InstalledHook } from './hook-command.js';
import type { JsonSettings } from './json-settings.js';
import type { InstalledEntry } from './client.js';
import { isObject, valueAt } from './reading.js';

/** One entry of `hooks.<event>` in the settings of Claude Code, Codex and Gemini CLI. */
export interface HookGroup {
  readonly matcher: string;
  readonly hooks: readonly Record<string, unknown>[];
}

/** Returns our hooks by event, in parsed settings. */
export function findHooks(
  settings: Readonly<Record<string, unknown>>,
  events: readonly string[],
): Omit<InstalledEntry, 'scope' | 'file'>[] {
  return events.flatMap((event) =>
    listOf(valueAt(settings, 'hooks', event)).flatMap((group, groupIndex) =>
      listOf(valueAt(group, 'hooks')).flatMap((entry, index) =>
        isObject(group) && isObject(entry) && isOurHook(entry)
          ? [{ event, hook: hookOf(entry), entry, group, place: [groupIndex, index] as const }]
          : [],
      ),
    ),
  );
}

function hookOf(entry: Readonly<Record<string, unknown>>): InstalledHook {
  if (entry['type'] !== 'http') return { type: 'command', command: String(entry['command']) };
  const authorization = valueAt(entry, 'headers', 'Authorization');
  return {
    type: 'http',
    url: String(entry['url']),
    token: typeof authorization === 'string' ? authorization.replace(/^Bearer /, '') : '',
  };
}

/** Adds our group to an event: replaces our previous one, else at the end. No change if it is present already. */
export function putHook(settings: JsonSettings, event: string, wanted: HookGroup): void {
  const groups = listOf(settings.get(['hooks', event]));
  const ours = groups.flatMap((group, index) => (hooksOf(group).some(isOurHook) ? [index] : []));
  const [first] = ours;
  if (ours.length === 1 && first !== undefined && JSON.stringify(groups[first]) === JSON.stringify(wanted)) return;
  removeHooks(settings, event);
  const left = settings.get(['hooks', event]);
  if (left === undefined || left === null) settings.set(['hooks', event], [wanted]);
  else settings.set(['hooks', event, listOf(left).length], wanted);
}

/** Removes our hooks from an event, and containers that become empty. */
export function removeHooks(settings: JsonSettings, event: string): void {
  const groups = listOf(settings.get(['hooks', event]));
  let isChanged = false;
  for (let index = groups.length - 1; index >= 0; index -= 1) {
    const all = listOf(valueAt(groups[index], 'hooks'));
    const others = all.filter((hook) => !isObject(hook) || !isOurHook(hook));
    if (others.length === all.length) continue;
    isChanged = true;
    if (others.length === 0) settings.set(['hooks', event, index], undefined);
    else settings.set(['hooks', event, index, 'hooks'], others);
  }
  if (!isChanged) return;
  const left = settings.get(['hooks', event]);
  if (Array.isArray(left) && left.length === 0) settings.set(['hooks', event], undefined);
  const hooks = settings.get(['hooks']);
  if (isObject(hooks) && Object.keys(hooks).length === 0) settings.set(['hooks'], undefined);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function hooksOf(group: unknown): Record<string, unknown>[] {
  return listOf(valueAt(group, 'hooks')).filter(isObject);
}

function isOurHook(hook: Readonly<Record<string, unknown>>): boolean {
  return [hook['command'], hook['url']].some((value) => typeof value === 'string' && isOurs(value));
}
