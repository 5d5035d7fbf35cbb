import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { timeSeries } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { blockedCalls } from '../queries/blocked-calls.js';
import { blockedRateByTool, decisionsByVerdict } from '../queries/decisions.js';
import { rows } from './kit.js';
import { colorBy, column, thresholds, timeColumn, VERDICT_COLORS } from './look.js';

/** Longest gap that a rate line bridges, in milliseconds. Over a longer gap no line is drawn. */
const BRIDGED_GAP_MS = 2 * 60 * 60 * 1000;

function overTime(id: number, title: string): PanelBuilder {
  return new PanelBuilder()
    .id(id)
    .title(title)
    .datasource(DATASOURCE)
    .height(9)
    .span(12)
    .interval('1m')
    .maxDataPoints(120)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .thresholds(thresholds([{ value: null, color: 'green' }]));
}

export function blockedRateOverTime(): PanelBuilder {
  return (
    overTime(6, 'Blocked rate by tool')
      .description(
        'Which tools are being blocked? Blocked decisions divided by all decisions of a tool, per bucket, as a ratio of sums. A bucket without decisions of a tool has no point: that is no data, not 0 %. The seven busiest tools are shown by name, the rest together. Buckets: minutes up to 6 hours, hours up to 14 days, then days.',
      )
      .withTarget(timeSeries(blockedRateByTool()))
      // Wider buckets than the counts have: a rate of two calls says nothing.
      .maxDataPoints(40)
      .displayName('${__field.labels.tool_name}')
      .unit('percentunit')
      .min(0)
      .max(1)
      .colorScheme(colorBy(FieldColorModeId.PaletteClassic))
      .lineWidth(2)
      .fillOpacity(0)
      .showPoints(VisibilityMode.Always)
      .pointSize(5)
      .spanNulls(BRIDGED_GAP_MS)
      .noValue('No decisions in this range: is the hook installed?')
  );
}

export function decisionsOverTime(): PanelBuilder {
  const panel = overTime(7, 'Decisions by verdict')
    .description(
      'How much does the guard decide? Decisions per bucket by verdict, stacked. Asked: the agent had to ask the user for permission. Buckets: minutes up to 6 hours, hours up to 14 days, then days.',
    )
    .withTarget(timeSeries(decisionsByVerdict()))
    .displayName('${__field.labels.verdict}')
    .unit('short')
    .min(0)
    .decimals(0)
    .colorScheme(colorBy(FieldColorModeId.PaletteClassic))
    .drawStyle(GraphDrawStyle.Bars)
    .lineWidth(0)
    .fillOpacity(80)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    .noValue('No decisions in this range: is the hook installed?');
  for (const [verdict, color] of Object.entries(VERDICT_COLORS)) {
    panel.overrideByName(verdict, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
  }
  return panel;
}

/** Blocked calls: the rows behind the blocked rate. */
export function blockedCallsTable(): Builder<Panel> {
  return rows(
    {
      id: 8,
      title: 'Blocked calls by rule',
      description:
        'What was blocked, and why? Blocked tool calls by rule, most frequent first, the newest 3 days of the range. The reason is one example, as the guard gave it. The tool input itself never leaves the machine on which it ran.',
      sql: blockedCalls(),
      noValue: 'Nothing was blocked in this range',
      w: 24,
      h: 8,
    },
    {
      rule_name: column('Rule', 190),
      rule_category: column('Category', 120),
      tool: column('Tool', 120),
      example: column('Reason (one example)'),
      blocked: column('Blocked', 90),
      repositories: column('Repositories', 110),
      last_at: timeColumn('Last'),
    },
  );
}
