import type { InstalledHook, OnFailure } from './hook-command.js';
import type { FileText, Reading } from './reading.js';

/** Location of settings, from one repository's to the whole machine's. */
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
  /** Gateway for the agent's own telemetry; undefined leaves it unchanged. */
  readonly telemetryUrl: string | undefined;
  /** `owner/name`, for settings that label a repository. */
  readonly repository: string;
}

/** Folders on this machine. */
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
  /** Its complete entry, and that of its group. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly group: Readonly<Record<string, unknown>>;
  /** Index of its group in the event, and its index in the group. */
  readonly place: readonly [number, number];
}

/** An agent whose settings we can read and write. */
export interface Client {
  readonly name: 'claude-code' | 'codex' | 'gemini-cli';
  readonly scopes: readonly Scope[];
  /** Events under which the hook is called, as in its input; the first is that of every tool call. */
  readonly events: readonly string[];
  /** The file of a scope that `install` writes. */
  file(scope: Scope, places: Places): string;
  /** Every settings file that the agent reads, and how it parses it. */
  files(places: Places): readonly { readonly scope: Scope; readonly file: string }[];
  read(text: FileText, file: string): Reading;
  /** Returns the file's text with our hook added. Throws a CommandError if that is not possible. */
  install(file: string, text: string, scope: Scope, wanted: Wanted): string;
  /** Returns the file's text without our entries. */
  uninstall(file: string, text: string): string;
  /** Returns the same settings in a form that the agent parses; undefined if they are not settings. */
  repair(text: string): string | undefined;
  /** Returns our hooks in settings that the agent has read. */
  find(settings: Readonly<Record<string, unknown>>): readonly Omit<InstalledEntry, 'scope' | 'file'>[];
  /** Notes for the user about hooks and telemetry in this scope. */
  notes(scope: Scope, wanted: Wanted): string[];
  /** Calls that no hook of this agent receives, as `status` reports them. */
  readonly blindSpots: readonly string[];
}
