/** Number of sessions kept; beyond it the oldest is dropped. */
const MAX_SESSIONS = 2000;

/**
 * Returns the folder of each session's first call: its project. If the agent changes folders later, the project's
 * policy still applies.
 */
export class SessionProjects {
  readonly #projects = new Map<string, string>();

  /** Returns the project of the session that a hook input belongs to; `''` if it names none. */
  of(text: string): string {
    const { session_id: session, cwd } = parse(text);
    if (typeof session !== 'string' || session === '' || typeof cwd !== 'string' || cwd === '') return '';
    const known = this.#projects.get(session);
    if (known !== undefined) return known;
    const oldest = this.#projects.keys().next();
    if (this.#projects.size >= MAX_SESSIONS && oldest.done !== true) this.#projects.delete(oldest.value);
    this.#projects.set(session, cwd);
    return cwd;
  }
}

function parse(text: string): { session_id?: unknown; cwd?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
