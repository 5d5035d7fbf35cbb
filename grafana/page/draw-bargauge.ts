import { linked } from './anchor.js';
import { fillColor, lineColor } from './colors.js';
import { el } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, textOf } from './field.js';
import { reduce } from './reduced.js';

/** Draws one bar per value, each on the scale of its minimum and maximum; without a maximum, of the largest value. */
export function drawBarGauge({ panel, data, scope }: Drawing): Picture | undefined {
  const bars = reduce(panel, data).filter(({ value }) => typeof value === 'number');
  if (bars.length === 0) return undefined;
  const largest = bars.reduce((most, { value }) => Math.max(most, Number(value)), 0);
  const isVertical = panel.options?.orientation === 'vertical';
  const list = el('ul', { className: isVertical ? 'gauges is-vertical' : 'gauges' });
  for (const { field, value, subject } of bars) {
    const { min = 0, max = largest } = field.config;
    const color = colorOf(value, field);
    const bar = el(
      'span',
      { className: panel.options?.showUnfilled === false ? 'gauge is-bare' : 'gauge' },
      el('span', { className: 'gauge-fill' }),
    );
    bar.style.setProperty('--share', String(Math.min(Math.max((Number(value) - min) / (max - min || 1), 0), 1)));
    bar.style.setProperty('--fill', color === undefined ? lineColor(0) : fillColor(color));
    const name = el('span', { className: 'gauge-name', textContent: field.title, title: field.title });
    list.append(
      el(
        'li',
        {},
        linked(field.config.links, scope, subject, name),
        bar,
        el('b', { className: 'gauge-value', textContent: textOf(value, field) }),
      ),
    );
  }
  return { element: list };
}
