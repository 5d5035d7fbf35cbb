import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { GraphDrawStyle, VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  blockedBy,
  blockedByCategory,
  blockedCount,
  blockedRateOverTime,
  decisionCount,
  decisionsByVerdict,
  ratedBlocks,
} from '../queries/decisions.js';
import { decisionLatency, injectionAttempts, injectionsInRange, latencyInRange, topRules } from '../queries/guard.js';
import { GUARD_SCOPE } from '../queries/scope.js';
import { bars, lines, paint, reduceTo, rows, stat } from './kit.js';
import { column, VERDICT_COLORS } from './look.js';
import { blockedTable, TOO_FEW } from './repository.js';

const SILENT = 'No decisions: none in this range, is the hook installed?';

export function guardStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Blocked rate',
        description:
          'Blocked over all decisions (allowed, blocked, asked) of the chosen tools and agents, as a ratio of sums over the range. Under 20 decisions there is no rate ("too few"); without any it says so.',
        sql: ratedBlocks(GUARD_SCOPE),
        noValue: SILENT,
        w: 5,
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
        id: 2,
        title: 'Blocked',
        description:
          'Numerator of the rate: decisions that stopped a tool call. 0 where all was let through, no value where nothing was decided.',
        sql: blockedCount(GUARD_SCOPE),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ).decimals(0),
    stat(
      {
        id: 3,
        title: 'Decisions',
        description:
          'Denominator of the rate: tool calls that were decided. None at all is no data: a silent guard is not a quiet one.',
        sql: decisionCount(GUARD_SCOPE),
        noValue: SILENT,
        w: 5,
        h: 5,
        next: { title: 'Coverage', uid: 'shieldwatch-coverage' },
      },
      'short',
      [
        [null, 'text'],
        [0, 'blue'],
      ],
    ).decimals(0),
    stat(
      {
        id: 4,
        title: 'Injections',
        description:
          'Injection attempts that were blocked, by rule and by text (see the chart), in the range by whole hours, over 14 days by whole days. All tools and agents of the chosen repositories.',
        sql: injectionsInRange(),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'red'],
      ],
    ).decimals(0),
    stat(
      {
        id: 5,
        title: 'Time (p95)',
        description:
          'Time 95 % of the decisions stayed below, measured by the guard, over the range by whole hours (over 14 days by whole days), all tools and agents; 1 % relative error.',
        sql: latencyInRange(),
        noValue: SILENT,
        w: 4,
        h: 5,
      },
      'ms',
      [
        [null, 'text'],
        [0, 'green'],
        [50, 'orange'],
        [200, 'red'],
      ],
    ).decimals(1),
  ];
}

/** Rate and low volume are told apart by their look: a line, and grey dots. */
export function rateOverTime(): Builder<Panel> {
  return paint(
    lines(
      {
        id: 6,
        title: 'Is more being blocked than usual?',
        description:
          'Blocked over all decisions of a bucket. The line has buckets of 20 decisions or more; grey dots are buckets with fewer, where a rate says little; without a decision there is neither. Buckets: up to 6 hours as the picture allows, up to 14 days hours, then days.',
        sql: blockedRateOverTime(GUARD_SCOPE),
        noValue: SILENT,
        w: 12,
        h: 9,
      },
      'percentunit',
      'kind',
    )
      .min(0)
      .maxDataPoints(40)
      .showPoints(VisibilityMode.Always)
      // A line over buckets of few decisions would claim a rate for them.
      .spanNulls(false)
      .overrideByRegexp('/^fewer than/', [
        { id: 'custom.drawStyle', value: GraphDrawStyle.Points },
        { id: 'custom.pointSize', value: 4 },
      ]),
    { 'blocked rate': 'red', 'fewer than 20 decisions': 'text' },
  );
}

export function volumeOverTime(): Builder<Panel> {
  return paint(
    bars(
      {
        id: 7,
        title: 'How much is decided, and how?',
        description:
          'Decisions of a bucket by verdict, stacked: the numbers behind the rate. Asked: the agent was told to ask the person at the keyboard.',
        sql: decisionsByVerdict(GUARD_SCOPE),
        noValue: SILENT,
        w: 12,
        h: 9,
      },
      'short',
      'verdict',
    ).maxDataPoints(40),
    VERDICT_COLORS,
  );
}

export function byDimension(): Builder<Panel>[] {
  return [
    blockedTable(8, 'Which tools are stopped?', blockedBy(GUARD_SCOPE, 'tool'), 'tool', 'Tool', 12),
    blockedTable(9, 'Which agents are stopped?', blockedBy(GUARD_SCOPE, 'agent'), 'agent', 'Agent', 12),
    rows(
      {
        id: 10,
        title: 'What kind of rule stops them?',
        description:
          'Blocked decisions of the range by category of the rule, most frequent first. Allowed decisions have no rule, so that there is no rate here.',
        sql: blockedByCategory(),
        noValue: 'Nothing was blocked in this range',
        w: 8,
        h: 9,
      },
      { category: column('Category'), blocked_calls: column('Blocked', 75) },
    ),
  ];
}

export function rules(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Which rules stop most, and why?',
      description:
        'Blocked decisions by rule, most frequent first, with one reason as the guard gave it; the tool input itself never leaves the machine it ran on. The newest 3 days of the range, 50 rows.',
      sql: topRules(),
      noValue: 'Nothing was blocked in the newest 3 days of this range',
      w: 16,
      h: 9,
    },
    {
      rule: column('Rule', 160),
      rule_category: column('Category', 110),
      example: column('Reason (one example)'),
      blocked_calls: column('Blocked', 75),
      repositories: column('Repos', 75),
      last_at: [...column('Last', 125), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

export function injectionsOverTime(): Builder<Panel> {
  return paint(
    bars(
      {
        id: 12,
        title: 'Is somebody trying to inject?',
        description:
          'Blocked injections by hour up to 14 days, then by day. By rule: a rule of category injection blocked. By text: blocked without a category, and the reason reads like an injection. A bar of height 0 is an hour with decisions and no attempt.',
        sql: injectionAttempts(),
        noValue: SILENT,
        w: 12,
        h: 9,
      },
      'short',
    ),
    { by_rule: 'red', by_text: 'yellow' },
  )
    .overrideByName('by_rule', [{ id: 'displayName', value: 'by rule' }])
    .overrideByName('by_text', [{ id: 'displayName', value: 'by text alone' }]);
}

export function latencyOverTime(): Builder<Panel> {
  return paint(
    lines(
      {
        id: 13,
        title: 'Does the guard slow agents down?',
        description:
          'Time a decision took at the producer: half, 95 % and 99 % of them stayed below. By hour up to 14 days, then by day, from sketches with 1 % relative error. Hours without decisions have no point.',
        sql: decisionLatency(),
        noValue: SILENT,
        w: 12,
        h: 9,
      },
      'ms',
    ).min(0),
    { p50: 'green', p95: 'orange', p99: 'red' },
  );
}
