/** Rows for one table; `columns` are named as in the collector's clickhouse exporter (v0.161.0). */
export interface Batch {
  readonly table: string;
  readonly columns: readonly string[];
  /** Each row's cells (see `cells.ts`), in column order. */
  readonly rows: string[][];
}
