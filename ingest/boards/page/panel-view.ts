import { ApiError, fetchPanel } from './api.js';
import { el } from './dom.js';
import { drawStat } from './draw-stat.js';
import { drawTable, type Sorting } from './draw-table.js';
import { drawTimeSeries, type Chart } from './draw-timeseries.js';
import type { Panel, PanelData } from './model.js';
import type { State } from './state.js';

/** One panel on the page: its frame, which stays, and its picture, which each load replaces. */
export interface PanelView {
  element: HTMLElement;
  /** Asks for the rows and draws them; an older load that is still under way is given up. */
  load(state: State): Promise<void>;
  /** Draws the same rows again, in the colours of now. */
  redraw(): void;
  destroy(): void;
}

const DRAWN = ['timeseries', 'stat', 'table'];

export function createPanelView(panel: Panel, onZoom: (from: number, to: number) => void): PanelView {
  const headingId = `panel-${String(panel.id)}`;
  const body = el('div', { className: 'panel-body' });
  const note = el('p', { className: 'panel-note', hidden: true });
  const element = el(
    'section',
    { className: `panel is-${panel.type}`, attrs: { 'aria-labelledby': headingId, 'data-panel': String(panel.id) } },
    el('header', {}, el('h3', { id: headingId, textContent: panel.title ?? '' }), ...description(panel)),
    body,
    note,
  );
  const { x, y, w, h } = panel.gridPos;
  for (const [name, value] of Object.entries({ x: x + 1, y, w, h })) element.style.setProperty(`--${name}`, String(value));

  const hidden = new Set<string>();
  let data: PanelData | undefined;
  let sorting: Sorting | undefined;
  let chart: Chart | undefined;
  let pending: AbortController | undefined;

  function draw(): void {
    if (data === undefined) return;
    chart?.destroy();
    chart = undefined;
    body.replaceChildren(picture(data) ?? el('p', { className: 'no-data', textContent: panel.fieldConfig?.defaults.noValue ?? 'No data' }));
    note.hidden = !data.truncated;
    note.textContent = data.truncated ? `Only the first ${String(data.rows.length)} rows are shown.` : '';
  }

  function picture(rows: PanelData): HTMLElement | undefined {
    if (panel.type === 'stat') return drawStat(panel, rows);
    if (panel.type === 'table') {
      return drawTable(panel, rows, sorting, (next) => {
        sorting = next;
        draw();
        body.querySelectorAll<HTMLButtonElement>('th button')[next.column]?.focus();
      });
    }
    chart = drawTimeSeries(panel, rows, hidden, onZoom);
    return chart?.element;
  }

  return {
    element,
    async load(state) {
      const [target] = panel.targets ?? [];
      if (!DRAWN.includes(panel.type) || target === undefined) {
        body.replaceChildren(el('p', { className: 'no-data', textContent: 'This panel is drawn by Grafana only: open the board there.' }));
        return;
      }
      pending?.abort();
      const mine = new AbortController();
      pending = mine;
      element.setAttribute('aria-busy', 'true');
      try {
        data = await fetchPanel(state, panel.id, target.refId, mine.signal);
        draw();
      } catch (error) {
        if (mine.signal.aborted) return;
        // Without a session there is nothing to see; the server's page says how to get one.
        if (error instanceof ApiError && error.status === 401) location.reload();
        note.hidden = false;
        note.textContent = error instanceof ApiError ? error.message : 'The gateway does not answer.';
      } finally {
        if (pending === mine) element.removeAttribute('aria-busy');
      }
    },
    redraw: draw,
    destroy() {
      pending?.abort();
      chart?.destroy();
    },
  };
}

function description(panel: Panel): HTMLElement[] {
  if (panel.description === undefined || panel.description === '') return [];
  const id = `about-${String(panel.id)}`;
  const text = el('div', { id, className: 'about-text', hidden: true, textContent: panel.description });
  const button = el('button', {
    type: 'button',
    className: 'about',
    textContent: 'i',
    title: panel.description,
    attrs: { 'aria-label': `About: ${panel.title ?? ''}`, 'aria-expanded': 'false', 'aria-controls': id },
  });
  function show(isShown: boolean): void {
    text.hidden = !isShown;
    button.setAttribute('aria-expanded', String(isShown));
  }
  button.addEventListener('click', () => { show(text.hidden === true); });
  button.addEventListener('blur', () => { show(false); });
  button.addEventListener('keydown', ({ key }) => { if (key === 'Escape') show(false); });
  return [button, text];
}
