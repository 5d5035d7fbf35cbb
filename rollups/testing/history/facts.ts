import type { SeriesFact } from '#schemas/clickhouse/facts.js';
import type { Arrival, Event, History, Scan } from './generate.js';

/** A row of a fact table, and the hour that its INSERT marks dirty. */
export interface FactRow {
  readonly fact: Exclude<SeriesFact, 'session_event'> | 'control_event';
  readonly row: Record<string, unknown> & { org_id: string; repo: string; occurred_at: number };
}

/** Findings that a scan may show: few keys, one of them twice in its file, one that changes its category. */
const FINDINGS = [
  { finding_key: 'key', occurrence: 1, severity: 'critical', category: 'secrets' },
  { finding_key: 'key', occurrence: 2, severity: 'critical', category: 'secrets' },
  { finding_key: 'token', occurrence: 1, severity: 'critical', category: 'secrets' },
  { finding_key: 'prompt', occurrence: 1, severity: 'high', category: 'injection' },
  { finding_key: 'allow-all', occurrence: 1, severity: 'medium', category: 'permissions' },
  { finding_key: 'hook', occurrence: 1, severity: 'medium', category: 'hooks' },
  { finding_key: 'hook', occurrence: 1, severity: 'medium', category: 'misconfiguration' },
  { finding_key: 'note', occurrence: 1, severity: 'info', category: 'agents' },
];
const ROUTES = ['security-blocker', 'policy-review', 'security-blocker'];
const RANKS = ['info', 'low', 'medium', 'high', 'critical'];

/** Returns the name of a history's organisation in the store. */
export const orgOf = (play: string, index: number, org: number): string =>
  `${play}-${String(index).padStart(4, '0')}-${org}`;

/**
 * Returns the rows of one arrival: one row, or a scan and its findings. `newest` is in milliseconds since the epoch.
 */
export function factRows(
  history: History,
  play: string,
  index: number,
  { event: number, isAltered }: Arrival,
  newest: number,
): FactRow[] {
  const event = history.events[number];
  if (event === undefined) throw new Error(`the history has no event ${number}`);
  const key = {
    org_id: orgOf(play, index, event.org),
    repo: event.repo,
    event_id: `e${number}`,
    occurred_at: newest - event.secondsAgo * 1_000,
  };
  const altered = isAltered ? 1 : 0;
  switch (event.kind) {
    case 'decision':
      return [
        {
          fact: 'runtime_event',
          row: {
            ...key,
            tool: event.tool,
            agent: event.agent,
            decision: isAltered ? 'ask' : event.decision,
            rule_category: event.category,
            reason: event.reason,
            session_id: `s${event.session}`,
            tool_call_id: event.call === null ? '' : `c${event.call}`,
            duration_us: event.durationUs,
          },
        },
      ];
    case 'drift':
      return [
        {
          fact: 'drift_event',
          row: {
            ...key,
            score_delta: event.delta + altered,
            is_regression: event.delta < 0,
            has_critical: event.delta < -40,
            new_findings: event.newFindings,
            resolved_findings: 1,
          },
        },
      ];
    case 'agent':
      return [{ fact: 'agent_event', row: { ...key, agent: event.agent, session_id: `s${event.session + altered}` } }];
    case 'masking':
      return [{ fact: 'masking_event', row: { ...key, record: 'span', masked: event.masked + altered } }];
    // A decision gets its id at the source and never has two versions.
    case 'review':
      return [
        {
          fact: 'control_event',
          row: {
            ...key,
            kind: 'review_item',
            subject: `${event.repo}#${event.item}`,
            state: event.state,
            detail: JSON.stringify({ route: ROUTES[event.item] }),
          },
        },
      ];
    case 'triage': {
      const until =
        event.state === 'accepted' && event.hours > 0
          ? new Date(key.occurred_at + event.hours * 3_600_000).toISOString()
          : '';
      return [
        {
          fact: 'control_event',
          row: {
            ...key,
            kind: 'finding_triage',
            subject: event.findingKey,
            state: event.state,
            detail: JSON.stringify({ until }),
          },
        },
      ];
    }
    case 'scan':
      return scanRows(event, key, altered);
  }
}

function scanRows(event: Scan, key: FactRow['row'] & { event_id: string }, altered: number): FactRow[] {
  const from = Math.max(0, RANKS.indexOf(event.minSeverity));
  const shown =
    event.files === 0
      ? []
      : FINDINGS.filter((finding, i) => event.findings.includes(i) && RANKS.indexOf(finding.severity) >= from);
  const count = (severity: string): number => shown.filter((finding) => finding.severity === severity).length;
  const scan: FactRow = {
    fact: 'scan',
    row: {
      ...key,
      score: Math.min(100, event.score + altered),
      grade: 'C',
      files_scanned: event.files,
      min_severity: event.minSeverity,
      producer_version: event.version,
      key_scheme: event.keyScheme,
      total_findings: shown.length,
      critical: count('critical'),
      high: count('high'),
      medium: count('medium'),
      info: count('info'),
      // Some have no score components, some contradict themselves.
      ...(event.score % 4 === 0 ? {} : { score_secrets: event.score % 7, score_agents: event.score }),
      integrity: event.score % 10 === 9 ? 'suspect' : 'ok',
      policy_status: event.policyStatus,
      baseline_status: event.baselineStatus,
      packages_risky: event.risky,
      packages_high: event.risky === 2 && event.score > 50 ? 1 : 0,
    },
  };
  if (event.isSummary) return [scan];
  return [
    scan,
    ...shown.map((finding): FactRow => ({
      fact: 'finding',
      row: {
        ...key,
        ...finding,
        event_id: `${key.event_id}/${finding.finding_key}/${finding.occurrence}/${finding.category}`,
        scan_id: key.event_id,
        title: `${finding.finding_key}${altered}`,
        file: 'CLAUDE.md',
      },
    })),
  ];
}

/** Returns how many events arrive in a history, repeats counted. */
export const arrivalsOf = (history: History): number =>
  history.steps.reduce((sum, step) => sum + step.arrivals.length, 0);

/** Kinds of events, for the distribution that a test prints. */
export const kindsOf = (events: readonly Event[]): Record<string, number> =>
  Object.fromEntries(
    [...new Set(events.map(({ kind }) => kind))]
      .sort()
      .map((kind) => [kind, events.filter((event) => event.kind === kind).length]),
  );
