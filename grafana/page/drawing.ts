import type { BoardPanel } from '#schemas/board.js';
import type { PanelData } from '#schemas/http/boards.js';
import type { Annotation } from './annotations.js';
import type { Scope } from './scope.js';

/** Order of a table's rows. */
export interface Sorting {
  column: number;
  descending: boolean;
}

/** A user's changes to a panel; they survive a refresh. */
export interface Memory {
  /** Titles of hidden lines. */
  hidden: Set<string>;
  sorting?: Sorting;
  /** Number of rows of a table that are shown. */
  rows?: number;
}

/** Input of a chart. */
export interface Drawing {
  panel: BoardPanel;
  /** Rows of each query, in the order of the panel's targets. */
  data: PanelData[];
  annotations: Annotation[];
  scope: Scope;
  memory: Memory;
  /** Charts with the same name share their crosshair. */
  crosshair?: string;
  /** Called with the range, in milliseconds, that the user selected. */
  onZoom: (from: number, to: number) => void;
  redraw: () => void;
}

/** A drawn panel; a chart observes its element's size until it is destroyed. */
export interface Picture {
  element: HTMLElement;
  destroy?: () => void;
}
