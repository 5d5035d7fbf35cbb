import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { blockedBy, ratedBlocks } from '../queries/decisions.js';
import { countedNow } from '../queries/posture.js';
import {
  againstBaseline,
  changedSinceBaseline,
  drifts,
  driftOverTime,
  findingLifecycle,
  newestScan,
  scans,
  scoreBreakdown,
} from '../queries/repository.js';
import { SCOPE } from '../queries/scope.js';
import { badge, bars, colorByName, reduceTo, rows, stat, steps } from './kit.js';
import { colored, column, severityMapping, timeColumn, tooFew, wordMapping } from './look.js';

const NOT_SCANNED = 'Not scanned: no scan by the end of this range, run shieldwatch scan';
const GATE_COLORS = { failed: 'red', regressed: 'red', passed: 'green', 'not-run': 'text', 'not run': 'text' } as const;
export const TOO_FEW = tooFew('too few');

const EVIDENCE_COLORS = { mismatch: 'purple', suspect: 'purple', ok: 'green', 'no pack': 'text' } as const;
const LIFE_COLORS = { regressed: 'purple', new: 'red', open: 'orange', fixed: 'blue' } as const;

export function repositoryStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Score',
        description:
          'AgentShield score of the newest scan up to the end of the range, 0 to 100. Grades begin at 40 (D), 60 (C), 75 (B) and 90 (A).',
        sql: newestScan('toInt32(score)', 'newest_score'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'none',
      [
        [null, 'text'],
        [0, 'dark-red'],
        [40, 'red'],
        [60, 'orange'],
        [75, 'yellow'],
        [90, 'green'],
      ],
    ),
    stat(
      {
        id: 2,
        title: 'Critical',
        description:
          'Critical findings in the newest scan. Without a scan there is no number. The list below shows what is open.',
        sql: countedNow(),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'dark-red'],
      ],
    ),
    badge(
      {
        id: 3,
        title: 'Policy',
        description: "Result of the newest scan's policy: passed, failed, or not-run if the scan had no policy.",
        sql: newestScan("if(policy_status = '', 'not-run', policy_status)", 'policy'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'policy',
      GATE_COLORS,
    ),
    badge(
      {
        id: 4,
        title: 'Baseline',
        description:
          "The newest scan against AgentShield's baseline file: passed, regressed, or not-run if there is none.",
        sql: newestScan("if(baseline_status = '', 'not-run', baseline_status)", 'baseline'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'baseline',
      GATE_COLORS,
    ),
    stat(
      {
        id: 5,
        title: 'Blocked rate',
        description:
          'Blocked decisions divided by all decisions of the guard in the range, as a ratio of sums. Under 20 decisions there is no rate ("too few").',
        sql: ratedBlocks(SCOPE),
        noValue: 'No decisions: is the hook installed?',
        w: 4,
        h: 5,
      },
      'percentunit',
      [
        [null, 'text'],
        [0, 'green'],
        [0.05, 'orange'],
        [0.2, 'red'],
      ],
    )
      .decimals(1)
      .mappings([TOO_FEW])
      .reduceOptions(reduceTo('rate')),
    stat(
      {
        id: 6,
        title: 'Last scan',
        description: 'Time between the newest scan of at least one file and now.',
        sql: newestScan("dateDiff('second', occurred_at, now64(3, 'UTC'))", 'age'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      's',
      [
        [null, 'text'],
        [0, 'green'],
        [86_400, 'orange'],
        [604_800, 'red'],
      ],
    ).decimals(0),
  ];
}

export function breakdown(): Builder<Panel> {
  return colorByName(
    steps(
      {
        id: 8,
        title: 'Score by component',
        description:
          'Which component lowers the score? The five components of the score, 0 to 100 each, from the last scan of each bucket; no point if that scan did not report them. By scan up to 6 hours, then by hour, then by day.',
        sql: scoreBreakdown(),
        noValue: 'No scan in this range: shieldwatch scan',
        w: 12,
        h: 9,
      },
      'none',
    )
      .min(0)
      .max(100)
      .decimals(0),
    { secrets: 'red', permissions: 'orange', hooks: 'yellow', mcp: 'blue', agents: 'purple' },
  );
}

export function findingTable(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'Findings by state',
      description:
        'What is open, what is new, what was fixed? New: first reported in the range. Regressed: fixed before, reported again in the range. Open: since before the range. Fixed: resolved in the range. Counted by finding key, so that moved lines change nothing; scans that do not list findings fix nothing. 500 rows.',
      sql: findingLifecycle(),
      noValue:
        'No such finding in this range; with all filters set to All: nothing scanned, nothing found, or scans that came without their findings',
      w: 24,
      h: 12,
    },
    {
      state: [...column('Life', 110), ...colored(wordMapping(LIFE_COLORS))],
      severity: [...column('Severity', 90), ...colored(severityMapping())],
      category: column('Category', 110),
      title: column('Finding'),
      file: column('File', 190),
      confidence: column('Confidence', 150),
      opened_at: [...column('Opened', 130), { id: 'unit', value: 'dateTimeFromNow' }],
      fixed_at: [...column('Fixed', 130), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

export function baselineTables(): Builder<Panel>[] {
  return [
    rows(
      {
        id: 14,
        title: 'Is it worse than its baseline?',
        description:
          'The newest scan against the scan that people made the baseline (shieldwatch repo baseline, PUT /v1/repo/{repoId}/baseline). Worse: anything new, or a lower score. Of severities that both report. What AgentShield says of its own baseline file is above.',
        sql: againstBaseline(),
        noValue: 'No baseline was set here: shieldwatch repo baseline <owner/name>',
        w: 24,
        h: 5,
      },
      {
        verdict: [
          ...column('Verdict', 110),
          ...colored(wordMapping({ worse: 'red', 'not worse': 'green', 'not compared': 'text' })),
        ],
        why: column('Why not'),
        added: column('New', 55),
        added_critical: column('Critical', 75),
        added_high: column('High', 60),
        resolved: column('Gone', 60),
        unchanged: column('Same', 60),
        score_delta: column('Score', 65),
        baseline_at: [...column('Baseline', 130), { id: 'unit', value: 'dateTimeFromNow' }],
        set_at: [...column('Set', 130), { id: 'unit', value: 'dateTimeFromNow' }],
        repo: [{ id: 'custom.hidden', value: true }],
      },
    ),
    rows(
      {
        id: 15,
        title: 'What is new since the baseline?',
        description:
          'Findings of the newest scan that the baseline set here did not have, and those that are gone since. By finding key, so that moved lines change nothing. 200 rows.',
        sql: changedSinceBaseline(),
        noValue: 'Nothing came or went since the baseline, or there is none',
        w: 24,
        h: 9,
      },
      {
        state: [...column('Since', 75), ...colored(wordMapping({ new: 'red', gone: 'blue' }))],
        severity: [...column('Severity', 90), ...colored(severityMapping())],
        category: column('Category', 110),
        title: column('Finding'),
        file: column('File', 190),
        repo: [{ id: 'custom.hidden', value: true }],
      },
    ),
  ];
}

export function driftChart(): Builder<Panel> {
  return colorByName(
    bars(
      {
        id: 10,
        title: 'Findings added and resolved',
        description:
          'When did the repository drift? Findings that were added and resolved between scans, by hour up to 14 days, then by day. The first scan of a repository is not drift.',
        sql: driftOverTime(),
        noValue: 'Nothing came or went in this range',
        w: 12,
        h: 9,
      },
      'short',
    ),
    { appeared: 'orange', went_away: 'blue' },
  ).overrideByName('went_away', [{ id: 'displayName', value: 'went away' }]);
}

export function driftTable(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Drift reported by watch and CI',
      description:
        'What did watch and CI report? Drift as AgentShield reported it in the range, newest first, 100 rows. Worse: AgentShield called it a regression.',
      sql: drifts(),
      noValue: 'No drift was reported in this range: agentshield watch reports them',
      w: 12,
      h: 9,
    },
    {
      occurred_at: timeColumn('Time'),
      repo: [{ id: 'custom.hidden', value: true }],
      verdict: [...column('Verdict', 95), ...colored(wordMapping({ worse: 'red', 'not worse': 'green' }))],
      score_delta: column('Change', 75),
      score: column('Score', 60),
      new_findings: column('New', 55),
      resolved_findings: column('Gone', 60),
      critical: column('Critical', 75),
    },
  );
}

export function scanTable(): Builder<Panel> {
  return rows(
    {
      id: 12,
      title: 'Scans',
      description:
        'Which scans ran, and where? Scans in the range, newest first, with the results of their gates and the CI run. Evidence: mismatch if the digest of the evidence pack does not match its files, suspect if its report contradicts its plan. Exceptions: risks that the policy accepts for now. 100 rows.',
      sql: scans(),
      noValue: 'No scan in this range: shieldwatch scan',
      w: 24,
      h: 9,
    },
    {
      occurred_at: timeColumn('Time'),
      score: column('Score', 60),
      grade: column('Grade', 60),
      policy: [...column('Policy', 80), ...colored(wordMapping(GATE_COLORS))],
      baseline: [...column('Baseline', 95), ...colored(wordMapping(GATE_COLORS))],
      evidence: [...column('Evidence', 90), ...colored(wordMapping(EVIDENCE_COLORS))],
      exceptions: column('Exceptions', 90),
      files_scanned: column('Files', 60),
      provider: column('Ran on', 125),
      ci_workflow: column('Workflow', 180),
      ci_run_id: [
        ...column('Run', 115),
        {
          id: 'links',
          value: [
            {
              title: 'Open the run (GitHub Actions)',
              url: 'https://github.com/${__data.fields.repo}/actions/runs/${__value.raw}',
              targetBlank: true,
            },
          ],
        },
      ],
      commit: column('Commit', 95),
      repo: [{ id: 'custom.hidden', value: true }],
    },
  );
}

export function repositoryTools(): Builder<Panel> {
  return blockedTable(13, 'Blocked calls by tool', blockedBy(SCOPE, 'tool'), 'tool', 'Tool', 24);
}

/** Returns a table of decisions, blocks and rate per value of one dimension. */
export function blockedTable(
  id: number,
  title: string,
  sql: string,
  dimension: string,
  heading: string,
  w: number,
): Builder<Panel> {
  return rows(
    {
      id,
      title,
      description:
        'Blocked decisions divided by all decisions in the range, most blocked first, 20 rows. Under 20 decisions there is no rate ("too few"); values without decisions have no row.',
      sql,
      noValue: 'No decisions in this range: is the hook installed?',
      w,
      h: 9,
    },
    {
      [dimension]: column(heading),
      blocked_calls: column('Blocked', 70),
      total: column('Decisions', 85),
      rate: [
        ...column('Rate', 75),
        { id: 'unit', value: 'percentunit' },
        { id: 'decimals', value: 1 },
        { id: 'mappings', value: [TOO_FEW] },
        { id: 'color', value: { mode: 'thresholds' } },
        {
          id: 'thresholds',
          value: {
            mode: 'absolute',
            steps: [
              { value: null, color: 'text' },
              { value: 0, color: 'green' },
              { value: 0.05, color: 'orange' },
              { value: 0.2, color: 'red' },
            ],
          },
        },
        { id: 'custom.cellOptions', value: { type: 'color-text' } },
      ],
    },
  );
}
