import type uPlot from 'uplot';
import { anchor } from './anchor.js';
import { fillColor, inkOn, lineColor, swatch } from './colors.js';
import { el } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, textOf } from './field.js';
import { formatNumber, formatTime } from './format.js';
import { toLanes, type Lane, type Stretch } from './lanes.js';
import { withLegend } from './legend.js';
import { subjectOf } from './subject.js';
import { axisLook, createTimeChart } from './time-chart.js';

/** Share of the chart's width for the lanes' names, and pixels per character. */
const NAME_SHARE = 0.35;
const CHARACTER = 7;

/** Draws the states over time, one lane each; undefined without known states. */
export function drawStateTimeline(drawing: Drawing): Picture | undefined {
  const { panel, data, scope } = drawing;
  const lanes = toLanes(panel, data, Date.now()).filter(({ stretches }) => stretches.length > 0);
  if (lanes.length === 0) return undefined;
  const states = statesOf(lanes);
  const colorOfState = (lane: Lane, stretch: Stretch): string =>
    states.get(textOf(stretch.value, lane.field)) ?? lineColor(0);
  const times = [...new Set(lanes.flatMap(({ stretches }) => stretches.flatMap(({ from, to }) => [from, to])))].sort(
    (a, b) => a - b,
  );
  const laneAt = (u: uPlot): Lane | undefined =>
    lanes[Math.floor(((u.cursor.top ?? 0) / u.over.clientHeight) * lanes.length)];
  const timeAt = (u: uPlot): number => u.posToVal(u.cursor.left ?? 0, 'x');

  const chart = createTimeChart(drawing, {
    label: `${panel.title ?? 'Timeline'}: ${lanes
      .slice(0, 20)
      .map(({ field, stretches }) => `${field.title} ${textOf(stretches.at(-1)?.value ?? null, field)}`)
      .join(', ')}`,
    // The first lane is on top.
    scales: { lane: { range: [0, lanes.length], dir: -1 } },
    axes: [
      {
        ...axisLook(),
        scale: 'lane',
        grid: { show: false },
        ticks: { show: false },
        // uPlot first asks before there are names.
        size: (_: uPlot, names: string[] | null) =>
          16 + CHARACTER * Math.max(0, ...(names ?? []).map((name) => name.length)),
        splits: () => lanes.map((_, index) => index + 0.5),
        values: (u) =>
          lanes.map(({ field: { title } }) => cutTo(title, Math.floor((u.width * NAME_SHARE) / CHARACTER))),
      },
    ],
    // One point per change, for the cursor and the arrow keys.
    series: [{ scale: 'lane', show: true, paths: () => null, points: { show: false } }],
    data: [times, times.map(() => null)],
    drawOver: (u) => {
      drawLanes(u, lanes, colorOfState, panel.options?.showValue ?? 'auto');
    },
    timeAt,
    describe: (u, _, isPinned) => {
      const lane = laneAt(u);
      const time = timeAt(u);
      const stretch = lane?.stretches.find(({ from, to }) => from <= time && time <= to);
      if (lane === undefined) return undefined;
      const name = el('div', {}, el('span', { textContent: lane.field.title }));
      if (stretch === undefined) return [name, el('div', { textContent: 'No state' })];
      const state = el(
        'div',
        {},
        swatch(colorOfState(lane, stretch)),
        el('b', { textContent: textOf(stretch.value, lane.field) }),
      );
      const length = el('div', {
        className: 'tooltip-time',
        textContent: `${formatTime(stretch.from * 1_000)} to ${formatTime(stretch.to * 1_000)} (${formatNumber(stretch.to - stretch.from, 's')})`,
      });
      const subject = { ...subjectOf(lane.field, stretch.value), time: stretch.from * 1_000 };
      const links = isPinned
        ? (lane.field.config.links ?? []).flatMap((link) => anchor(link, scope, subject) ?? [])
        : [];
      return [name, state, length, ...links.map((link) => el('div', { className: 'tooltip-link' }, link))];
    },
  });
  const { showLegend = true, displayMode } = panel.options?.legend ?? {};
  const legend = el(
    'ul',
    { className: 'legend' },
    ...[...states].map(([text, color]) =>
      el('li', {}, el('span', { className: 'legend-key' }, swatch(color), el('span', { textContent: text }))),
    ),
  );
  return {
    element: withLegend(
      chart.element,
      showLegend && displayMode !== 'hidden' ? legend : undefined,
      panel.options?.legend,
    ),
    destroy: () => {
      chart.destroy();
    },
  };
}

function cutTo(name: string, length: number): string {
  return name.length > length ? `${name.slice(0, Math.max(length - 1, 1))}…` : name;
}

/** Returns every state's text and colour, in the order of the board's mappings if it has any. */
function statesOf(lanes: Lane[]): Map<string, string> {
  const states = new Map<string, string>();
  for (const { field, stretches } of lanes) {
    for (const { value } of stretches) {
      const text = textOf(value, field);
      if (states.has(text)) continue;
      const named = colorOf(value, field);
      states.set(text, named === undefined ? lineColor(states.size) : fillColor(named));
    }
  }
  return states;
}

function drawLanes(
  u: uPlot,
  lanes: Lane[],
  colorOfState: (lane: Lane, stretch: Stretch) => string,
  showValue: string,
): void {
  const { ctx, bbox } = u;
  const height = bbox.height / lanes.length;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${String(12 * devicePixelRatio)}px system-ui, sans-serif`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  lanes.forEach((lane, index) => {
    const top = bbox.top + index * height + height * 0.1;
    for (const stretch of lane.stretches) {
      const left = u.valToPos(stretch.from, 'x', true);
      const width = Math.max(u.valToPos(stretch.to, 'x', true) - left, devicePixelRatio);
      const color = colorOfState(lane, stretch);
      ctx.fillStyle = color;
      ctx.fillRect(left, top, width, height * 0.8);
      const text = textOf(stretch.value, lane.field);
      const seen = Math.max(left, bbox.left);
      if (showValue === 'never' || ctx.measureText(text).width + 12 * devicePixelRatio > left + width - seen) continue;
      ctx.fillStyle = inkOn(color);
      ctx.fillText(text, seen + 6 * devicePixelRatio, top + height * 0.4);
    }
  });
  ctx.restore();
}
