import { isOneOf } from './reading.js';
import type { Switch } from './switch.js';

/** Matchers that match every tool. */
const MATCHES_ALL = ['', '*', '.*'];

/**
 * Returns the switch that every client has: a matcher that excludes tools. `tool` is one of the client's, for the
 * example.
 */
export function matcherSwitch(tool: string): Switch {
  return {
    name: 'matcher',
    effect: 'not-called',
    example: { in: 'group', value: { matcher: tool } },
    find: ({ installed: { group, file } }) =>
      group['matcher'] === undefined || isOneOf(group['matcher'], MATCHES_ALL)
        ? []
        : [`a matcher in ${file} has it called for some tools alone`],
  };
}
