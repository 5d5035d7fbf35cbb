import { isOurs } from './hook-command.js';
import { isObject, type JsonSettings } from './json-settings.js';

/** One entry of `hooks.<event>` as Claude Code and Gemini have it. */
export interface HookGroup {
  readonly matcher: string;
  readonly hooks: readonly Record<string, unknown>[];
}

/** Our hooks under an event, as they stand in the file. */
export function ourHooks(settings: JsonSettings, event: string): Record<string, unknown>[] {
  return groupsOf(settings, event).flatMap((group) => hooksOf(group).filter(isOurHook));
}

/** Puts our group under an event: in the place of an older one of ours, else at the end. No change where it stands already. */
export function putHook(settings: JsonSettings, event: string, wanted: HookGroup): void {
  const groups = groupsOf(settings, event);
  const ours = groups.flatMap((group, index) => (hooksOf(group).some(isOurHook) ? [index] : []));
  const [first] = ours;
  if (ours.length === 1 && first !== undefined && JSON.stringify(groups[first]) === JSON.stringify(wanted)) return;
  removeHooks(settings, event);
  const left = groupsOf(settings, event).length;
  if (!Array.isArray(settings.get(['hooks', event]))) settings.set(['hooks', event], [wanted]);
  else settings.set(['hooks', event, left], wanted);
}

/** Takes our hooks out from under an event, and what is empty then. */
export function removeHooks(settings: JsonSettings, event: string): void {
  const groups = groupsOf(settings, event);
  for (let index = groups.length - 1; index >= 0; index -= 1) {
    const hooks = hooksOf(groups[index]);
    const others = hooks.filter((hook) => !isOurHook(hook));
    if (others.length === hooks.length) continue;
    if (others.length === 0) settings.set(['hooks', event, index], undefined);
    else settings.set(['hooks', event, index, 'hooks'], others);
  }
  const left = settings.get(['hooks', event]);
  if (groups.length > 0 && Array.isArray(left) && left.length === 0) settings.set(['hooks', event], undefined);
  const hooks = settings.get(['hooks']);
  if (groups.length > 0 && isObject(hooks) && Object.keys(hooks).length === 0) settings.set(['hooks'], undefined);
}

function groupsOf(settings: JsonSettings, event: string): unknown[] {
  const groups = settings.get(['hooks', event]);
  return Array.isArray(groups) ? groups : [];
}

function hooksOf(group: unknown): Record<string, unknown>[] {
  const hooks = isObject(group) ? group['hooks'] : undefined;
  return Array.isArray(hooks) ? hooks.filter(isObject) : [];
}

function isOurHook(hook: Record<string, unknown>): boolean {
  return [hook['command'], hook['url']].some((value) => typeof value === 'string' && isOurs(value));
}
