/** Answers of `/boards/api`, which `ingest/boards` writes and `grafana/page` reads. A board itself: `schemas/board.ts`. */

export interface BoardSummary {
  uid: string;
  title: string;
  description?: string | undefined;
  tags?: string[] | undefined;
}

/** The boards, and what the page must know before it opens one. */
export interface BoardsHome {
  /** Organisation of the reader. */
  org: string;
  /** Uid of the board that opens first. */
  home: string;
  /** Nothing has ever arrived: the page shows how to begin. */
  isEmpty: boolean;
  /** Address of a Grafana that has the same boards. */
  grafanaUrl?: string;
  boards: BoardSummary[];
}

export interface VariableOption {
  text: string;
  value: string;
}

/** What can be chosen for one variable, and what is. */
export interface VariableOptions {
  name: string;
  label: string;
  /** `text`: anything may be typed. */
  kind: 'choice' | 'text';
  multi: boolean;
  includeAll: boolean;
  /** Variables its options depend on. */
  dependsOn: string[];
  options: VariableOption[];
  value: readonly string[] | 'all';
}

export type Cell = string | number | boolean | null;

/** Rows of one query, as many as a picture can use. */
export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  /** There were more rows than are kept. */
  truncated: boolean;
}

/** A range of time, in milliseconds since 1970. Windows of facts and buckets take what begins at `from` or later and before `to`. */
export interface TimeRange {
  from: number;
  to: number;
  /** Set where the range was cut: the plan shows nothing before. */
  historyFrom?: number;
}

/** Rows of an annotation query. */
export interface AnnotationData extends QueryResult, TimeRange {}

/** A panel's rows, and what they were asked with. */
export interface PanelData extends QueryResult, TimeRange {
  /** Width of a bucket in milliseconds. */
  intervalMs: number;
}
