import fc from 'fast-check';

/**
 * Random histories of an organisation's telemetry: what happened (events), and in which order, how often and in which
 * batches it arrived (steps). A history has three organisations that share only the store.
 */
export interface History {
  readonly events: readonly Event[];
  readonly steps: readonly Step[];
  /** Facts to delete in a step: all of a repository, or a fifth of them, as for one token's data. */
  readonly deletion?: { readonly org: number; readonly repo: At['repo']; readonly part: 'all' | 'fifth' } | undefined;
}

interface At {
  readonly org: number;
  readonly repo: 'acme/app' | 'acme/web';
  /** Seconds before the newest moment of the history. */
  readonly secondsAgo: number;
}
export interface Decision extends At {
  readonly kind: 'decision';
  readonly tool: string;
  readonly agent: string;
  readonly decision: string;
  readonly category: string;
  readonly reason: string;
  readonly session: number;
  /**
   * The call within its session, which several hooks may judge, in one hour or in two; null if the producer reports
   * none.
   */
  readonly call: number | null;
  readonly durationUs: number;
}
export interface Scan extends At {
  readonly kind: 'scan';
  readonly score: number;
  readonly files: number;
  readonly minSeverity: string;
  readonly version: string;
  /** Which of the possible findings it shows, by number. */
  readonly findings: readonly number[];
  /** A summary that counts its findings and lists none. */
  readonly isSummary: boolean;
  /** Scheme of its finding keys. */
  readonly keyScheme: string;
  readonly policyStatus: string;
  readonly baselineStatus: string;
  readonly risky: number;
}
export interface Drift extends At {
  readonly kind: 'drift';
  readonly delta: number;
  readonly newFindings: number;
}
export interface AgentEvent extends At {
  readonly kind: 'agent';
  readonly agent: string;
  readonly session: number;
}
export interface Masking extends At {
  readonly kind: 'masking';
  readonly masked: number;
}
/** A decision about a review item of the repository. */
export interface Review extends At {
  readonly kind: 'review';
  readonly item: number;
  readonly state: string;
}
/** A decision about a finding, by its key; an acceptance ends after `hours`, or never if 0. */
export interface Triage extends At {
  readonly kind: 'triage';
  readonly findingKey: string;
  readonly state: string;
  readonly hours: number;
}
export type Event = Decision | Scan | Drift | AgentEvent | Masking | Review | Triage;

/** One step of one history. */
export interface Step {
  /** Events that arrive, by number; an event may arrive again, also in another step. */
  readonly arrivals: readonly Arrival[];
}
export interface Arrival {
  readonly event: number;
  /** A retry with different content: the one that counts must not depend on which arrived last. */
  readonly isAltered: boolean;
}

/** What happens to the store and its workers in each step of all histories that run together. */
export interface Turn {
  /** Marks and facts of an INSERT become visible separately; one of them only after the workers of this round. */
  readonly order: 'together' | 'marks first' | 'facts first';
  /**
   * Workers that process dirty buckets: one, the other, or both at once; or one is paused and resumes in a later round.
   */
  readonly pass: 'none' | 'one' | 'two' | 'both' | 'pause';
  /**
   * The call to the store at which a pass crashes, and whether the call itself was still made; beyond the last call:
   * none.
   */
  readonly crash: { readonly call: number; readonly isAfter: boolean };
  /** Series of which the engine refuses a third of the organisations during the passes of this round. */
  readonly refuses?: string | undefined;
  /** Whether the histories' deletions happen at its end. */
  readonly deletes: boolean;
  /** Seconds that pass afterwards. */
  readonly seconds: number;
}

const HOUR = 3_600;
const YEAR = 365 * 24 * HOUR;

const at = {
  org: fc.integer({ min: 0, max: 2 }),
  repo: fc.constantFrom('acme/app' as const, 'acme/web' as const),
  // Close enough together that hours, scans and findings overlap; some a week late, some a year.
  secondsAgo: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 12 * HOUR }) },
    { weight: 2, arbitrary: fc.integer({ min: 7 * 24 * HOUR, max: 7 * 24 * HOUR + 2 * HOUR }) },
    { weight: 1, arbitrary: fc.integer({ min: YEAR, max: YEAR + 1 * HOUR }) },
  ),
};
const decision: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('decision' as const),
  ...at,
  tool: fc.constantFrom('Bash', 'Read', 'mcp__x__y'),
  agent: fc.constantFrom('claude-code', 'codex'),
  decision: fc.constantFrom('allow', 'allow', 'block', 'ask'),
  category: fc.constantFrom('', '', 'injection', 'destructive'),
  reason: fc.constantFrom('', 'denied by pattern', 'prompt injection in a fetched page'),
  session: fc.integer({ min: 0, max: 4 }),
  call: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
  durationUs: fc.integer({ min: 0, max: 5_000_000 }),
});
const scan: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('scan' as const),
  ...at,
  score: fc.integer({ min: 0, max: 100 }),
  files: fc.constantFrom(0, 3, 3, 3, 9),
  minSeverity: fc.constantFrom('', 'info', 'info', 'medium', 'critical'),
  version: fc.constantFrom('1.6.0', '1.6.0', '1.7.0'),
  findings: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]),
  isSummary: fc.constantFrom(false, false, false, false, true),
  keyScheme: fc.constantFrom('source', 'source', 'source', 'gateway', ''),
  policyStatus: fc.constantFrom('', 'passed', 'failed'),
  baselineStatus: fc.constantFrom('', 'passed', 'regressed'),
  risky: fc.constantFrom(0, 0, 2),
});
const drift: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('drift' as const),
  ...at,
  delta: fc.integer({ min: -60, max: 60 }),
  newFindings: fc.integer({ min: 0, max: 5 }),
});
const agent: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('agent' as const),
  ...at,
  agent: fc.constantFrom('claude-code', 'gemini-cli'),
  session: fc.integer({ min: 0, max: 6 }),
});
const masking: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('masking' as const),
  ...at,
  masked: fc.integer({ min: 1, max: 9 }),
});

const review: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('review' as const),
  ...at,
  item: fc.integer({ min: 0, max: 2 }),
  state: fc.constantFrom('open', 'open', 'approved', 'dismissed', 'superseded'),
});
const triage: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('triage' as const),
  ...at,
  findingKey: fc.constantFrom('key', 'hook', 'prompt'),
  state: fc.constantFrom('accepted', 'accepted', 'muted', 'open'),
  hours: fc.integer({ min: 0, max: 6 }),
});

/** Rounds of one run; every history has as many steps. */
export const TURNS = 6;

export const history: fc.Arbitrary<History> = fc
  .record({
    events: fc.array(
      fc.oneof(
        { weight: 10, arbitrary: decision },
        { weight: 5, arbitrary: scan },
        { weight: 1, arbitrary: drift },
        { weight: 2, arbitrary: agent },
        { weight: 1, arbitrary: masking },
        { weight: 1, arbitrary: review },
        { weight: 1, arbitrary: triage },
      ),
      { minLength: 60, maxLength: 180, size: 'max' },
    ),
    arrivals: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: TURNS - 1 }), fc.integer({ min: 0, max: 19 })), {
      minLength: 130,
      maxLength: 380,
      size: 'max',
    }),
    deletion: fc.option(
      fc.record({ org: at.org, repo: at.repo, part: fc.constantFrom('all' as const, 'fifth' as const) }),
    ),
  })
  .map(({ events, arrivals, deletion }) => ({
    events,
    steps: Array.from({ length: TURNS }, (_, turn) => ({
      arrivals: arrivals
        .filter(([, when]) => when === turn)
        .map(([number, , luck]) => ({ event: number % events.length, isAltered: luck === 0 })),
    })),
    deletion: deletion ?? undefined,
  }));

/** Series at the start and in the middle of chains. */
const REFUSED = ['blocked_command_rate', 'scan_posture', 'finding_transition', 'posture_interval'] as const;

/** One round of a run deletes, because that is a slow statement; in one the engine refuses some rows, which costs retries. */
export const turns: fc.Arbitrary<Turn[]> = fc
  .tuple(
    fc.integer({ min: 1, max: TURNS - 1 }),
    fc.tuple(fc.integer({ min: 0, max: TURNS - 1 }), fc.constantFrom(...REFUSED)),
    fc.array(
      fc.record({
        order: fc.constantFrom('together' as const, 'marks first' as const, 'facts first' as const),
        pass: fc.constantFrom('none' as const, 'one' as const, 'two' as const, 'both' as const, 'pause' as const),
        crash: fc.record({ call: fc.integer({ min: 1, max: 50 }), isAfter: fc.boolean() }),
        seconds: fc.constantFrom(0, 5, 29, 61, 200),
      }),
      { minLength: TURNS, maxLength: TURNS },
    ),
  )
  .map(([deletes, [refusal, series], all]) =>
    all.map((turn, number) => ({
      ...turn,
      deletes: number === deletes,
      refuses: number === refusal ? series : undefined,
    })),
  );
