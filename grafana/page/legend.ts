import type { LegendOptions } from '#schemas/board.js';
import { calcLabel, calculate } from './calcs.js';
import { swatch } from './colors.js';
import { el } from './dom.js';
import type { Drawing } from './drawing.js';
import { textOf, type Field } from './field.js';

/** One entry: name, colour, and values. */
export interface LegendItem {
  field: Field;
  color: string;
  values: (number | null | undefined)[];
}

/**
 * Returns the legend: each name is a switch, with the panel's calculations; as a list or a table. Updates
 * `memory.hidden`. Undefined if the panel has no legend.
 */
export function drawLegend(
  { panel, memory }: Drawing,
  items: LegendItem[],
  onChange: () => void,
): HTMLElement | undefined {
  const options = panel.options?.legend ?? {};
  const shown = items.filter(({ field }) => field.config.custom?.hideFrom?.legend !== true);
  if (options.showLegend === false || options.displayMode === 'hidden' || shown.length === 0) return undefined;
  const { calcs = [] } = options;
  const buttons = shown.map((item) => toggle(item, memory.hidden, onChange));
  if (options.displayMode === 'table' && calcs.length > 0) return legendTable(shown, buttons, calcs, panel.title ?? '');
  return el(
    'ul',
    { className: 'legend' },
    ...shown.map((item, index) => {
      const button = buttons[index] ?? el('span');
      for (const calc of calcs) {
        const text = valueText(item, calc);
        const isPlain = calcs.length === 1 && calc.startsWith('last');
        button.append(el('b', { textContent: isPlain ? text : `${calcLabel(calc)} ${text}` }));
      }
      return el('li', {}, button);
    }),
  );
}

/** Arranges a chart and its legend. */
export function withLegend(
  picture: HTMLElement,
  legend: HTMLElement | undefined,
  options: LegendOptions = {},
): HTMLElement {
  const className = options.placement === 'right' && legend !== undefined ? 'chart legend-right' : 'chart';
  return el('div', { className }, picture, ...(legend === undefined ? [] : [legend]));
}

function toggle({ field: { title }, color }: LegendItem, hidden: Set<string>, onChange: () => void): HTMLElement {
  const button = el(
    'button',
    { type: 'button', title },
    swatch(color),
    el('span', { className: 'legend-name', textContent: title }),
  );
  button.setAttribute('aria-pressed', String(!hidden.has(title)));
  button.addEventListener('click', () => {
    if (!hidden.delete(title)) hidden.add(title);
    button.setAttribute('aria-pressed', String(!hidden.has(title)));
    onChange();
  });
  return button;
}

function legendTable(items: LegendItem[], buttons: HTMLElement[], calcs: string[], title: string): HTMLElement {
  const head = el(
    'tr',
    {},
    el('th', { scope: 'col', textContent: 'Name' }),
    ...calcs.map((calc) => el('th', { scope: 'col', className: 'number', textContent: calcLabel(calc) })),
  );
  const rows = items.map((item, index) =>
    el(
      'tr',
      {},
      el('td', {}, buttons[index] ?? ''),
      ...calcs.map((calc) => el('td', { className: 'number', textContent: valueText(item, calc) })),
    ),
  );
  const table = el(
    'table',
    { attrs: { 'aria-label': `Legend: ${title}` } },
    el('thead', {}, head),
    el('tbody', {}, ...rows),
  );
  return el(
    'div',
    { className: 'legend legend-table', tabIndex: 0, attrs: { role: 'region', 'aria-label': `Legend: ${title}` } },
    table,
  );
}

function valueText({ field, values }: LegendItem, calc: string): string {
  const value = calculate(calc, values);
  return calc === 'count' ? String(value ?? '') : textOf(value, field);
}
