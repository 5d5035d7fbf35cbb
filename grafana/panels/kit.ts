import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type DashboardLink,
  type DynamicConfigValue,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import {
  PanelBuilder as StateTimelineBuilder,
  type Options as StateTimelineOptions,
} from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { table, timeSeries } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { colorBy, thresholds, withoutPlacement, wordMapping } from './look.js';

/** Options that every panel shares. */
export interface PanelOptions {
  /** Stable identifier: part of the panel's address. Never changed, never reused. */
  id: number;
  title: string;
  /** The question that the panel answers, what its numbers are, and their formula. */
  description: string;
  sql: string;
  /** Text shown without data: the likely reason, and what to do. */
  noValue: string;
  /** Width in columns of the board's 24. */
  w: number;
  h: number;
  /** Board with the details, linked from the panel's header. */
  next?: { title: string; uid: string };
}

/** Returns a link in the panel's header to another board, with the same organisation, repositories and range. */
export function boardLink({ title, uid }: { title: string; uid: string }): Builder<DashboardLink> {
  return withoutPlacement(
    new DashboardLinkBuilder(title)
      .type(DashboardLinkType.Link)
      .url(`/d/${uid}?\${org:queryparam}&\${repo:queryparam}&\${__url_time_range}`),
  );
}

interface ConfigurablePanel {
  id(id: number): this;
  title(title: string): this;
  description(description: string): this;
  noValue(noValue: string): this;
  span(w: number): this;
  height(h: number): this;
  datasource(ref: typeof DATASOURCE): this;
  links(links: Builder<DashboardLink>[]): this;
}

export function applyPanelOptions<P extends ConfigurablePanel>(
  panel: P,
  { id, title, description, noValue, w, h, next }: Omit<PanelOptions, 'sql'>,
): P {
  panel.id(id).title(title).description(description).noValue(noValue).span(w).height(h).datasource(DATASOURCE);
  return next === undefined ? panel : panel.links([boardLink(next)]);
}

/**
 * Returns a stat panel coloured by thresholds. Without a value Grafana fits the text into the panel and uses the base
 * colour: therefore only the part of `noValue` before the colon is shown, and the base colour is neutral.
 */
export function stat(options: PanelOptions, unit: string, steps: [value: number | null, color: string][]): StatBuilder {
  const [shown = '', hint] = options.noValue.split(': ');
  const description =
    hint === undefined ? options.description : `${options.description} ${shown}: ${hint}.`.replace('?.', '?');
  return applyPanelOptions(new StatBuilder(), { ...options, description, noValue: shown })
    .withTarget(table(options.sql))
    .unit(unit)
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .colorScheme(colorBy(FieldColorModeId.Thresholds))
    .thresholds(thresholds(steps.map(([value, color]) => ({ value, color }))));
}

/** Returns a stat panel of a whole number; with `color`, none is green and one or more have this colour. */
export function count(options: PanelOptions, color?: 'orange' | 'red'): StatBuilder {
  const graded: [value: number, color: string][] =
    color === undefined
      ? []
      : [
          [0, 'green'],
          [1, color],
        ];
  return stat(options, 'short', [[null, 'text'], ...graded]).decimals(0);
}

/** Returns options that show the last value of one column. */
export function reduceTo(column: string): ReduceDataOptionsBuilder {
  return new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(`/^${column}$/`);
}

/** Returns a stat panel with one word on a coloured background. `column` is the only column of the query. */
export function badge(options: PanelOptions, column: string, colors: Readonly<Record<string, string>>): StatBuilder {
  return stat(options, 'string', [[null, 'text']])
    .colorMode(BigValueColorMode.Background)
    .reduceOptions(reduceTo(column))
    .mappings(wordMapping(colors));
}

function overTime(options: PanelOptions): TimeSeriesBuilder {
  return applyPanelOptions(new TimeSeriesBuilder(), options)
    .withTarget(timeSeries(options.sql))
    .interval('1m')
    .maxDataPoints(60)
    .colorScheme(colorBy(FieldColorModeId.PaletteClassic))
    .thresholds(thresholds([{ value: null, color: 'green' }]))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.None));
}

/** Returns a chart with connected points. `label` names the column that distinguishes the lines in long format. */
export function lines(options: PanelOptions, unit: string, label?: string): TimeSeriesBuilder {
  const panel = overTime(options)
    .unit(unit)
    .lineWidth(2)
    .fillOpacity(0)
    .showPoints(VisibilityMode.Auto)
    .pointSize(5)
    .spanNulls(true);
  return label === undefined ? panel : panel.displayName(`\${__field.labels.${label}}`);
}

/** Returns a step chart, for values that hold until they change. */
export function steps(options: PanelOptions, unit: string): TimeSeriesBuilder {
  return lines(options, unit).lineInterpolation(LineInterpolation.StepAfter).showPoints(VisibilityMode.Never);
}

/** Returns a stacked step chart, for values that hold until they change. */
export function areas(options: PanelOptions, unit: string): TimeSeriesBuilder {
  return steps(options, unit)
    .min(0)
    .decimals(0)
    .lineWidth(1)
    .fillOpacity(70)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
}

/** Returns stacked bars, for counts per bucket. */
export function bars(options: PanelOptions, unit: string, label?: string): TimeSeriesBuilder {
  const panel = overTime(options)
    .unit(unit)
    .min(0)
    .decimals(0)
    .drawStyle(GraphDrawStyle.Bars)
    .lineWidth(0)
    .fillOpacity(80)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  return label === undefined ? panel : panel.displayName(`\${__field.labels.${label}}`);
}

/** Sets the colour of each series by its name. */
export function colorByName(panel: TimeSeriesBuilder, colors: Readonly<Record<string, string>>): TimeSeriesBuilder {
  for (const [name, color] of Object.entries(colors))
    panel.overrideByName(name, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
  return panel;
}

/** Returns a table; columns by name, in the order of the query. */
export function rows(options: PanelOptions, columns: Readonly<Record<string, DynamicConfigValue[]>>): TableBuilder {
  const panel = applyPanelOptions(new TableBuilder(), options).withTarget(table(options.sql)).filterable(false);
  // Without its own text, an empty cell would repeat the panel's no-data text.
  for (const [name, properties] of Object.entries(columns))
    panel.overrideByName(name, [{ id: 'noValue', value: '–' }, ...properties]);
  return panel;
}

/** Returns a state timeline: `states` are the texts for 0 and 1. */
export function timeline(
  options: PanelOptions,
  label: string,
  states: readonly [zero: { text: string; color: string }, one: { text: string; color: string }],
): Builder<Panel> {
  const [zero, one] = states;
  const panel = applyPanelOptions(new StateTimelineBuilder(), options)
    .withTarget(timeSeries(options.sql))
    .displayName(`\${__field.labels.${label}}`)
    .unit('none')
    // The mapping alone gives the colours: thresholds would put "< 1" and "1+" into the legend.
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('text'))
    .mappings([{ type: MappingType.ValueToText, options: { '0': { ...zero, index: 1 }, '1': { ...one, index: 0 } } }])
    .mergeValues(true)
    .showValue(VisibilityMode.Never)
    .rowHeight(0.8)
    .lineWidth(0)
    .fillOpacity(90)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
  return {
    build: () => {
      const built = panel.build();
      // 0 turns paging off; the SDK's own setter rejects 0.
      (built.options as StateTimelineOptions).perPage = 0;
      return built;
    },
  };
}
