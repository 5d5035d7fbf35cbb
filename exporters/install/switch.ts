import type { InstalledEntry, Places, Scope, SettingsFile } from './client.js';
import type { FileText } from './reading.js';

/** Changes that a test makes beside an installed hook to set a switch. */
export type SwitchExample =
  /** Merged into the settings of a scope: a JSON object, or TOML text for Codex. */
  | { readonly in: 'settings'; readonly scope: Scope; readonly value: Readonly<Record<string, unknown>> | string }
  /** Text of the settings file of a scope, `@SETTINGS@` being what stood there. */
  | { readonly in: 'text'; readonly scope: Scope; readonly text: string }
  /** Merged into our hook's entry, or into the group around it. */
  | { readonly in: 'entry' | 'group'; readonly value: Readonly<Record<string, unknown>> }
  /** Another file: `~/`, `./` (the project) or an absolute path. */
  | { readonly in: 'file'; readonly path: string; readonly text: string }
  /** Environment, or arguments, that the agent is started with. */
  | { readonly in: 'environment'; readonly value: Readonly<Record<string, string>> }
  | { readonly in: 'arguments'; readonly value: readonly string[] }
  /** Nothing is changed: what is missing is a step that a person takes. */
  | { readonly in: 'nothing' };

/** What becomes of calls while a switch is thrown. */
export type SwitchEffect =
  /** What happens to calls while a switch is set. */
  | 'not-called'
  /** Something else than our hook runs in its place, or before it. */
  | 'other-code'
  /** Code other than our hook runs instead of it, or before it. */
  | 'not-obeyed'
  /** Our hook is called, and its verdict is not obeyed. */
  | 'all-blocked';

/** What is checked for one of our hooks. */
export interface Seen {
  readonly places: Places;
  /** Every settings file of the agent that there is. */
  readonly files: readonly SettingsFile[];
  readonly installed: InstalledEntry;
  /** Text of any other file that a switch needs, such as a dotenv file. */
  readonly textOf: (file: string) => FileText;
}

/** One way in which a hook in an agent's settings does not judge its calls. */
export interface Switch {
  readonly name: string;
  readonly effect: SwitchEffect;
  readonly example: SwitchExample;
  /** Scope of the hooks that it concerns, where it does not concern those of every scope. */
  readonly hookScope?: Scope;
  /** Scope of the hooks that it affects, if not all scopes. */
  readonly find: (seen: Seen) => readonly string[];
  /** Returns lines for `status`, one per place where it is set. */
  readonly note?: (seen: Seen) => readonly string[];
  /** Information for the user that does not disable the hook by itself, or that no file shows. */
  readonly unseen?: string;
}
