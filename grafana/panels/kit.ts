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

/** What every panel says of itself. */
export interface Face {
  /** Part of the panel's address: never changed, never given out again. */
  id: number;
  title: string;
  /** What the numbers are, with their formula. */
  description: string;
  sql: string;
  /** Shown instead of a picture where there is no data: why that may be, and what to do. */
  noValue: string;
  /** Columns of the board's 24. */
  w: number;
  h: number;
  /** Board that goes on from here. */
  next?: { title: string; uid: string };
}

/** A link in a panel's head to another board, with the same organisation, repositories and range. */
export function boardLink({ title, uid }: { title: string; uid: string }): Builder<DashboardLink> {
  return withoutPlacement(
    new DashboardLinkBuilder(title)
      .type(DashboardLinkType.Link)
      .url(`/d/${uid}?\${org:queryparam}&\${repo:queryparam}&\${__url_time_range}`),
  );
}

interface Dressed {
  id(id: number): this;
  title(title: string): this;
  description(description: string): this;
  noValue(noValue: string): this;
  span(w: number): this;
  height(h: number): this;
  datasource(ref: typeof DATASOURCE): this;
  links(links: Builder<DashboardLink>[]): this;
}

export function dress<P extends Dressed>(
  panel: P,
  { id, title, description, noValue, w, h, next }: Omit<Face, 'sql'>,
): P {
  panel.id(id).title(title).description(description).noValue(noValue).span(w).height(h).datasource(DATASOURCE);
  return next === undefined ? panel : panel.links([boardLink(next)]);
}

/**
 * One number that has a colour of its own by its thresholds. Without a value Grafana fits the text into the panel and
 * gives it the base colour: so only what stands before the colon of `noValue` is shown, and the base colour is none.
 */
export function stat(face: Face, unit: string, steps: [value: number | null, color: string][]): StatBuilder {
  const [shown = '', hint] = face.noValue.split(': ');
  const description =
    hint === undefined ? face.description : `${face.description} ${shown}: ${hint}.`.replace('?.', '?');
  return dress(new StatBuilder(), { ...face, description, noValue: shown })
    .withTarget(table(face.sql))
    .unit(unit)
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .colorScheme(colorBy(FieldColorModeId.Thresholds))
    .thresholds(thresholds(steps.map(([value, color]) => ({ value, color }))));
}

/** The last value of one column alone. */
export function reduceTo(column: string): ReduceDataOptionsBuilder {
  return new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(`/^${column}$/`);
}

/** One word on its colour. `column` is the query's one column. */
export function badge(face: Face, column: string, colors: Readonly<Record<string, string>>): StatBuilder {
  return stat(face, 'string', [[null, 'text']])
    .colorMode(BigValueColorMode.Background)
    .reduceOptions(reduceTo(column))
    .mappings(wordMapping(colors));
}

function overTime(face: Face): TimeSeriesBuilder {
  return dress(new TimeSeriesBuilder(), face)
    .withTarget(timeSeries(face.sql))
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

/** Lines that join their points; `label` names the column that tells them apart where the rows are long. */
export function lines(face: Face, unit: string, label?: string): TimeSeriesBuilder {
  const panel = overTime(face)
    .unit(unit)
    .lineWidth(2)
    .fillOpacity(0)
    .showPoints(VisibilityMode.Auto)
    .pointSize(5)
    .spanNulls(true);
  return label === undefined ? panel : panel.displayName(`\${__field.labels.${label}}`);
}

/** Lines of what holds until it changes. */
export function steps(face: Face, unit: string): TimeSeriesBuilder {
  return lines(face, unit).lineInterpolation(LineInterpolation.StepAfter).showPoints(VisibilityMode.Never);
}

/** What holds until it changes, one on top of the other. */
export function areas(face: Face, unit: string): TimeSeriesBuilder {
  return steps(face, unit)
    .min(0)
    .decimals(0)
    .lineWidth(1)
    .fillOpacity(70)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
}

/** Counts a bucket, one on top of the other. */
export function bars(face: Face, unit: string, label?: string): TimeSeriesBuilder {
  const panel = overTime(face)
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

/** Paints lines or bars by their names. */
export function paint(panel: TimeSeriesBuilder, colors: Readonly<Record<string, string>>): TimeSeriesBuilder {
  for (const [name, color] of Object.entries(colors))
    panel.overrideByName(name, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
  return panel;
}

/** Rows as they are; columns by name, in the order of the query. */
export function rows(face: Face, columns: Readonly<Record<string, DynamicConfigValue[]>>): TableBuilder {
  const panel = dress(new TableBuilder(), face).withTarget(table(face.sql)).filterable(false);
  // A cell without a value would repeat the panel's text for no data.
  for (const [name, properties] of Object.entries(columns))
    panel.overrideByName(name, [{ id: 'noValue', value: '–' }, ...properties]);
  return panel;
}

/** What state each thing was in: `states` are the texts of 0 and 1. */
export function timeline(
  face: Face,
  label: string,
  states: readonly [zero: { text: string; color: string }, one: { text: string; color: string }],
): Builder<Panel> {
  const [zero, one] = states;
  const panel = dress(new StateTimelineBuilder(), face)
    .withTarget(timeSeries(face.sql))
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
      // 0 takes the pager away, which the SDK's own method refuses to say.
      (built.options as StateTimelineOptions).perPage = 0;
      return built;
    },
  };
}
