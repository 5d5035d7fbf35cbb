import type { Cell, PanelData } from '#schemas/http/boards.js';
import { anchor, linked } from './anchor.js';
import { cssColor } from './colors.js';
import { el } from './dom.js';
import type { Drawing, Picture, Sorting } from './drawing.js';
import { colorOf, isNumber, isTime, rankOf, resolveField, textOf, timeOf, type Field } from './field.js';
import { subjectOf } from './subject.js';

/** Minimum pixels of a column without its own width in a narrow window. */
const LEAST_WIDTH = { number: 90, time: 165, text: 180 } as const;
/** Rows drawn at first, and added by each "Show more". */
const ROWS_AT_ONCE = 200;

/** Draws rows under sortable headings; of several queries, the first with rows. */
export function drawTable(drawing: Drawing): Picture | undefined {
  const { panel, data, memory, redraw } = drawing;
  const frame = data.find(({ rows }) => rows.length > 0);
  if (frame === undefined) return undefined;
  const fields = frame.columns.map(({ name, type }) => resolveField(panel, { name, type }));
  const shown = fields.flatMap((field, index) =>
    field.config.custom?.hidden === true || field.config.custom?.hideFrom?.viz === true ? [] : [index],
  );
  const sorting = memory.sorting ?? initialSorting(drawing, fields);
  const columns = el('colgroup');
  const headings = el('tr');
  let least = 0;
  for (const index of shown) {
    const field = fields[index];
    if (field === undefined) continue;
    const { width } = field.config.custom ?? {};
    const col = el('col');
    if (typeof width === 'number') col.style.width = `${String(width)}px`;
    least += typeof width === 'number' ? width : LEAST_WIDTH[kindOf(field)];
    columns.append(col);
    headings.append(
      heading(field, index, sorting, (next) => {
        memory.sorting = next;
        redraw();
      }),
    );
  }
  const rows = sorted(frame, fields, sorting);
  const count = Math.min(memory.rows ?? ROWS_AT_ONCE, rows.length);
  const scales = fields.map((field, index) => gaugeScale(field, frame, index));
  const body = el('tbody');
  for (const row of rows.slice(0, count)) {
    body.append(el('tr', {}, ...shown.map((index) => cell(row, index, fields, scales[index], drawing))));
  }
  const table = el(
    'table',
    { attrs: { 'aria-label': panel.title ?? '' } },
    columns,
    ...(panel.options?.showHeader === false ? [] : [el('thead', {}, headings)]),
    body,
  );
  table.style.minWidth = `${String(least)}px`;
  // Scrolls by itself, so it must be reachable by keyboard.
  const element = el(
    'div',
    { className: 'rows', tabIndex: 0, attrs: { role: 'region', 'aria-label': panel.title ?? '' } },
    table,
  );
  if (count < rows.length) {
    const more = el('button', {
      type: 'button',
      className: 'control more',
      textContent: `Show more (${String(count)} of ${String(rows.length)} rows)`,
    });
    more.addEventListener('click', () => {
      memory.rows = count + ROWS_AT_ONCE;
      redraw();
    });
    element.append(more);
  }
  return { element };
}

function initialSorting({ panel }: Drawing, fields: Field[]): Sorting | undefined {
  const [first] = panel.options?.sortBy ?? [];
  const column = fields.findIndex(({ title, name }) => title === first?.displayName || name === first?.displayName);
  return column < 0 ? undefined : { column, descending: first?.desc === true };
}

function heading(
  field: Field,
  column: number,
  sorting: Sorting | undefined,
  onSort: (next: Sorting) => void,
): HTMLElement {
  const isSorted = sorting?.column === column;
  const button = el('button', { type: 'button', textContent: field.title, attrs: { 'data-column': String(column) } });
  if (isSorted)
    button.append(el('span', { textContent: sorting.descending ? ' ↓' : ' ↑', attrs: { 'aria-hidden': 'true' } }));
  if (field.config.description !== undefined) button.title = field.config.description;
  button.addEventListener('click', () => {
    onSort({ column, descending: isSorted && !sorting.descending });
  });
  const order = isSorted ? (sorting.descending ? 'descending' : 'ascending') : 'none';
  return el('th', { scope: 'col', className: alignment(field), attrs: { 'aria-sort': order } }, button);
}

function cell(
  row: Cell[],
  index: number,
  fields: Field[],
  scale: GaugeScale | undefined,
  { scope }: Drawing,
): HTMLElement {
  const field = fields[index];
  const value = row[index] ?? null;
  if (field === undefined) return el('td');
  const content = textOf(value, field);
  const text = el('span', { className: 'cell', textContent: content });
  if (content.length > 60) text.title = content.slice(0, 1_000);
  const name = colorOf(value, field);
  const { type: cellType = 'auto' } = field.config.custom?.cellOptions ?? {};
  if (name !== undefined && content !== '' && cellType !== 'auto') {
    text.style.setProperty('--badge', cssColor(name));
    text.classList.add(cellType === 'color-background' ? 'badge' : 'tinted');
  }
  const { links } = field.config;
  const subject = subjectOf(field, value, fields, row);
  const td = el('td', { className: `${kindOf(field)} ${alignment(field)}` });
  if (cellType === 'gauge' && typeof value === 'number' && scale !== undefined) td.append(gauge(value, scale, text));
  else if (links !== undefined && links.length > 1)
    td.append(text, ...links.flatMap((link) => anchor(link, scope, subject) ?? []).flatMap((link) => [' ', link]));
  else td.append(content === '' ? text : linked(links, scope, subject, text));
  return td;
}

interface GaugeScale {
  low: number;
  high: number;
}

function gaugeScale(field: Field, { rows }: PanelData, index: number): GaugeScale | undefined {
  if (field.config.custom?.cellOptions?.type !== 'gauge') return undefined;
  const values = rows.flatMap((row) => (typeof row[index] === 'number' ? [row[index]] : []));
  return { low: field.config.min ?? 0, high: field.config.max ?? values.reduce((a, b) => Math.max(a, b), 0) };
}

function gauge(value: number, { low, high }: GaugeScale, text: HTMLElement): HTMLElement {
  const bar = el('span', { className: 'cell-gauge' });
  bar.style.setProperty('--share', String(Math.min(Math.max((value - low) / (high - low || 1), 0), 1)));
  return el('div', { className: 'gauge-cell' }, bar, text);
}

function kindOf({ type }: Field): keyof typeof LEAST_WIDTH {
  return isNumber(type) ? 'number' : isTime(type) ? 'time' : 'text';
}

/** Numbers are right-aligned unless the board sets an alignment or maps them to text. */
function alignment({ type, config }: Field): string {
  const { align = 'auto' } = config.custom ?? {};
  if (align === 'auto') return isNumber(type) && (config.mappings ?? []).length === 0 ? 'align-right' : 'align-left';
  return `align-${align}`;
}

function sorted({ rows }: PanelData, fields: Field[], sorting: Sorting | undefined): Cell[][] {
  const field = sorting === undefined ? undefined : fields[sorting.column];
  if (sorting === undefined || field === undefined) return rows;
  const { column, descending } = sorting;
  return rows.toSorted((a, b) => compare(a[column] ?? null, b[column] ?? null, field) * (descending ? -1 : 1));
}

function compare(a: Cell, b: Cell, field: Field): number {
  // Missing values are last, in either direction.
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const ranks = [rankOf(a, field), rankOf(b, field)] as const;
  if (ranks[0] !== undefined && ranks[1] !== undefined) return ranks[0] - ranks[1];
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (isTime(field.type)) return timeOf(a) - timeOf(b);
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
