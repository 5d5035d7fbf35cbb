import type { BoardPanel } from '#schemas/board.js';
import type { PanelData } from '#schemas/http/boards.js';
import type { Annotation } from './annotations.js';
import type { Scope } from './scope.js';

/** Order of a table's rows. */
export interface Sorting {
  column: number;
  descending: boolean;
}

/** What somebody did to a panel; it survives a refresh. */
export interface Memory {
  /** Titles of lines that are switched off. */
  hidden: Set<string>;
  sorting?: Sorting;
  /** Rows of a table that are shown. */
  rows?: number;
}

/** All that a picture is made of. */
export interface Drawing {
  panel: BoardPanel;
  /** Rows of each query, in the order of the panel's targets. */
  data: PanelData[];
  annotations: Annotation[];
  scope: Scope;
  memory: Memory;
  /** Charts with one name share their crosshair. */
  crosshair?: string;
  /** Told a range, in milliseconds, to look at instead. */
  onZoom: (from: number, to: number) => void;
  redraw: () => void;
}

/** A drawn panel; a chart holds on to its element's size until it is destroyed. */
export interface Picture {
  element: HTMLElement;
  destroy?: () => void;
}
