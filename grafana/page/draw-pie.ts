import { linked } from './anchor.js';
import { cssColor, fillColor, lineColor, swatch } from './colors.js';
import { el, svg } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, textOf } from './field.js';
import { withLegend } from './legend.js';
import { reduce } from './reduced.js';

/** Draws parts of a whole; undefined if the sum is 0. */
export function drawPie({ panel, data, scope, memory, redraw }: Drawing): Picture | undefined {
  const parts = reduce(panel, data).flatMap((part, index) => {
    const value = typeof part.value === 'number' ? part.value : 0;
    const named =
      part.field.config.color?.mode === 'fixed'
        ? part.field.config.color.fixedColor
        : (colorOf(part.field.title, part.field) ?? colorOf(part.value, part.field));
    return value > 0 ? [{ ...part, value, color: named === undefined ? lineColor(index) : fillColor(named) }] : [];
  });
  const shown = parts.filter(({ field }) => !memory.hidden.has(field.title));
  if (parts.length === 0) return undefined;
  const whole = shown.reduce((sum, { value }) => sum + value, 0);
  const percent = (value: number): string =>
    `${((100 * value) / (whole || 1)).toFixed(value / (whole || 1) < 0.1 ? 1 : 0)} %`;
  const isDonut = panel.options?.pieType === 'donut';
  let angle = -Math.PI / 2;
  const slices = shown.map(({ field, value, color }) => {
    const start = angle;
    angle += (2 * Math.PI * value) / (whole || 1);
    const slice = svg('path', {
      d: arc(start, angle, isDonut ? 30 : 0),
      fill: color,
      stroke: cssColor('panel'),
      'stroke-width': '1',
    });
    const title = svg('title', {});
    title.textContent = `${field.title}: ${textOf(value, field)} (${percent(value)})`;
    slice.append(title);
    return slice;
  });
  const label = `${panel.title ?? 'Pie'}: ${shown.map(({ field, value }) => `${field.title} ${textOf(value, field)}`).join(', ')}`;
  const pie = el('div', { className: 'pie' });
  pie.append(svg('svg', { viewBox: '-51 -51 102 102', role: 'img', 'aria-label': label }, ...slices));

  const { showLegend = true, displayMode, values = [] } = panel.options?.legend ?? {};
  const labels = [...values, ...(panel.options?.displayLabels ?? [])];
  const legend = el(
    'ul',
    { className: 'legend' },
    ...parts.map(({ field, value, color, subject }) => {
      const isHidden = memory.hidden.has(field.title);
      const button = el(
        'button',
        { type: 'button', attrs: { 'aria-pressed': String(!isHidden) } },
        swatch(color),
        el('span', { className: 'legend-name', textContent: field.title }),
      );
      if (labels.length === 0 || labels.includes('value'))
        button.append(el('b', { textContent: textOf(value, field) }));
      if (labels.includes('percent') && !isHidden) button.append(el('span', { textContent: percent(value) }));
      button.addEventListener('click', () => {
        if (!memory.hidden.delete(field.title)) memory.hidden.add(field.title);
        redraw();
      });
      const link = linked(
        field.config.links,
        scope,
        subject,
        el('span', { textContent: '↗', attrs: { 'aria-label': `Open ${field.title}`, role: 'img' } }),
      );
      return el('li', {}, button, ...(link instanceof HTMLAnchorElement ? [link] : []));
    }),
  );
  return {
    element: withLegend(pie, showLegend && displayMode !== 'hidden' ? legend : undefined, panel.options?.legend),
  };
}

/** Returns a slice of the circle of radius 50, from the edge of a hole of radius `hole`. */
function arc(from: number, to: number, hole: number): string {
  // An arc cannot end where it starts.
  const end = Math.min(to, from + 2 * Math.PI - 1e-4);
  const at = (angle: number, radius: number): string =>
    `${(radius * Math.cos(angle)).toFixed(3)} ${(radius * Math.sin(angle)).toFixed(3)}`;
  const isLarge = end - from > Math.PI ? '1' : '0';
  const inner =
    hole === 0 ? 'L0 0' : `L${at(end, hole)}A${String(hole)} ${String(hole)} 0 ${isLarge} 0 ${at(from, hole)}`;
  return `M${at(from, 50)}A50 50 0 ${isLarge} 1 ${at(end, 50)}${inner}Z`;
}
