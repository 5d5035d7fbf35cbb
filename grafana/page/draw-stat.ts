import { linked } from './anchor.js';
import { cssColor } from './colors.js';
import { el, svg } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, textOf } from './field.js';
import { reduce, type Reduced } from './reduced.js';
import type { Point } from './series.js';

/** Draws large values; several side by side under their names, with a sparkline if the panel has one. */
export function drawStat(drawing: Drawing): Picture | undefined {
  const { panel, data } = drawing;
  const tiles = reduce(panel, data).filter(({ value }) => value !== null);
  if (tiles.length === 0) return undefined;
  const isSingle = tiles.length === 1;
  const { textMode = 'auto' } = panel.options ?? {};
  // A single value needs no name, unless several are possible.
  const needsName = !isSingle || Object.keys(tiles[0]?.field.labels ?? {}).length > 0;
  const hasName = textMode === 'name' || textMode === 'value_and_name' || (textMode === 'auto' && needsName);
  const list = el('ul', { className: isSingle ? 'tiles single' : 'tiles' });
  for (const tile of tiles) list.append(tileOf(tile, drawing, hasName, textMode !== 'name'));
  return { element: list };
}

function tileOf(
  { field, value, points, subject }: Reduced,
  { panel, scope }: Drawing,
  hasName: boolean,
  hasValue: boolean,
): HTMLElement {
  const { colorMode = 'value', graphMode = 'none' } = panel.options ?? {};
  const name = colorOf(value, field);
  const color = name === undefined || colorMode === 'none' ? undefined : cssColor(name);
  const item = el('li');
  if (color !== undefined) {
    item.style.setProperty('--tile', color);
    item.className = colorMode.startsWith('background') ? 'is-filled' : 'is-colored';
  }
  const text = textOf(value, field);
  if (hasName) item.append(el('span', { className: 'stat-name', textContent: field.title, title: field.title }));
  if (hasValue) {
    const shown = el('span', { className: text.length > 12 ? 'stat-value is-long' : 'stat-value', textContent: text });
    item.append(linked(field.config.links, scope, subject, shown));
  }
  if (graphMode !== 'none' && points.length > 1) item.append(sparkline(points, color ?? 'currentColor'));
  return item;
}

/** Draws the sparkline as steps: between two points the earlier value holds. */
function sparkline(points: Point[], color: string): SVGElement {
  const known = points.flatMap(({ time, value }) => (value === null ? [] : [{ time, value }]));
  const times = known.map(({ time }) => time);
  const values = known.map(({ value }) => value);
  const [start = 0, end = 0] = [times[0], times.at(-1)];
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const x = (time: number): string => ((100 * (time - start)) / (end - start || 1)).toFixed(2);
  // A constant line is drawn in the middle.
  const y = (value: number): string => (high === low ? 10 : 18 - (16 * (value - low)) / (high - low)).toFixed(2);
  const path = known
    .map(({ time, value }, index) => (index === 0 ? `M${x(time)} ${y(value)}` : `H${x(time)}V${y(value)}`))
    .join('');
  return svg(
    'svg',
    { class: 'sparkline', viewBox: '0 0 100 20', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('path', { d: `${path}V20H0Z`, fill: color, 'fill-opacity': '0.15' }),
    svg('path', { d: path, fill: 'none', stroke: color, 'stroke-width': '1.5', 'vector-effect': 'non-scaling-stroke' }),
  );
}
