import type { Board, BoardPanel } from '#schemas/board.js';
import { toAnnotations, type Annotation } from './annotations.js';
import type { Source } from './api.js';
import { el } from './dom.js';
import { createPanelView, type PanelView } from './panel-view.js';
import { interpolate, type Scope } from './scope.js';
import type { State } from './state.js';

/** All panels of a board. */
export interface BoardView {
  element: HTMLElement;
  /**
   * Loads every visible panel, in parallel; those of a collapsed row when it is expanded. Calls `onProgress` with the
   * number of loaded panels.
   */
  load(state: State, scope: Scope, onProgress: (done: number, all: number) => void): Promise<void>;
  redraw(): void;
  destroy(): void;
}

interface Section {
  row?: BoardPanel;
  panels: BoardPanel[];
}

interface SectionView {
  panels: PanelView[];
  heading?: HTMLElement;
  title: string;
  isOpen(): boolean;
  /** It was collapsed when the board was loaded. */
  isStale: boolean;
}

let boards = 0;

export function createBoardView(board: Board, source: Source, onZoom: (from: number, to: number) => void): BoardView {
  boards += 1;
  const crosshair = (board.graphTooltip ?? 0) > 0 ? { crosshair: `board-${String(boards)}` } : {};
  const element = el('div', { className: 'board' });
  let loaded: { state: State; scope: Scope } | undefined;
  let loads = 0;
  const sections = sectionsOf(board.panels).map((section): SectionView => {
    const { row, panels } = section;
    const views = panels.map((panel) => createPanelView(panel, { source, onZoom, ...crosshair }));
    const grid = el('div', { className: 'grid' }, ...views.map((view) => view.element));
    if (row === undefined) {
      element.append(grid);
      return { panels: views, title: '', isOpen: () => true, isStale: false };
    }
    const heading = el('h2', { textContent: row.title ?? '' });
    const details = el('details', { className: 'row', open: row.collapsed !== true }, el('summary', {}, heading), grid);
    const view: SectionView = {
      panels: views,
      heading,
      title: row.title ?? '',
      isOpen: () => details.open,
      isStale: false,
    };
    details.addEventListener('toggle', () => {
      if (!details.open || !view.isStale || loaded === undefined) return;
      view.isStale = false;
      const { state, scope } = loaded;
      for (const panel of views) void panel.load(state, scope);
    });
    element.append(details);
    return view;
  });
  const views = sections.flatMap((section) => section.panels);
  const annotations = createAnnotations(board, source, (all) => {
    for (const view of views) view.annotate(all);
  });

  return {
    element,
    async load(state, scope, onProgress) {
      loaded = { state, scope };
      loads += 1;
      const mine = loads;
      for (const { heading, title } of sections)
        if (heading !== undefined) heading.textContent = interpolate(title, scope);
      for (const section of sections) section.isStale = !section.isOpen();
      const seen = sections.filter((section) => section.isOpen()).flatMap((section) => section.panels);
      let done = 0;
      onProgress(done, seen.length);
      await Promise.all([
        annotations.load(state),
        ...seen.map(async (view) => {
          await view.load(state, scope);
          done += 1;
          // Panels of a superseded load are loaded too, but their data is no longer wanted.
          if (mine === loads) onProgress(done, seen.length);
        }),
      ]);
    },
    redraw() {
      for (const view of views) view.redraw();
    },
    destroy() {
      annotations.destroy();
      for (const view of views) view.destroy();
    },
  };
}

/** Loads annotations beside the panels, which neither wait for them nor depend on their success. */
function createAnnotations(
  board: Board,
  source: Source,
  onLoaded: (all: Annotation[]) => void,
): { load(state: State): Promise<void>; destroy(): void } {
  const queries = board.annotations.list.filter(({ target }) => target?.rawSql !== undefined);
  let pending: AbortController | undefined;
  return {
    async load(state) {
      if (queries.length === 0) return;
      pending?.abort();
      const mine = new AbortController();
      pending = mine;
      const wanted = queries.filter(({ name }) => !state.without.includes(name));
      const results = await Promise.allSettled(
        wanted.map(async (query) => toAnnotations(query, await source.annotation(state, query.name, mine.signal))),
      );
      if (!mine.signal.aborted)
        onLoaded(results.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])));
    },
    destroy() {
      pending?.abort();
    },
  };
}

/**
 * Panels below the row that they follow, or that contains them collapsed; each section's grid begins at its own top.
 */
function sectionsOf(panels: BoardPanel[]): Section[] {
  const all: Section[] = [{ panels: [] }];
  for (const panel of panels) {
    if (panel.type === 'row') all.push({ row: panel, panels: [...(panel.panels ?? [])] });
    else all.at(-1)?.panels.push(panel);
  }
  return all
    .filter((section) => section.panels.length > 0)
    .map(({ panels: own, ...section }) => {
      const top = Math.min(...own.map(({ gridPos }) => gridPos.y));
      return {
        ...section,
        panels: own.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top + 1 } })),
      };
    });
}
