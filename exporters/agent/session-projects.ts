/** Sessions remembered; the oldest is forgotten first. */
const MAX_SESSIONS = 2000;

/**
 * The folder of each session's first call: its project. Whichever folder the agent enters later, the
 * policy of the project stays in force.
 */
export class SessionProjects {
  readonly #projects = new Map<string, string>();

  /** Project of the session that a hook input belongs to; `''` when it names none. */
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
