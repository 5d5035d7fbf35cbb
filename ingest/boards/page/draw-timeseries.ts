import uPlot from 'uplot';
import { cssColor, lineColor } from './colors.js';
import { el } from './dom.js';
import { textOf } from './field.js';
import { formatTick } from './format.js';
import { drawLegend } from './legend.js';
import type { Panel, PanelData } from './model.js';
import { align, lastValue, toSeries, type Series } from './series.js';
import { stack } from './stack.js';
import { drawThresholds } from './threshold-lines.js';
import { createTooltip } from './tooltip.js';

/** A drawn chart; it holds on to its element's size until it is destroyed. */
export interface Chart {
  element: HTMLElement;
  destroy(): void;
}

/** Lines or bars over time. `onZoom` is told the range somebody dragged over, in milliseconds. */
export function drawTimeSeries(
  panel: Panel,
  data: PanelData,
  hidden: Set<string>,
  onZoom: (from: number, to: number) => void,
): Chart | undefined {
  const lines = toSeries(panel, data);
  if (lines.every((line) => lastValue(line) === null)) return undefined;
  const custom = panel.fieldConfig?.defaults.custom ?? {};
  const isBars = custom.drawStyle === 'bars';
  const isStacked = (custom.stacking as { mode?: string } | undefined)?.mode === 'normal';
  const colors = lines.map((line, index) => colorOfLine(line, index));
  const { times, values } = align(lines, isBars ? true : spanNullsOf(custom.spanNulls));

  const plot = el('div', { className: 'plot' });
  const isShown = (index: number): boolean => !hidden.has(lines[index]?.field.title ?? '');
  const heights = (): (number | null | undefined)[][] => (isStacked ? stack(values, isShown) : values);
  const tooltip = createTooltip(lines, colors, values, isShown);
  const chart = new uPlot(
    {
      width: 300,
      height: 150,
      legend: { show: false },
      scales: { x: { min: data.from / 1_000, max: data.to / 1_000 }, y: yScale(panel) },
      axes: axes(panel, lines),
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      // Of a stack the tallest comes first, so that the others stand before it.
      series: [{}, ...lines.map((_, index) => ({ ...seriesLook(custom, colors[index] ?? '', isBars), show: isShown(index) }))],
      hooks: {
        drawAxes: [(u) => { drawThresholds(u, panel); }],
        setCursor: [(u) => { tooltip.show(u); }],
        setSelect: [
          (u) => {
            if (u.select.width < 5) return;
            const from = u.posToVal(u.select.left, 'x') * 1_000;
            const to = u.posToVal(u.select.left + u.select.width, 'x') * 1_000;
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            onZoom(Math.round(from), Math.round(to));
          },
        ],
      },
    },
    [times, ...heights()],
    plot,
  );
  plot.append(tooltip.element);
  plot.setAttribute('role', 'img');
  plot.setAttribute('aria-label', summary(panel, lines));

  const legend = drawLegend(panel, lines, colors, hidden, () => {
    chart.batch(() => {
      lines.forEach((_, index) => { chart.setSeries(index + 1, { show: isShown(index) }); });
      chart.setData([times, ...heights()], false);
    });
    chart.setScale('x', { min: data.from / 1_000, max: data.to / 1_000 });
  });
  const sizes = new ResizeObserver(([entry]) => {
    const box = entry?.contentRect;
    if (box !== undefined && box.width > 0 && box.height > 0) chart.setSize({ width: box.width, height: box.height });
  });
  sizes.observe(plot);
  return {
    element: el('div', { className: 'chart' }, plot, legend),
    destroy() {
      sizes.disconnect();
      chart.destroy();
    },
  };
}

function colorOfLine({ field }: Series, index: number): string {
  const { mode, fixedColor } = field.config.color ?? {};
  return mode === 'fixed' && fixedColor !== undefined ? cssColor(fixedColor) : lineColor(index);
}

function spanNullsOf(setting: unknown): boolean | number {
  return typeof setting === 'boolean' || typeof setting === 'number' ? setting : false;
}

function yScale(panel: Panel): uPlot.Scale {
  const { min, max } = panel.fieldConfig?.defaults ?? {};
  // A rate's axis ends at its highest point, not at 100 %, as long as that leaves something to see.
  const isRate = panel.fieldConfig?.defaults.unit === 'percentunit';
  return {
    range: (_, low, high) => {
      const top = Math.max(high, isRate ? 0.05 : 1);
      return [min ?? Math.min(low, 0), max === undefined || isRate ? Math.min(top * 1.1, max ?? Infinity) : max];
    },
  };
}

function axes(panel: Panel, lines: Series[]): uPlot.Axis[] {
  const look = {
    stroke: cssColor('muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: cssColor('grid'), width: 1 },
    ticks: { stroke: cssColor('grid'), width: 1, size: 4 },
  };
  const field = lines[0]?.field;
  return [
    { ...look, size: 30, space: 70, values: (_, ticks, __, ___, step) => ticks.map((tick) => formatTick(tick, step)) },
    {
      ...look,
      size: 56,
      // Whole numbers only, where the panel shows whole numbers.
      ...(panel.fieldConfig?.defaults.decimals === 0 ? { incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6, 1e7] } : {}),
      values: (_, ticks) => ticks.map((tick) => (field === undefined ? String(tick) : textOf(tick, field, 'Float64'))),
    },
  ];
}

function seriesLook(custom: Record<string, unknown>, color: string, isBars: boolean): uPlot.Series {
  const { bars, stepped } = uPlot.paths;
  if (isBars) {
    const paths = bars?.({ size: [0.8, 36], align: 0 });
    return { stroke: color, fill: color, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
  }
  const paths = custom.lineInterpolation === 'stepAfter' ? stepped?.({ align: 1 }) : undefined;
  return {
    stroke: color,
    width: typeof custom.lineWidth === 'number' ? custom.lineWidth : 1,
    spanGaps: custom.spanNulls === true,
    points: { size: 6, fill: color, ...(custom.showPoints === 'always' ? { show: true } : custom.showPoints === 'never' ? { show: false } : {}) },
    ...(paths === undefined ? {} : { paths }),
  };
}

function summary(panel: Panel, lines: Series[]): string {
  const parts = lines.slice(0, 20).map((line) => `${line.field.title} ${textOf(lastValue(line), line.field, 'Float64')}`);
  return `${panel.title ?? 'Chart'}: last values ${parts.join(', ')}`;
}
