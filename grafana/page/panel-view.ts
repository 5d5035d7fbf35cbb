import type { BoardPanel } from '#schemas/board.js';
import type { PanelData } from '#schemas/http/boards.js';
import { anchor } from './anchor.js';
import type { Annotation } from './annotations.js';
import { isFor } from './annotations.js';
import { ApiError, type Source } from './api.js';
import { el } from './dom.js';
import type { Drawing, Memory, Picture } from './drawing.js';
import { formatTime } from './format.js';
import { isDrawnType, leftToGrafana } from './left-to-grafana.js';
import { createPanelHead } from './panel-head.js';
import { PICTURES } from './pictures.js';
import { interpolate, toTarget, type Scope } from './scope.js';
import type { State } from './state.js';

/** One panel on the page: its frame, which stays, and its chart, which each load replaces. */
export interface PanelView {
  element: HTMLElement;
  /** Requests the rows and draws them; cancels an older load. */
  load(state: State, scope: Scope): Promise<void>;
  /** Annotations; drawn over the chart when they arrive. */
  annotate(annotations: Annotation[]): void;
  /** Redraws the same rows, in the current theme's colours. */
  redraw(): void;
  destroy(): void;
}

export interface PanelContext {
  source: Source;
  onZoom: (from: number, to: number) => void;
  /** Shared by the charts of one board. */
  crosshair?: string;
}

export function createPanelView(panel: BoardPanel, { source, onZoom, crosshair }: PanelContext): PanelView {
  const memory: Memory = { hidden: new Set() };
  const left = leftToGrafana(panel);
  const body = el('div', { className: 'panel-body' });
  const note = el('p', { className: 'panel-note', attrs: { role: 'status' } });
  let asTable = false;
  const head = createPanelHead(panel, (isOn) => {
    asTable = isOn;
    draw();
  });
  const element = el(
    'section',
    { className: `panel is-${panel.type}`, attrs: { ...head.naming, 'data-panel': String(panel.id) } },
    head.element,
    body,
    note,
  );
  element.classList.toggle('is-plain', panel.transparent === true);
  const { x, y, w, h } = panel.gridPos;
  for (const [name, value] of Object.entries({ x: x + 1, y, w, h }))
    element.style.setProperty(`--${name}`, String(value));

  let data: PanelData[] | undefined;
  let scope: Scope | undefined;
  let annotations: Annotation[] = [];
  let picture: Picture | undefined;
  let pending: AbortController | undefined;

  function draw(): void {
    if (data === undefined || scope === undefined) return;
    const focused = focusKey(body);
    const [scrollTop, scrollLeft] = [body.firstElementChild?.scrollTop ?? 0, body.firstElementChild?.scrollLeft ?? 0];
    picture?.destroy?.();
    const drawing: Drawing = {
      panel,
      data,
      annotations,
      scope,
      memory,
      onZoom,
      redraw: draw,
      ...(crosshair === undefined ? {} : { crosshair }),
    };
    const type = asTable ? 'table' : panel.type;
    picture = isDrawnType(type) ? PICTURES[type](drawing) : undefined;
    body.replaceChildren(
      picture?.element ??
        el('p', { className: 'no-data', textContent: panel.fieldConfig?.defaults.noValue ?? 'No data' }),
    );
    body.firstElementChild?.scrollTo({ top: scrollTop, left: scrollLeft });
    if (focused !== undefined) body.querySelectorAll<HTMLElement>(FOCUSABLE)[focused]?.focus({ preventScroll: true });
    const cut = data.find(({ truncated }) => truncated);
    const history = data[0]?.historyFrom;
    say(
      [
        ...(cut === undefined ? [] : [`Only the first ${String(cut.rows.length)} rows are shown.`]),
        ...(history === undefined ? [] : [`The plan shows nothing before ${formatTime(history)}.`]),
      ].join(' '),
    );
  }

  function say(problem: string): void {
    note.replaceChildren();
    if (problem !== '') note.append(problem);
    else if (left !== undefined) note.append(left.reason, ' ', ...grafanaLink(panel, scope));
  }

  return {
    element,
    async load(state, nextScope) {
      scope = nextScope;
      head.update(scope);
      if (left?.isDrawn === false) {
        body.replaceChildren(el('p', { className: 'no-data' }, left.reason, ' ', ...grafanaLink(panel, scope)));
        return;
      }
      pending?.abort();
      const mine = new AbortController();
      pending = mine;
      element.setAttribute('aria-busy', 'true');
      try {
        const targets = (panel.targets ?? []).filter(({ hide }) => hide !== true);
        data = await Promise.all(targets.map(({ refId }) => source.panel(state, panel.id, refId, mine.signal)));
        const [first] = data;
        if (first !== undefined) scope = { ...nextScope, from: first.from, to: first.to };
        draw();
      } catch (error) {
        if (mine.signal.aborted) return;
        // Without a session there is no data; the server's page shows how to log in.
        if (error instanceof ApiError && error.status === 401) location.reload();
        say(error instanceof ApiError ? error.message : 'The gateway does not answer.');
      } finally {
        if (pending === mine) element.removeAttribute('aria-busy');
      }
    },
    annotate(all) {
      annotations = all.filter(({ query }) => isFor(query, panel.id));
      if (panel.type === 'timeseries' || panel.type === 'state-timeline') draw();
    },
    redraw: draw,
    destroy() {
      pending?.abort();
      picture?.destroy?.();
    },
  };
}

const FOCUSABLE = 'a[href], button, [tabindex="0"]';

/** Returns which focusable element has the focus, to restore it after a redraw. */
function focusKey(body: HTMLElement): number | undefined {
  const at = [...body.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement ?? body);
  return at < 0 ? undefined : at;
}

function grafanaLink({ id }: BoardPanel, scope: Scope | undefined): Node[] {
  if (scope?.grafanaUrl === undefined) return ['Open the board there.'].map((text) => document.createTextNode(text));
  const address = interpolate(
    `${scope.grafanaUrl.replace(/\/$/, '')}/d/${encodeURIComponent(scope.state.board)}?viewPanel=${String(id)}&\${__url_time_range}&\${__all_variables}`,
    scope,
  );
  return toTarget(address, scope) === undefined
    ? []
    : [anchor({ url: address, title: 'Open in Grafana' }, scope) ?? document.createTextNode('')];
}
