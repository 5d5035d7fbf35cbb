import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { timeSeries } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { scoreTrend } from '../queries/score.js';
import { colorBy, gradeThresholds } from './look.js';

/** Draws scores as steps: a score holds until the next scan. */
export function scoreOverTime(id: number): PanelBuilder {
  return new PanelBuilder()
    .id(id)
    .title('Score by repository')
    .description(
      'Is the posture getting better or worse? AgentShield score of each repository, 0 to 100; it holds until the next scan. The lines at 40, 60, 75 and 90 show where grades D, C, B and A begin. The twelve lowest repositories. Scores of scans with a severity filter are separate lines, since they are not comparable.',
    )
    .datasource(DATASOURCE)
    .height(9)
    .span(24)
    .withTarget(timeSeries(scoreTrend()))
    .displayName('${__field.labels.line}')
    .unit('none')
    .decimals(0)
    .min(0)
    .max(100)
    .colorScheme(colorBy(FieldColorModeId.PaletteClassic))
    .thresholds(gradeThresholds())
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    .lineInterpolation(LineInterpolation.StepAfter)
    .lineWidth(2)
    .fillOpacity(0)
    .showPoints(VisibilityMode.Auto)
    .spanNulls(true)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .noValue('Nothing scanned in or before this range: run shieldwatch scan');
}
