import type { InstalledHook, OnFailure } from './hook-command.js';
import type { FileText, Reading } from './reading.js';

/** Where settings can live, from a repository's own to the whole machine's. */
export const SCOPES = ['project', 'local', 'user', 'managed'] as const;
export type Scope = (typeof SCOPES)[number];

/** One settings file of an agent. */
export interface SettingsFile {
  readonly scope: Scope;
  readonly file: string;
  readonly reading: Reading;
}

/** The wanted content of a settings file. */
export interface Wanted {
  readonly hook: InstalledHook;
  readonly onFailure: OnFailure;
  /** Gateway that the agent's own telemetry is sent to; undefined leaves it unchanged. */
  readonly telemetryUrl: string | undefined;
  /** `owner/name`, for settings that label a repository. */
  readonly repository: string;
}

/** Where things lie on this machine. */
export interface Places {
  /** Folder of the project. */
  readonly project: string;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
}

/** Our hook as found in a settings file. */
export interface InstalledEntry {
  readonly scope: Scope;
  readonly file: string;
  readonly event: string;
  readonly hook: InstalledHook;
  /** All that the file says of it, and of the group around it. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly group: Readonly<Record<string, unknown>>;
  /** Which group of its event it is in, and where in the group. */
  readonly place: readonly [number, number];
}

/** An agent whose settings we know how to read and write. */
export interface Client {
  readonly name: 'claude-code' | 'codex' | 'gemini-cli';
  readonly scopes: readonly Scope[];
  /** Events under which the hook is called, as its input names them; the first is that of every tool call. */
  readonly events: readonly string[];
  /** The file of a scope that `install` writes. */
  file(scope: Scope, places: Places): string;
  /** Every file that the agent reads settings from, and the way it reads it. */
  files(places: Places): readonly { readonly scope: Scope; readonly file: string }[];
  read(text: FileText, file: string): Reading;
  /** Text of the file with our hook in it. Throws a CommandError when it cannot be added to. */
  install(file: string, text: string, scope: Scope, wanted: Wanted): string;
  /** Text of the file without anything of ours. */
  uninstall(file: string, text: string): string;
  /** The same settings in a form that the agent reads; undefined where they are no settings at all. */
  repair(text: string): string | undefined;
  /** Our hooks in settings that the agent has read. */
  find(settings: Readonly<Record<string, unknown>>): readonly Omit<InstalledEntry, 'scope' | 'file'>[];
  /** What a person must know about hooks and telemetry in this scope. */
  notes(scope: Scope, wanted: Wanted): string[];
  /** What no hook of this agent is shown, as `status` says it. */
  readonly blindSpots: readonly string[];
}
