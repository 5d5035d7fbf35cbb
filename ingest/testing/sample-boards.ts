/* eslint-disable @typescript-eslint/no-deprecated -- the classic board JSON is what file provisioning of Grafana 12 takes; the v2 schema is not yet */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PanelBuilder as BarChart } from '@grafana/grafana-foundation-sdk/barchart';
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Gauge } from '@grafana/grafana-foundation-sdk/gauge';
import {
  PanelBuilder as Pie,
  PieChartLegendOptionsBuilder,
  PieChartLegendValues,
  PieChartType,
} from '@grafana/grafana-foundation-sdk/piechart';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as Text, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';

/**
 * Boards with one panel of every type, built like those of grafana/, for tests of the page. Their data comes from
 * sample-data.ts.
 */
const DATASOURCE = { type: 'grafana-clickhouse-datasource', uid: 'shieldwatch-clickhouse' };
const SCOPE = 'org_id = ${org:singlequote} AND $__conditionalAll(repo IN (${repo:singlequote}), $repo)';
const BOTH_ENDS = 'occurred_at >= $__fromTime AND occurred_at <= $__toTime';

function query(rawSql: string, format: 0 | 1, refId = 'A'): Builder<Dataquery> {
  const target = {
    refId,
    datasource: DATASOURCE,
    rawSql,
    format,
    editorType: 'sql',
    queryType: format === 0 ? 'timeseries' : 'table',
    _implementsDataqueryVariant: () => undefined,
  };
  return { build: () => target };
}

const thresholds = (steps: Threshold[]): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
const GRADES: Threshold[] = [
  { value: null, color: 'red' },
  { value: 60, color: 'orange' },
  { value: 90, color: 'green' },
];
const legend = (mode: LegendDisplayMode, placement: LegendPlacement, calcs: string[]): VizLegendOptionsBuilder =>
  new VizLegendOptionsBuilder().displayMode(mode).placement(placement).showLegend(true).calcs(calcs);
const reduceAll = (): ReduceDataOptionsBuilder => new ReduceDataOptionsBuilder().values(true).calcs([]).fields('');
const VERDICTS = {
  allow: { text: 'allowed', color: 'green', index: 0 },
  ask: { text: 'asked', color: 'orange', index: 1 },
  block: { text: 'blocked', color: 'red', index: 2 },
};

const link = (title: string, url: string): DashboardLinkBuilder =>
  new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url);

function orgVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('org')
    .datasource(DATASOURCE)
    .query('SELECT DISTINCT org_id FROM repository_activity');
}

function everyPanel(): DashboardBuilder {
  return new DashboardBuilder('Every panel')
    .uid('sample-panels')
    .description('One panel of each type.')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .withVariable(orgVariable())
    .withVariable(
      new QueryVariableBuilder('repo')
        .label('Repository')
        .datasource(DATASOURCE)
        .query('SELECT repo FROM repository_activity WHERE org_id = ${org:singlequote} ORDER BY repo')
        .multi(true)
        .includeAll(true),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name('Scans')
        .enable(true)
        .iconColor('purple')
        .datasource(DATASOURCE)
        .target(
          query(
            `SELECT occurred_at AS time, concat(repo, ' scanned: ', toString(score)) AS text, concat('grade-', grade) AS tags FROM scan WHERE ${SCOPE} AND ${BOTH_ENDS} ORDER BY time`,
            1,
          ),
        ),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name('Silence')
        .enable(false)
        .iconColor('red')
        .datasource(DATASOURCE)
        .target(
          query(
            "SELECT toDateTime($__toTime - 7200, 'UTC') AS time, toDateTime($__toTime - 3600, 'UTC') AS timeEnd, 'no decisions' AS text",
            1,
          ),
        ),
    )
    .link(
      new DashboardLinkBuilder('Handbook')
        .type(DashboardLinkType.Link)
        .url('https://example.com/handbook')
        .targetBlank(true),
    )
    .withRow(new RowBuilder('Over time').id(100))
    .withPanel(
      new TimeSeries()
        .id(1)
        .title('Scores of ${repo}')
        .description('Score, last known; the areas are grades.')
        .datasource(DATASOURCE)
        .height(8)
        .span(12)
        .withTarget(
          query(
            `SELECT occurred_at AS time, repo, toFloat64(score) AS score FROM scan WHERE ${SCOPE} AND ${BOTH_ENDS} ORDER BY time`,
            0,
          ),
        )
        .displayName('${__field.labels.repo}')
        .unit('none')
        .decimals(0)
        .min(0)
        .max(100)
        .spanNulls(true)
        .showPoints(VisibilityMode.Always)
        .lineWidth(2)
        .thresholds(thresholds(GRADES))
        .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.DashedAndArea))
        .legend(legend(LegendDisplayMode.Table, LegendPlacement.Right, ['lastNotNull', 'min', 'max']))
        .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
        .dataLinks([
          link('Open ${__field.labels.repo}', '/d/sample-detail?var-repo=${__field.labels.repo}&${__url_time_range}'),
        ]),
    )
    .withPanel(
      new TimeSeries()
        .id(2)
        .title('Decisions and their duration')
        .datasource(DATASOURCE)
        .height(8)
        .span(12)
        .interval('1m')
        .maxDataPoints(60)
        .withTarget(
          query(
            `SELECT $__timeInterval(occurred_at) AS time, decision, count() AS n FROM runtime_event WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY time, decision ORDER BY time`,
            0,
          ),
        )
        .withTarget(
          query(
            `SELECT $__timeInterval(occurred_at) AS time, avg(duration_us) / 1000 AS duration FROM runtime_event WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY time ORDER BY time`,
            0,
            'B',
          ),
        )
        .displayName('${__field.labels.decision}')
        .drawStyle(GraphDrawStyle.Bars)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
        .fillOpacity(80)
        .unit('short')
        .decimals(0)
        .min(0)
        .overrideByQuery('B', [
          { id: 'displayName', value: 'duration' },
          { id: 'unit', value: 'ms' },
          { id: 'custom.drawStyle', value: 'line' },
          { id: 'custom.axisPlacement', value: AxisPlacement.Right },
          { id: 'custom.stacking', value: { mode: 'none' } },
          { id: 'custom.fillOpacity', value: 0 },
          { id: 'decimals', value: 1 },
          { id: 'color', value: { mode: 'fixed', fixedColor: 'purple' } },
        ])
        .overrideByRegexp('/^(block|ask)$/', [{ id: 'custom.lineWidth', value: 0 }])
        .legend(legend(LegendDisplayMode.List, LegendPlacement.Bottom, ['sum'])),
    )
    .withPanel(
      new StateTimeline()
        .id(3)
        .title('Which grade did each repository have?')
        .datasource(DATASOURCE)
        .height(7)
        .span(24)
        .withTarget(
          query(
            `SELECT occurred_at AS time, repo, toUInt32(indexOf(['F', 'D', 'C', 'B', 'A'], grade)) AS grade FROM scan WHERE ${SCOPE} AND ${BOTH_ENDS} ORDER BY time`,
            0,
          ),
        )
        .displayName('${__field.labels.repo}')
        .showValue(VisibilityMode.Auto)
        .rowHeight(0.9)
        .legend(legend(LegendDisplayMode.List, LegendPlacement.Bottom, []))
        .mappings([
          {
            type: MappingType.ValueToText,
            options: {
              1: { text: 'F', color: 'dark-red' },
              2: { text: 'D', color: 'red' },
              3: { text: 'C', color: 'orange' },
              4: { text: 'B', color: 'yellow' },
              5: { text: 'A', color: 'green' },
            },
          },
        ])
        .dataLinks([link('Open', '/d/sample-detail?var-repo=${__field.labels.repo}')]),
    )
    .withRow(new RowBuilder('Now').id(101))
    .withPanel(
      new Stat()
        .id(4)
        .title('Status')
        .datasource(DATASOURCE)
        .height(4)
        .span(6)
        .withTarget(query(`SELECT if(max(critical) > 0, 'blocked', 'ready') AS status FROM scan WHERE ${SCOPE}`, 1))
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('/^status$/'))
        .colorMode(BigValueColorMode.Background)
        .textMode(BigValueTextMode.Auto)
        .mappings([
          {
            type: MappingType.ValueToText,
            options: { blocked: { text: 'Blocked', color: 'red' }, ready: { text: 'Ready', color: 'green' } },
          },
        ]),
    )
    .withPanel(
      new Stat()
        .id(5)
        .title('Scores')
        .datasource(DATASOURCE)
        .height(4)
        .span(18)
        .withTarget(
          query(
            `SELECT occurred_at AS time, repo, toFloat64(score) AS score FROM scan WHERE ${SCOPE} AND ${BOTH_ENDS} ORDER BY time`,
            0,
          ),
        )
        .displayName('${__field.labels.repo}')
        .graphMode(BigValueGraphMode.Area)
        .colorMode(BigValueColorMode.Value)
        .decimals(0)
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
        .thresholds(thresholds(GRADES))
        .dataLinks([link('Open ${__field.labels.repo}', '/d/sample-detail/detail?var-repo=${__field.labels.repo}')]),
    )
    .withPanel(
      new Table()
        .id(6)
        .title('Tools')
        .datasource(DATASOURCE)
        .height(8)
        .span(12)
        .withTarget(
          query(
            `SELECT tool, countIf(decision = 'block') AS blocked, count() AS total, blocked / total AS rate, max(occurred_at) AS last_at, any(e.repo) AS repository FROM runtime_event AS e WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY tool ORDER BY total DESC`,
            1,
          ),
        )
        .sortBy([])
        .overrideByName('tool', [
          { id: 'displayName', value: 'Tool' },
          {
            id: 'links',
            value: [
              {
                title: 'Rows behind ${__value.raw}',
                url: '/d/sample-detail?var-tool=${__value.raw}&var-repo=${__data.fields.repository}',
              },
            ],
          },
        ])
        .overrideByName('blocked', [
          { id: 'displayName', value: 'Blocked' },
          { id: 'custom.cellOptions', value: { type: 'color-background' } },
          { id: 'color', value: { mode: 'thresholds' } },
          {
            id: 'thresholds',
            value: {
              mode: 'absolute',
              steps: [
                { value: null, color: 'green' },
                { value: 10, color: 'red' },
              ],
            },
          },
        ])
        .overrideByName('total', [{ id: 'custom.cellOptions', value: { type: 'gauge' } }])
        .overrideByName('rate', [
          { id: 'unit', value: 'percentunit' },
          { id: 'decimals', value: 1 },
        ])
        .overrideByName('last_at', [
          { id: 'displayName', value: 'Last' },
          { id: 'unit', value: 'dateTimeFromNow' },
        ])
        .overrideByName('repository', [{ id: 'custom.hidden', value: true }]),
    )
    .withPanel(
      new BarGauge()
        .id(7)
        .title('Busiest tools')
        .datasource(DATASOURCE)
        .height(8)
        .span(6)
        .orientation(VizOrientation.Horizontal)
        .reduceOptions(reduceAll())
        .withTarget(
          query(
            `SELECT tool, count() AS n FROM runtime_event WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY tool ORDER BY n DESC LIMIT 5`,
            1,
          ),
        )
        .unit('short')
        .min(0)
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
        .thresholds(thresholds([{ value: null, color: 'blue' }])),
    )
    .withPanel(
      new Pie()
        .id(8)
        .title('Verdicts')
        .datasource(DATASOURCE)
        .height(8)
        .span(6)
        .pieType(PieChartType.Donut)
        .reduceOptions(reduceAll())
        .withTarget(
          query(
            `SELECT decision, count() AS n FROM runtime_event WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY decision ORDER BY n DESC`,
            1,
          ),
        )
        .legend(
          new PieChartLegendOptionsBuilder()
            .showLegend(true)
            .displayMode(LegendDisplayMode.List)
            .placement(LegendPlacement.Bottom)
            .values([PieChartLegendValues.Value, PieChartLegendValues.Percent]),
        )
        .mappings([{ type: MappingType.ValueToText, options: VERDICTS }]),
    )
    .withPanel(
      new BarChart()
        .id(9)
        .title('Decisions by tool')
        .datasource(DATASOURCE)
        .height(8)
        .span(12)
        .xField('tool')
        .stacking(StackingMode.Normal)
        .withTarget(
          query(
            `SELECT tool, countIf(decision = 'allow') AS allowed, countIf(decision = 'block') AS blocked FROM runtime_event WHERE ${SCOPE} AND ${BOTH_ENDS} GROUP BY tool ORDER BY tool`,
            1,
          ),
        )
        .decimals(0)
        .legend(legend(LegendDisplayMode.List, LegendPlacement.Bottom, []))
        .overrideByName('allowed', [{ id: 'color', value: { mode: 'fixed', fixedColor: 'green' } }])
        .overrideByName('blocked', [{ id: 'color', value: { mode: 'fixed', fixedColor: 'red' } }]),
    )
    .withPanel(
      new BarChart()
        .id(10)
        .title('Findings by category')
        .datasource(DATASOURCE)
        .height(8)
        .span(12)
        .xField('category')
        .orientation(VizOrientation.Horizontal)
        .showValue(VisibilityMode.Always)
        .withTarget(
          query(
            `SELECT category, count() AS findings FROM finding WHERE ${SCOPE} GROUP BY category ORDER BY findings DESC`,
            1,
          ),
        )
        .decimals(0),
    )
    .withPanel(
      new Text()
        .id(11)
        .title('How to read this')
        .height(6)
        .span(12)
        .mode(TextMode.Markdown)
        .content(
          '## Grades\n\nA begins at **90**. See [the detail board](/d/sample-detail) or [elsewhere](javascript:alert(1)).\n\n| grade | from |\n|---|---|\n| A | `90` |\n\n<img src=x onerror="globalThis.wasRun=1">',
        ),
    )
    .withPanel(
      new Table()
        .id(12)
        .title('Nothing')
        .datasource(DATASOURCE)
        .height(6)
        .span(6)
        .withTarget(query(`SELECT title FROM finding WHERE ${SCOPE} AND severity = 'none'`, 1))
        .noValue('No finding of that kind: scan to be sure'),
    )
    .withPanel(
      new Gauge()
        .id(13)
        .title('A gauge')
        .datasource(DATASOURCE)
        .height(6)
        .span(6)
        .withTarget(query('SELECT 1 AS one', 1)),
    )
    .withRow(
      new RowBuilder('More')
        .id(102)
        .collapsed(true)
        .withPanel(
          new Table()
            .id(14)
            .title('Hostile texts')
            .datasource(DATASOURCE)
            .height(10)
            .span(24)
            .withTarget(
              query(`SELECT title, severity FROM finding WHERE ${SCOPE} AND severity = 'info' ORDER BY title`, 1),
            )
            .overrideByName('title', [
              { id: 'links', value: [{ title: 'x', url: '/d/sample-detail?var-find=${__value.raw}' }] },
            ]),
        ),
    );
}

function detail(): DashboardBuilder {
  return new DashboardBuilder('Detail')
    .uid('sample-detail')
    .time({ from: 'now-6h', to: 'now' })
    .withVariable(orgVariable())
    .withVariable(
      new QueryVariableBuilder('repo')
        .label('Repository')
        .datasource(DATASOURCE)
        .query('SELECT repo FROM repository_activity WHERE org_id = ${org:singlequote} ORDER BY repo'),
    )
    .withVariable(
      new QueryVariableBuilder('tool')
        .label('Tool')
        .datasource(DATASOURCE)
        .multi(true)
        .includeAll(true)
        .query(
          `SELECT DISTINCT tool FROM runtime_event WHERE org_id = \${org:singlequote} AND repo IN (\${repo:singlequote}) ORDER BY tool`,
        ),
    )
    .withVariable(new CustomVariableBuilder('top').label('Rows').values('Five : 5, Fifty : 50'))
    .withVariable(new TextBoxVariableBuilder('find').label('Reason has').defaultValue(''))
    .withPanel(
      new Stat()
        .id(1)
        .title('Decisions of ${repo}')
        .datasource(DATASOURCE)
        .height(4)
        .span(24)
        .withTarget(
          query(
            'SELECT count() AS n FROM runtime_event WHERE org_id = ${org:singlequote} AND repo IN (${repo:singlequote}) AND $__conditionalAll(tool IN (${tool:singlequote}), $tool) AND $__timeFilter(occurred_at)',
            1,
          ),
        ),
    )
    .withPanel(
      new Table()
        .id(2)
        .title('Rows')
        .datasource(DATASOURCE)
        .height(8)
        .span(24)
        .withTarget(
          query(
            'SELECT occurred_at, tool, reason FROM runtime_event WHERE org_id = ${org:singlequote} AND repo IN (${repo:singlequote}) AND position(reason, ${find:singlequote}) > 0 ORDER BY occurred_at DESC LIMIT $top',
            1,
          ),
        ),
    );
}

/** Writes both boards into `folder` as Grafana's JSON. */
export async function writeSampleBoards(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const board of [everyPanel(), detail()].map((builder) => builder.build())) {
    await writeFile(join(folder, `${board.uid ?? ''}.json`), JSON.stringify(board));
  }
}
