import type { InstalledHook } from './hook-command.js';

/** Where settings can live, from a repository's own to the whole machine's. */
export const SCOPES = ['project', 'local', 'user', 'managed'] as const;
export type Scope = (typeof SCOPES)[number];

/** What happens when the hook itself fails; only Claude Code lets one choose. */
export type OnFailure = 'block' | 'continue';

/** What is to stand in a settings file. */
export interface Wanted {
  readonly hook: InstalledHook;
  readonly onFailure: OnFailure;
  /** Gateway that the agent's own telemetry is sent to; undefined leaves it alone. */
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

/** An agent whose settings we know how to write. */
export interface Client {
  readonly name: 'claude-code' | 'codex' | 'gemini-cli';
  readonly scopes: readonly Scope[];
  /** Event under which the hook is called, as its input names it. */
  readonly event: string;
  file(scope: Scope, places: Places): string;
  /** Text of the file with our hook in it. Throws a CommandError when it cannot be read. */
  install(file: string, text: string, scope: Scope, wanted: Wanted): string;
  /** Text of the file without anything of ours. */
  uninstall(file: string, text: string): string;
  /** Our hook in the file; undefined when there is none. */
  find(file: string, text: string): InstalledHook | undefined;
  /** What a person must know about hooks and telemetry in this scope. */
  notes(scope: Scope, wanted: Wanted): string[];
  /** Why an installed hook would not be called, as far as settings show. */
  obstacles(texts: ReadonlyMap<Scope, { file: string; text: string }>, installedIn: Scope): string[];
}
