import { el } from './dom.js';
import type { Board, Panel } from './model.js';
import { createPanelView, type PanelView } from './panel-view.js';
import type { State } from './state.js';

/** All panels of a board. */
export interface BoardView {
  element: HTMLElement;
  /** Loads every panel, side by side; `onProgress` hears how many are done. */
  load(state: State, onProgress: (done: number, all: number) => void): Promise<void>;
  redraw(): void;
  destroy(): void;
}

export function createBoardView(board: Board, onZoom: (from: number, to: number) => void): BoardView {
  const views: PanelView[] = [];
  const element = el('main', { attrs: { 'aria-label': board.title } });
  for (const { row, panels } of sections(board.panels)) {
    const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
    const grid = el('div', { className: 'grid' });
    for (const panel of panels) {
      const view = createPanelView({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top + 1 } }, onZoom);
      views.push(view);
      grid.append(view.element);
    }
    element.append(row === undefined ? grid : el('details', { className: 'row', open: row.collapsed !== true }, el('summary', {}, el('h2', { textContent: row.title ?? '' })), grid));
  }
  return {
    element,
    async load(state, onProgress) {
      let done = 0;
      onProgress(done, views.length);
      await Promise.all(
        views.map(async (view) => {
          await view.load(state);
          done += 1;
          onProgress(done, views.length);
        }),
      );
    },
    redraw() {
      for (const view of views) view.redraw();
    },
    destroy() {
      for (const view of views) view.destroy();
    },
  };
}

interface Section {
  row?: Panel;
  panels: Panel[];
}

/** Panels under the row they follow. */
function sections(panels: Panel[]): Section[] {
  const all: Section[] = [{ panels: [] }];
  for (const panel of panels) {
    if (panel.type === 'row') all.push({ row: panel, panels: [] });
    else all.at(-1)?.panels.push(panel);
  }
  return all.filter((section) => section.panels.length > 0);
}
