import uPlot from 'uplot';
import type { BoardPanel } from '#schemas/board.js';
import { anchor } from './anchor.js';
import { fillColor, lineColor, swatch, withAlpha } from './colors.js';
import { el } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, textOf } from './field.js';
import { drawLegend, withLegend } from './legend.js';
import { align, lastValue, toSeries, type Series } from './series.js';
import { shares, stack } from './stack.js';
import { subjectOf } from './subject.js';
import { drawThresholds } from './thresholds.js';
import { axesOf, scaleOf, scalesOf } from './value-scales.js';
import { createTimeChart } from './time-chart.js';

/** Draws lines, bars or points over time; undefined without data. */
export function drawTimeSeries(drawing: Drawing): Picture | undefined {
  const { panel, data, memory } = drawing;
  const lines = toSeries(panel, data).filter(({ field }) => field.config.custom?.hideFrom?.viz !== true);
  if (lines.every((line) => lastValue(line) === null)) return undefined;
  const colors = lines.map(colorOfLine);
  const { times, values } = align(
    lines,
    lines.map(
      ({
        field: {
          config: { custom },
        },
      }) => (custom?.drawStyle === 'bars' ? true : (custom?.spanNulls ?? false)),
    ),
  );
  const isShown = (index: number): boolean => !memory.hidden.has(lines[index]?.field.title ?? '');
  const stacking = lines.map(({ field }) => field.config.custom?.stacking ?? {});
  const groups = stacking.map(({ mode = 'none', group = '' }) => (mode === 'none' ? undefined : group));
  const isPercent = stacking.some(({ mode }) => mode === 'percent');
  const heights = (): (number | null | undefined)[][] =>
    stack(isPercent ? shares(values, isShown) : values, groups, isShown);
  const rows = toRows(drawing, lines, colors, values, isShown);

  const time = createTimeChart(drawing, {
    label: summary(panel, lines),
    scales: scalesOf(lines, isPercent),
    axes: axesOf(lines, isPercent),
    series: lines.map((line, index) => ({
      ...seriesLook(line, colors[index] ?? '', groups[index] !== undefined),
      scale: scaleOf(line.field),
      show: isShown(index),
    })),
    bands: bandsOf(lines, colors),
    data: [times, ...heights()],
    drawBehind: (u) => {
      if (lines[0] !== undefined) drawThresholds(u, panel, scaleOf(lines[0].field));
    },
    describe: (_, index, isPinned) => rows(index, isPinned),
  });
  const items = lines.map((line, index) => ({
    field: line.field,
    color: colors[index] ?? '',
    values: line.points.map(({ value }) => value),
  }));
  const legend = drawLegend(drawing, items, () => {
    lines.forEach((_, index) => {
      time.chart.setSeries(index + 1, { show: isShown(index) });
    });
    time.update([times, ...heights()]);
  });
  return {
    element: withLegend(time.element, legend, panel.options?.legend),
    destroy: () => {
      time.destroy();
    },
  };
}

/** Fills areas between two lines, if the board asks for them. */
function bandsOf(lines: Series[], colors: string[]): uPlot.Band[] {
  return lines.flatMap(
    (
      {
        field: {
          config: { custom },
        },
      },
      index,
    ) => {
      const to = lines.findIndex(
        ({ field }) => field.title === custom?.fillBelowTo || field.name === custom?.fillBelowTo,
      );
      if (custom?.fillBelowTo === undefined || to < 0 || to === index) return [];
      return [{ series: [index + 1, to + 1], fill: withAlpha(colors[index] ?? '', (custom.fillOpacity ?? 0) / 100) }];
    },
  );
}

/** Returns the tooltip's rows: every line's value at an index; with links once it is pinned. */
function toRows(
  { panel, scope }: Drawing,
  lines: Series[],
  colors: string[],
  values: (number | null | undefined)[][],
  isShown: (index: number) => boolean,
) {
  const { sort = 'none', mode } = panel.options?.tooltip ?? {};
  return (at: number, isPinned: boolean): Node[] | undefined => {
    if (mode === 'none') return undefined;
    const known = lines.flatMap((line, index) => {
      const value = values[index]?.[at];
      return value === null ||
        value === undefined ||
        !isShown(index) ||
        line.field.config.custom?.hideFrom?.tooltip === true
        ? []
        : [{ line, value, color: colors[index] ?? '' }];
    });
    if (sort !== 'none') known.sort((a, b) => (a.value - b.value) * (sort === 'asc' ? 1 : -1));
    return known.flatMap(({ line: { field, points }, value, color }) => {
      const row = el(
        'div',
        {},
        swatch(color),
        el('span', { textContent: field.title }),
        el('b', { textContent: textOf(value, field) }),
      );
      if (!isPinned) return [row];
      const time = points.find((point) => point.value === value)?.time;
      const subject = { ...subjectOf(field, value), ...(time === undefined ? {} : { time: time * 1_000 }) };
      const links = (field.config.links ?? []).flatMap((link) => anchor(link, scope, subject) ?? []);
      return [row, ...links.map((link) => el('div', { className: 'tooltip-link' }, link))];
    });
  };
}

function colorOfLine(line: Series, index: number): string {
  const { mode, fixedColor } = line.field.config.color ?? {};
  if (mode === 'fixed' && fixedColor !== undefined) return fillColor(fixedColor);
  const byValue = mode === 'thresholds' ? colorOf(lastValue(line), line.field) : undefined;
  return byValue === undefined ? lineColor(index) : fillColor(byValue);
}

function seriesLook({ field: { config } }: Series, color: string, isStacked: boolean): uPlot.Series {
  const {
    drawStyle = 'line',
    lineInterpolation,
    lineWidth = 1,
    lineStyle,
    fillOpacity = 0,
    showPoints,
    pointSize = 6,
    spanNulls,
  } = config.custom ?? {};
  const { bars, stepped, spline } = uPlot.paths;
  if (drawStyle === 'bars') {
    const paths = bars?.({ size: [0.8, 36], align: 0 });
    const fill = isStacked ? color : withAlpha(color, Math.max(fillOpacity, 40) / 100);
    return {
      stroke: color,
      fill,
      width: isStacked ? 0 : lineWidth,
      points: { show: false },
      ...(paths === undefined ? {} : { paths }),
    };
  }
  const paths =
    lineInterpolation === 'stepAfter'
      ? stepped?.({ align: 1 })
      : lineInterpolation === 'stepBefore'
        ? stepped?.({ align: -1 })
        : lineInterpolation === 'smooth'
          ? spline?.()
          : undefined;
  const points = { size: pointSize, fill: color };
  if (drawStyle === 'points') return { stroke: color, width: 0, paths: () => null, points: { ...points, show: true } };
  return {
    stroke: color,
    width: lineWidth,
    spanGaps: spanNulls === true,
    // Stacked areas would show through a transparent fill.
    ...(fillOpacity > 0 || isStacked ? { fill: isStacked ? color : withAlpha(color, fillOpacity / 100) } : {}),
    ...(lineStyle?.fill === 'dash' || lineStyle?.fill === 'dot'
      ? { dash: lineStyle.dash ?? (lineStyle.fill === 'dot' ? [1, 4] : [8, 6]) }
      : {}),
    points: {
      ...points,
      ...(showPoints === 'always' ? { show: true } : showPoints === 'never' ? { show: false } : {}),
    },
    ...(paths === undefined ? {} : { paths }),
  };
}

function summary(panel: BoardPanel, lines: Series[]): string {
  const parts = lines.slice(0, 20).map((line) => `${line.field.title} ${textOf(lastValue(line), line.field)}`);
  return `${panel.title ?? 'Chart'}: last values ${parts.join(', ')}`;
}
