/** Rows for one table: `columns` as the collector's clickhouse exporter (v0.161.0) names them. */
export interface Batch {
  readonly table: string;
  readonly columns: readonly string[];
  /** Each row's cells (see `cells.ts`), in the order of the columns. */
  readonly rows: string[][];
}
