import uPlot from 'uplot';
import { drawAnnotations } from './annotation-marks.js';
import { cssColor } from './colors.js';
import { el } from './dom.js';
import type { Drawing } from './drawing.js';
import { formatTick, formatTime } from './format.js';
import { createTooltip } from './tooltip.js';

export interface TimeChartOptions {
  /** Text alternative of the chart. */
  label: string;
  scales: Record<string, uPlot.Scale>;
  /** Axes in addition to time. */
  axes: uPlot.Axis[];
  series: uPlot.Series[];
  /** Areas between two lines, by their index among all series; time is 0. */
  bands?: uPlot.Band[];
  data: uPlot.AlignedData;
  /** Drawn behind the lines. */
  drawBehind?: (u: uPlot) => void;
  drawOver?: (u: uPlot) => void;
  /** Returns the tooltip at the cursor; undefined for none. `isPinned`: the user clicked, and links can be followed. */
  describe: (u: uPlot, index: number, isPinned: boolean) => Node[] | undefined;
  /** Time in the tooltip's heading, in seconds; default: that of the nearest point. */
  timeAt?: (u: uPlot, index: number) => number;
}

export interface TimeChart {
  element: HTMLElement;
  chart: uPlot;
  /** New data for the same range. */
  update(data: uPlot.AlignedData): void;
  destroy(): void;
}

/** Options of every axis, in the current theme's colours. */
export function axisLook(): Pick<uPlot.Axis, 'stroke' | 'font' | 'labelFont' | 'grid' | 'ticks'> {
  return {
    stroke: cssColor('muted'),
    font: '12px system-ui, sans-serif',
    labelFont: '12px system-ui, sans-serif',
    grid: { stroke: cssColor('grid'), width: 1 },
    ticks: { stroke: cssColor('grid'), width: 1, size: 4 },
  };
}

/** Draws a chart over time: uPlot with our axis, tooltip, annotations, and zoom by dragging and by keys. */
export function createTimeChart(drawing: Drawing, options: TimeChartOptions): TimeChart {
  const {
    data: [first],
    crosshair,
    onZoom,
  } = drawing;
  const range = { min: (first?.from ?? 0) / 1_000, max: (first?.to ?? 0) / 1_000 };
  const plot = el('div', {
    className: 'plot',
    tabIndex: 0,
    attrs: {
      role: 'group',
      'aria-roledescription': 'chart',
      'aria-label': `${options.label}. Arrow keys read values, plus and minus zoom.`,
    },
  });
  const tooltip = createTooltip(plot);
  const marks = drawAnnotations(drawing.annotations, plot);
  const zoomOut = (): void => {
    const half = (range.max - range.min) / 2;
    onZoom(Math.round((range.min - half) * 1_000), Math.round((range.max + half) * 1_000));
  };

  const show = (u: uPlot, isPinned = false): void => {
    const { idx } = u.cursor;
    // With a shared crosshair every chart has a cursor, but only the active one shows a tooltip.
    const isLookedAt = plot.matches(':hover, :focus');
    const index = typeof idx === 'number' ? idx : undefined;
    const rows =
      index === undefined || !isLookedAt || (u.cursor.left ?? -1) < 0
        ? undefined
        : options.describe(u, index, isPinned);
    if (rows === undefined || index === undefined) tooltip.hide();
    else tooltip.show(u, formatTime((options.timeAt?.(u, index) ?? u.data[0][index] ?? 0) * 1_000), rows, isPinned);
  };

  const chart = new uPlot(
    {
      width: 300,
      height: 150,
      legend: { show: false },
      scales: { x: { min: range.min, max: range.max }, ...options.scales },
      axes: [
        {
          ...axisLook(),
          size: 30,
          space: 70,
          values: (_, ticks, __, ___, step) => ticks.map((tick) => formatTick(tick, step)),
        },
        ...options.axes,
      ],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        ...(crosshair === undefined ? {} : { sync: { key: crosshair, setSeries: false } }),
        bind: {
          dblclick: () => () => {
            zoomOut();
            return null;
          },
        },
      },
      series: [{}, ...options.series],
      bands: options.bands ?? [],
      hooks: {
        drawAxes: [
          (u) => {
            options.drawBehind?.(u);
          },
        ],
        draw: [
          (u) => {
            options.drawOver?.(u);
            marks.draw(u);
          },
        ],
        setCursor: [
          (u) => {
            if (!tooltip.isPinned()) show(u);
          },
        ],
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
    options.data,
    plot,
  );
  // A new chart has no size yet, and the range is the request's, not that of the points.
  chart.setScale('x', range);
  plot.append(tooltip.element, marks.element);

  plot.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('.tooltip, .mark') !== null) return;
    if (tooltip.isPinned()) tooltip.hide();
    show(chart, true);
  });
  plot.addEventListener('keydown', (event) => {
    const act = keyAction(chart, event.key);
    if (act === undefined && !['+', '=', '-', 'Escape', 'Enter'].includes(event.key)) return;
    if (event.target !== plot) return;
    event.preventDefault();
    if (event.key === '-') zoomOut();
    else if (event.key === '+' || event.key === '=') zoomIn(chart, range, onZoom);
    else if (event.key === 'Escape') tooltip.hide();
    else if (event.key === 'Enter') show(chart, true);
    else {
      tooltip.hide();
      act?.();
    }
  });
  plot.addEventListener('blur', (event) => {
    if (!(event.relatedTarget instanceof Node && plot.contains(event.relatedTarget))) tooltip.hide();
  });

  const sizes = new ResizeObserver(([entry]) => {
    const box = entry?.contentRect;
    if (box !== undefined && box.width > 0 && box.height > 0) chart.setSize({ width: box.width, height: box.height });
  });
  sizes.observe(plot);
  return {
    element: plot,
    chart,
    update(data) {
      chart.batch(() => {
        chart.setData(data, false);
        chart.setScale('x', range);
      });
    },
    destroy() {
      sizes.disconnect();
      chart.destroy();
    },
  };
}

/** Moves the cursor by a key. */
function keyAction(chart: uPlot, key: string): (() => void) | undefined {
  const last = chart.data[0].length - 1;
  const at = typeof chart.cursor.idx === 'number' ? chart.cursor.idx : undefined;
  const index = {
    ArrowRight: at === undefined ? 0 : Math.min(at + 1, last),
    ArrowLeft: at === undefined ? last : Math.max(at - 1, 0),
    Home: 0,
    End: last,
  }[key];
  if (index === undefined || last < 0) return undefined;
  return () => {
    chart.setCursor({ left: chart.valToPos(chart.data[0][index] ?? 0, 'x'), top: chart.over.clientHeight / 2 });
  };
}

/** Zooms to half the range, around the cursor or the middle. */
function zoomIn(chart: uPlot, { min, max }: { min: number; max: number }, onZoom: Drawing['onZoom']): void {
  const left = chart.cursor.left ?? -1;
  const middle = left < 0 ? (min + max) / 2 : chart.posToVal(left, 'x');
  const quarter = (max - min) / 4;
  const from = Math.min(Math.max(middle - quarter, min), max - 2 * quarter);
  if (quarter > 1) onZoom(Math.round(from * 1_000), Math.round((from + 2 * quarter) * 1_000));
}
