import { colorOf, isNumber, resolveField, textOf, type Field } from './field.js';
import { cssColor } from './colors.js';
import { el, svg } from './dom.js';
import type { Panel, PanelData } from './model.js';
import { lastValue, toSeries, type Point } from './series.js';

interface Tile {
  field: Field;
  value: number | null;
  points: Point[];
}

/** Big numbers; several of them side by side under their names, with the line that led there where the panel asks. */
export function drawStat(panel: Panel, data: PanelData): HTMLElement | undefined {
  const tiles = tilesOf(panel, data).filter(({ value }) => value !== null);
  if (tiles.length === 0) return undefined;
  const list = el('ul', { className: tiles.length === 1 ? 'tiles single' : 'tiles' });
  for (const { field, value, points } of tiles) {
    const color = colorOf(value, field);
    const number = el('span', { className: 'stat-value', textContent: textOf(value, field, 'Float64') });
    if (color !== undefined) number.style.color = cssColor(color);
    const item = el('li', {}, el('span', { className: 'stat-name', textContent: field.title, title: field.title }), number);
    if (tiles.length === 1 && points.length === 0) item.firstElementChild?.remove();
    if (panel.options?.graphMode === 'area' && points.length > 1) {
      item.append(sparkline(points, color === undefined ? 'currentColor' : cssColor(color)));
    }
    list.append(item);
  }
  return list;
}

function tilesOf(panel: Panel, data: PanelData): Tile[] {
  if (panel.targets?.[0]?.format === 0) {
    return toSeries(panel, data).map((line) => ({ field: line.field, value: lastValue(line), points: line.points }));
  }
  const [row] = data.rows;
  return data.columns.flatMap(({ name, type }, index) => {
    if (!isNumber(type)) return [];
    const value = row?.[index];
    return [{ field: resolveField(panel, name), value: typeof value === 'number' ? value : null, points: [] }];
  });
}

/** The line in small, as steps: what it holds between two points is the earlier value. */
function sparkline(points: Point[], color: string): SVGElement {
  const known = points.flatMap(({ time, value }) => (value === null ? [] : [{ time, value }]));
  const times = known.map(({ time }) => time);
  const values = known.map(({ value }) => value);
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (time: number): string => ((100 * (time - start)) / (end - start || 1)).toFixed(2);
  // A line that never moves runs through the middle.
  const y = (value: number): string => (high === low ? 10 : 18 - (16 * (value - low)) / (high - low)).toFixed(2);
  const path = known.map(({ time, value }, index) => (index === 0 ? `M${x(time)} ${y(value)}` : `H${x(time)}V${y(value)}`)).join('');
  return svg(
    'svg',
    { class: 'sparkline', viewBox: '0 0 100 20', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('path', { d: `${path}V20H0Z`, fill: color, 'fill-opacity': '0.15' }),
    svg('path', { d: path, fill: 'none', stroke: color, 'stroke-width': '1.5', 'vector-effect': 'non-scaling-stroke' }),
  );
}
