/** Result of one check. */
export interface Finding {
  /** Stable name of the check, for programs. */
  check: string;
  /** `not checked`: an earlier step of the path failed, or the check does not apply here. */
  state: 'ok' | 'warning' | 'failed' | 'not checked';
  /** What was seen, in one line. Contains no secret. */
  detail: string;
  /** What to do; present unless `ok`. */
  cure?: string;
  /** Duration in milliseconds. */
  ms: number;
}

/** Thrown by a check that found a problem. */
export class Problem extends Error {
  readonly cure: string;
  /** `failed` unless the system still works. */
  readonly state: 'failed' | 'warning';

  constructor(message: string, cure: string, state: 'failed' | 'warning' = 'failed') {
    super(message);
    this.cure = cure;
    this.state = state;
  }
}

/** One check: returns what it saw, or throws a `Problem`. */
export interface Check {
  check: string;
  run: () => Promise<string>;
  /** Runs even if an earlier step failed. */
  isAlways?: true;
}

/** Runs one check. An error that is no `Problem` is a failure too. */
export async function runCheck({ check, run }: Check): Promise<Finding> {
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  try {
    return { check, state: 'ok', detail: await run(), ms: since() };
  } catch (error) {
    if (error instanceof Problem)
      return { check, state: error.state, detail: error.message, cure: error.cure, ms: since() };
    const detail = error instanceof Error ? error.message : String(error);
    return { check, state: 'failed', detail, cure: 'see the log of `npm start`', ms: since() };
  }
}

/** Runs checks that depend on each other, in order. After a failure the rest is `not checked`,
 * except what always runs. */
export async function runPath(checks: readonly Check[], onFinding: (finding: Finding) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  let broken: string | undefined;
  for (const check of checks) {
    const finding: Finding =
      broken === undefined || check.isAlways
        ? await runCheck(check)
        : {
            check: check.check,
            state: 'not checked',
            detail: `needs "${broken}"`,
            cure: `repair "${broken}" first`,
            ms: 0,
          };
    if (finding.state === 'failed') broken ??= check.check;
    findings.push(finding);
    onFinding(finding);
  }
  return findings;
}
