import type { Client } from './client.js';
import { claudeCodeSwitches } from './claude-code-switches.js';
import { codexSwitches, UNTRUSTED } from './codex-switches.js';
import { FOLDER_UNKNOWN, geminiCliSwitches } from './gemini-cli-switches.js';
import type { Switch } from './switch.js';

/** Every switch of each agent. A test has a cell for each. */
export const SWITCHES: Readonly<Record<Client['name'], readonly Switch[]>> = {
  'claude-code': claudeCodeSwitches,
  codex: codexSwitches,
  'gemini-cli': geminiCliSwitches,
};

/** What `status` reports if nothing is wrong with an installation that the user still has to approve in the agent. */
export const AWAITS_APPROVAL: ReadonlySet<string> = new Set([UNTRUSTED, FOLDER_UNKNOWN]);
