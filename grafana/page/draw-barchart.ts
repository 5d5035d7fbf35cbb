import type { PanelData } from '#schemas/http/boards.js';
import { linked } from './anchor.js';
import { fillColor, lineColor } from './colors.js';
import { el } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { colorOf, isNumber, resolveField, textOf, type Field } from './field.js';
import { drawLegend, withLegend } from './legend.js';
import { numberOf } from './series.js';
import { subjectOf } from './subject.js';
import { ticksAroundZero } from './ticks.js';

/** Draws bars for each category, side by side or stacked; vertical or horizontal. Undefined without known values. */
export function drawBarChart(drawing: Drawing): Picture | undefined {
  const { panel, data, memory, scope } = drawing;
  const frame = data.find(({ rows }) => rows.length > 0);
  if (frame === undefined) return undefined;
  const fields = frame.columns.map(({ name, type }) => resolveField(panel, { name, type }));
  const categoryAt = categoryOf(drawing, fields);
  const series = fields.flatMap((field, at) =>
    at !== categoryAt && isNumber(field.type) && field.config.custom?.hideFrom?.viz !== true ? [{ field, at }] : [],
  );
  if (!frame.rows.some((row) => series.some(({ at }) => typeof row[at] === 'number'))) return undefined;
  const { orientation = 'auto', stacking = 'none', showValue = 'auto' } = panel.options ?? {};
  const isLying = orientation === 'horizontal';
  const isShown = ({ title }: Field): boolean => !memory.hidden.has(title);
  const shown = series.filter(({ field }) => isShown(field));
  const { low, high } = extent(
    frame,
    shown.map(({ at }) => at),
    stacking,
    series[0]?.field.config.max,
  );
  const ticks =
    stacking === 'percent'
      ? [0, 0.25, 0.5, 0.75, 1]
      : ticksAroundZero(low, high, series[0]?.field.config.decimals === 0);
  const [start, end] = [Math.min(low, ticks[0] ?? low), Math.max(high, ticks.at(-1) ?? high)];
  /** Returns the position of a value on the scale, 0 to 1. */
  const place = (value: number): number => (value - start) / (end - start || 1);
  const colorAt = fields.findIndex(({ name, title }) => [name, title].includes(panel.options?.colorByField ?? '\0'));
  const isSingle = series.length === 1;

  const categories = frame.rows.map((row) => {
    const category = fields[categoryAt];
    const sum = shown.reduce((total, { at }) => total + (numberOf(row[at]) ?? 0), 0);
    const bars = shown.map(({ field, at }) => {
      const value = numberOf(row[at]);
      const bar = el('span', { className: 'bar' });
      const length = stacking === 'percent' ? (value ?? 0) / (sum || 1) : (value ?? 0);
      // Stacked bars start on the previous one, others at zero; bars below zero end there.
      bar.style.setProperty(
        '--share',
        String(stacking === 'none' ? Math.abs(place(length) - place(0)) : Math.max(place(length) - place(0), 0)),
      );
      bar.style.setProperty('--start', String(stacking === 'none' ? Math.min(place(length), place(0)) : 0));
      const byField = fields[colorAt];
      const named = byField === undefined ? colorOf(value, field) : colorOf(row[colorAt] ?? null, byField);
      const index = series.findIndex((each) => each.at === at);
      bar.style.setProperty('--fill', named === undefined ? lineColor(index) : fillColor(named));
      bar.title = `${category === undefined ? '' : textOf(row[categoryAt] ?? null, category)} · ${field.title}: ${textOf(value, field)}`;
      const hasText =
        showValue === 'always' ||
        (showValue === 'auto' && stacking === 'none' && frame.rows.length * shown.length <= 24);
      if (hasText && value !== null) bar.append(el('b', { textContent: textOf(value, field) }));
      else bar.append(el('span', { className: 'unseen', textContent: `${field.title} ${textOf(value, field)}` }));
      return linked(field.config.links, scope, subjectOf(field, value, fields, row), bar);
    });
    const name = el('span', {
      className: 'bar-name',
      textContent: category === undefined ? '' : textOf(row[categoryAt] ?? null, category),
    });
    name.title = name.textContent;
    return el('li', {}, name, el('span', { className: stacking === 'none' ? 'bars' : 'bars is-stacked' }, ...bars));
  });

  const first = series[0]?.field;
  const scale = el(
    'div',
    { className: 'bar-scale', attrs: { 'aria-hidden': 'true' } },
    ...ticks.map((tick) => {
      const label =
        stacking === 'percent' ? `${String(tick * 100)} %` : first === undefined ? String(tick) : textOf(tick, first);
      const mark = el('span', {}, el('i', { textContent: label }));
      mark.style.setProperty('--share', String(place(tick)));
      return mark;
    }),
  );
  const chart = el(
    'div',
    { className: isLying ? 'barchart is-lying' : 'barchart' },
    scale,
    el('ul', {}, ...categories),
  );
  chart.style.setProperty('--categories', String(categories.length));
  const items = series.map(({ field, at }, index) => ({
    field,
    color: field.config.color?.mode === 'fixed' ? fillColor(field.config.color.fixedColor ?? '') : lineColor(index),
    values: frame.rows.map((row) => numberOf(row[at])),
  }));
  // A single colour needs no legend.
  const legend = isSingle ? undefined : drawLegend(drawing, items, drawing.redraw);
  return { element: withLegend(chart, legend, panel.options?.legend) };
}

/** Returns the column that names the bars: the panel's choice, else the first that is not a number. */
function categoryOf({ panel }: Drawing, fields: Field[]): number {
  const named = fields.findIndex(({ name, title }) => [name, title].includes(panel.options?.xField ?? '\0'));
  return named >= 0 ? named : fields.findIndex(({ type }) => !isNumber(type));
}

/** Returns the lowest and the highest value of the scale, with 0 between them. */
function extent(
  { rows }: PanelData,
  columns: number[],
  stacking: string,
  max: number | undefined,
): { low: number; high: number } {
  if (stacking === 'percent') return { low: 0, high: 1 };
  const stacked = rows.map((row) => {
    const values = columns.map((at) => numberOf(row[at]) ?? 0);
    return stacking === 'normal' ? [values.reduce((sum, value) => sum + value, 0)] : values;
  });
  const all = stacked.flat();
  return { low: all.reduce((a, b) => Math.min(a, b), 0), high: max ?? all.reduce((a, b) => Math.max(a, b), 0) };
}
