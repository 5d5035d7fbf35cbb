import { cssColor } from './colors.js';
import { el } from './dom.js';
import { colorOf, isNumber, isTime, rankOf, resolveField, textOf, type Field } from './field.js';
import type { Cell, Panel, PanelData } from './model.js';

/** Pixels that a column without a width of its own keeps in a narrow window. */
const LEAST_WIDTH = 220;

/** Order of a table's rows, kept over refreshes by the panel. */
export interface Sorting {
  column: number;
  descending: boolean;
}

/** Rows under sortable headings. `onSort` is told what was clicked and draws again. */
export function drawTable(
  panel: Panel,
  data: PanelData,
  sorting: Sorting | undefined,
  onSort: (next: Sorting) => void,
): HTMLElement | undefined {
  if (data.rows.length === 0) return undefined;
  const fields = data.columns.map(({ name }) => resolveField(panel, name));
  const columns = el('colgroup');
  const headings = el('tr');
  let least = 0;
  fields.forEach((field, column) => {
    const col = el('col');
    const { width } = field.config.custom ?? {};
    if (typeof width === 'number') col.style.width = `${String(width)}px`;
    least += typeof width === 'number' ? width : LEAST_WIDTH;
    columns.append(col);
    headings.append(heading(field, column, sorting, onSort));
  });
  const body = el('tbody');
  for (const row of sorted(data, fields, sorting)) {
    body.append(el('tr', {}, ...row.map((value, index) => cell(value, fields[index], data.columns[index]?.type ?? ''))));
  }
  const table = el('table', {}, columns, el('thead', {}, headings), body);
  table.setAttribute('aria-label', panel.title ?? '');
  table.style.minWidth = `${String(least)}px`;
  // Scrolls by itself, so it must be reachable by the keyboard.
  return el('div', { className: 'rows', tabIndex: 0, attrs: { role: 'region', 'aria-label': panel.title ?? '' } }, table);
}

function heading(field: Field, column: number, sorting: Sorting | undefined, onSort: (next: Sorting) => void): HTMLElement {
  const isSorted = sorting?.column === column;
  const arrow = isSorted ? (sorting.descending ? ' ↓' : ' ↑') : '';
  const button = el('button', { type: 'button', textContent: field.title + arrow });
  button.addEventListener('click', () => {
    onSort({ column, descending: isSorted && !sorting.descending });
  });
  const order = isSorted ? (sorting.descending ? 'descending' : 'ascending') : 'none';
  return el('th', { scope: 'col', attrs: { 'aria-sort': order } }, button);
}

function cell(value: Cell, field: Field | undefined, type: string): HTMLElement {
  if (field === undefined) return el('td');
  const text = el('span', { className: 'cell', textContent: textOf(value, field, type) });
  if (text.textContent.length > 60) text.title = text.textContent.slice(0, 1_000);
  const color = colorOf(value, field);
  if (color !== undefined) {
    text.classList.add('badge');
    text.style.setProperty('--badge', cssColor(color));
  }
  return el('td', { className: isNumber(type) ? 'number' : isTime(type) ? 'time' : '' }, text);
}

function sorted({ rows }: PanelData, fields: Field[], sorting: Sorting | undefined): Cell[][] {
  const field = sorting === undefined ? undefined : fields[sorting.column];
  if (sorting === undefined || field === undefined) return rows;
  const { column, descending } = sorting;
  return rows.toSorted((a, b) => compare(a[column] ?? null, b[column] ?? null, field) * (descending ? -1 : 1));
}

function compare(a: Cell, b: Cell, field: Field): number {
  const ranks = [rankOf(a, field), rankOf(b, field)] as const;
  if (ranks[0] !== undefined && ranks[1] !== undefined) return ranks[0] - ranks[1];
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true });
}
