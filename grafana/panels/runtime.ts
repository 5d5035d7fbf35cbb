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
import { bars, colorByName, count, lines, reduceTo, rows, stat } from './kit.js';
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
          'Blocked decisions divided by all decisions (allowed, blocked, asked) of the chosen tools and agents in the range, as a ratio of sums. Under 20 decisions there is no rate ("too few").',
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
    count(
      {
        id: 2,
        title: 'Blocked',
        description:
          'Numerator of the rate: decisions that blocked a tool call. 0 if all calls were allowed, no value without decisions.',
        sql: blockedCount(GUARD_SCOPE),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'orange',
    ),
    stat(
      {
        id: 3,
        title: 'Decisions',
        description:
          'Denominator of the rate: tool calls with a decision. Without decisions there is no number, because a silent guard is not the same as no calls.',
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
    count(
      {
        id: 4,
        title: 'Injections',
        description:
          'Blocked injection attempts, by rule and by text (see the chart), in the range by whole hours, over 14 days by whole days. All tools and agents of the chosen repositories.',
        sql: injectionsInRange(),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'red',
    ),
    stat(
      {
        id: 5,
        title: 'Time (p95)',
        description:
          '95th percentile of the decision time, measured by the guard, over the range by whole hours (over 14 days by whole days), all tools and agents; 1 % relative error.',
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

/** Draws the rate as a line, and buckets with too few decisions as grey dots. */
export function rateOverTime(): Builder<Panel> {
  return colorByName(
    lines(
      {
        id: 6,
        title: 'Blocked rate over time',
        description:
          'Is more being blocked than usual? Blocked decisions divided by all decisions of a bucket. The line shows buckets with 20 decisions or more; grey dots are buckets with fewer, where a rate means little. Without decisions there is neither. Buckets: up to 6 hours as fine as the chart allows, up to 14 days hours, then days.',
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
  return colorByName(
    bars(
      {
        id: 7,
        title: 'Decisions by verdict',
        description:
          'How much is decided, and how? Decisions per bucket by verdict, stacked: the numbers behind the rate. Asked: the agent had to ask the user for permission.',
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
    blockedTable(8, 'Blocked calls by tool', blockedBy(GUARD_SCOPE, 'tool'), 'tool', 'Tool', 12),
    blockedTable(9, 'Blocked calls by agent', blockedBy(GUARD_SCOPE, 'agent'), 'agent', 'Agent', 12),
    rows(
      {
        id: 10,
        title: 'Blocked calls by rule category',
        description:
          'What kind of rule blocks calls? Blocked decisions in the range by rule category, most frequent first. Allowed decisions have no rule, so there is no rate here.',
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
      title: 'Blocked calls by rule',
      description:
        'Which rules block most, and why? Blocked decisions by rule, most frequent first, with one reason as the guard gave it. The tool input itself never leaves the machine on which it ran. The newest 3 days of the range, 50 rows.',
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
  return colorByName(
    bars(
      {
        id: 12,
        title: 'Blocked injection attempts',
        description:
          'Is somebody attempting injection? Blocked injection attempts by hour up to 14 days, then by day. By rule: blocked by a rule of category injection. By text: blocked without a category, and the reason reads like an injection. A bar of height 0 is an hour with decisions and without attempts.',
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
  return colorByName(
    lines(
      {
        id: 13,
        title: 'Decision latency',
        description:
          'Does the guard slow agents down? Decision time measured by the producer: median, 95th and 99th percentile. By hour up to 14 days, then by day, from sketches with 1 % relative error. Hours without decisions have no point.',
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
