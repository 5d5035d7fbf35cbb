/**
 * Answers of `/boards/api`, written by `ingest/boards` and read by `grafana/page`. For a board's JSON see
 * `schemas/board.ts`.
 */

export interface BoardSummary {
  uid: string;
  title: string;
  description?: string | undefined;
  tags?: string[] | undefined;
}

/** The boards, and what the page needs before it opens one. */
export interface BoardsHome {
  /** Organisation of the reader. */
  org: string;
  /** Uid of the default board. */
  home: string;
  /** Whether the store has no data yet; then the page shows first steps. */
  isEmpty: boolean;
  /** URL of a Grafana with the same boards. */
  grafanaUrl?: string;
  boards: BoardSummary[];
}

export interface VariableOption {
  text: string;
  value: string;
}

/** Options and current value of a variable. */
export interface VariableOptions {
  name: string;
  label: string;
  /** `text` accepts any value. */
  kind: 'choice' | 'text';
  multi: boolean;
  includeAll: boolean;
  /** Variables on which its options depend. */
  dependsOn: string[];
  options: VariableOption[];
  value: readonly string[] | 'all';
}

export type Cell = string | number | boolean | null;

/** Rows of one query, up to the limit. */
export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  /** Whether rows were cut off at the limit. */
  truncated: boolean;
}

/** A time range in milliseconds since 1970, from `from` (inclusive) to `to` (exclusive). */
export interface TimeRange {
  from: number;
  to: number;
  /** Set if the range was cut to the plan's history. */
  historyFrom?: number;
}

/** Rows of an annotation query. */
export interface AnnotationData extends QueryResult, TimeRange {}

/** A panel's rows, with the range and interval of the query. */
export interface PanelData extends QueryResult, TimeRange {
  /** Width of a bucket in milliseconds. */
  intervalMs: number;
}
