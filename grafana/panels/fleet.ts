import { VisibilityMode, VizOrientation } from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { PanelBuilder as BarChartBuilder } from '@grafana/grafana-foundation-sdk/barchart';
import { table } from '../clickhouse-query.js';
import { silentRepositories } from '../queries/coverage.js';
import {
  largestScoreChanges,
  countedBySeverity,
  countedNow,
  failingGates,
  fleetNow,
  fleetStatus,
  rankedRepositories,
  scoreBand,
} from '../queries/posture.js';
import { areas, badge, applyPanelOptions, lines, colorByName, rows, stat } from './kit.js';
import {
  colorBy,
  colored,
  column,
  gradeThresholds,
  REPOSITORY_LINK,
  SEVERITY_COLORS,
  thresholds,
  wordMapping,
} from './look.js';

/** AgentShield's operator readback: whether the fleet may be promoted. */
const STATUS_COLORS = { 'invalid-evidence': 'purple', blocked: 'red', ready: 'green' } as const;

/** Routes of AgentShield's operator readback, most urgent first. */
const ROUTE_COLORS = {
  invalid: 'purple',
  'security-blocker': 'red',
  'policy-review': 'orange',
  'baseline-regression': 'yellow',
  'supply-chain-review': 'blue',
  ready: 'green',
} as const;

const LEDGER = { title: 'Findings ledger', uid: 'shieldwatch-ledger' };
const NOT_SCANNED = 'Nothing scanned: run shieldwatch scan';

export function fleetStats(): Builder<Panel>[] {
  return [
    badge(
      {
        id: 1,
        title: 'Status',
        description:
          "May the fleet be promoted? Status of AgentShield's operator readback over the newest scan of each repository, first match wins: invalid-evidence (an evidence pack fails its digests, or contradicts itself), blocked (a review item of a repository is undecided), ready. Policy packs that wait for approval are shown by the API only.",
        sql: fleetStatus(),
        noValue: NOT_SCANNED,
        w: 5,
        h: 5,
      },
      'status_now',
      STATUS_COLORS,
    ),
    stat(
      {
        id: 2,
        title: 'Mean score',
        description:
          'Sum of the newest scores divided by the number of repositories, 0 to 100. Scans of 0 files do not count.',
        sql: fleetNow('score_mean'),
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
    ).decimals(0),
    stat(
      {
        id: 3,
        title: 'Critical',
        description:
          'Critical findings in the newest scan of each chosen repository, added up. Without a scan there is no number. The findings ledger shows what is open.',
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
    stat(
      {
        id: 4,
        title: 'Policy fails',
        description: 'Repositories whose newest scan failed its policy. A scan without a policy cannot fail.',
        sql: fleetNow('policy_failures'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
    stat(
      {
        id: 5,
        title: 'Regressed',
        description: "Repositories whose newest scan regressed against AgentShield's baseline file.",
        sql: fleetNow('baseline_regressions'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
    stat(
      {
        id: 6,
        title: 'Silent',
        description:
          'Repositories with neither a scan nor a guard decision for 24 hours. After 30 days of silence a repository is retired and no longer counted.',
        sql: silentRepositories(),
        noValue: 'Nobody known yet: run shieldwatch scan, and install the hook',
        w: 3,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
  ];
}

export function fleetTrend(): Builder<Panel> {
  return colorByName(
    lines(
      {
        id: 7,
        title: 'Score: mean, lowest and highest',
        description:
          'Is the fleet getting better or worse? AgentShield score of the chosen repositories, 0 to 100: mean (thick), and the band from the lowest to the highest. A score holds until the next scan. Lines at 40, 60, 75 and 90: where grades D, C, B and A begin.',
        sql: scoreBand(),
        noValue: NOT_SCANNED,
        w: 12,
        h: 9,
      },
      'none',
    )
      .decimals(0)
      .min(0)
      .max(100)
      .thresholds(gradeThresholds())
      .showPoints(VisibilityMode.Never)
      .overrideByName('mean', [{ id: 'custom.lineWidth', value: 3 }])
      .overrideByName('highest', [
        { id: 'custom.lineWidth', value: 1 },
        { id: 'custom.fillBelowTo', value: 'lowest' },
        { id: 'custom.fillOpacity', value: 12 },
      ])
      .overrideByName('lowest', [{ id: 'custom.lineWidth', value: 1 }]),
    { mean: 'blue', highest: 'green', lowest: 'orange' },
  );
}

export function countedOverTime(): Builder<Panel> {
  return colorByName(
    areas(
      {
        id: 8,
        title: 'Findings in the newest scans by severity',
        description:
          'How much do the newest scans count? Findings by severity, stacked: at each moment the findings in the newest scan of each chosen repository, added up. The value holds between scans, so that a week without scans is a flat line and not a gap. A scan with a minimum severity counts nothing below it; the findings ledger shows what is open regardless.',
        sql: countedBySeverity(),
        noValue: NOT_SCANNED,
        w: 12,
        h: 9,
        next: LEDGER,
      },
      'short',
    ),
    SEVERITY_COLORS,
  );
}

export function ranking(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'Repositories by score',
      description:
        "Which repositories need attention first? Chosen repositories, lowest score first. Change: score now minus the score in force when the range began, or the first one in the range. Route: AgentShield's fleet rules applied to the newest scan, first match wins.",
      sql: rankedRepositories(),
      noValue: NOT_SCANNED,
      w: 16,
      h: 10,
    },
    {
      repo: [...column('Repository'), REPOSITORY_LINK],
      score: [
        ...column('Score', 65),
        { id: 'color', value: { mode: 'thresholds' } },
        { id: 'thresholds', value: gradeThresholds().build() },
        { id: 'custom.cellOptions', value: { type: 'color-text' } },
      ],
      change: column('Change', 70),
      critical: column('Critical', 70),
      high: column('High', 60),
      route: [...column('Route', 150), ...colored(wordMapping(ROUTE_COLORS))],
      scanned_at: [...column('Scanned', 115), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

export function scoreChanges(): Builder<Panel> {
  return applyPanelOptions(new BarChartBuilder(), {
    id: 10,
    title: 'Score change by repository',
    description:
      'Whose score changed most? Score now minus the score in force when the range began (or the first one in the range), the ten largest changes. Repositories without a change are left out.',
    noValue: 'No score moved in this range',
    w: 8,
    h: 10,
  })
    .withTarget(table(largestScoreChanges()))
    .xField('repo')
    .orientation(VizOrientation.Horizontal)
    .showValue(VisibilityMode.Always)
    .unit('none')
    .decimals(0)
    .colorScheme(colorBy(FieldColorModeId.Thresholds))
    .thresholds(
      thresholds([
        { value: null, color: 'orange' },
        { value: 0, color: 'blue' },
      ]),
    )
    .overrideByName('change', column('Change'));
}

export function gates(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Failed gates by repository',
      description:
        "Which gates fail, and why? Repositories whose newest scan failed its policy (violations above 0, or score below the policy's minimum) or whose baseline regressed (new findings, or a lower score than the baseline).",
      sql: failingGates(),
      noValue: 'No gate fails in the newest scans',
      w: 24,
      h: 8,
    },
    {
      repo: [...column('Repository'), REPOSITORY_LINK],
      gate: column('Gate', 150),
      policy: column('Policy', 200),
      violations: column('Violations', 95),
      score: column('Score', 75),
      min_score: column('Asked', 75),
      new_findings: column('New findings', 110),
      score_delta: column('Score change', 110),
      occurred_at: [...column('Scanned', 130), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}
