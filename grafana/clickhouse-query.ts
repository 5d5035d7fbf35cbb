import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import { DATASOURCE, DATASOURCE_VERSION } from './datasource.js';

/**
 * Result formats of the datasource's backend: time series are converted from long to wide, tables are left as they are.
 */
const FORMAT = { timeseries: 0, table: 1 } as const;

/** A query target of grafana-clickhouse-datasource 4.14 in its SQL editor (`CHSqlQuery` in its `src/types/sql.ts`). */
export interface ClickHouseQuery extends Dataquery {
  refId: string;
  datasource: DataSourceRef;
  pluginVersion: string;
  editorType: 'sql';
  rawSql: string;
  /** The `format` as Explore names it. */
  queryType: 'timeseries' | 'table';
  format: (typeof FORMAT)[keyof typeof FORMAT];
}

class ClickHouseQueryBuilder implements Builder<ClickHouseQuery> {
  private readonly query: ClickHouseQuery;

  constructor(rawSql: string, shape: keyof typeof FORMAT) {
    this.query = {
      refId: 'A',
      datasource: DATASOURCE,
      pluginVersion: DATASOURCE_VERSION,
      editorType: 'sql',
      rawSql,
      queryType: shape,
      format: FORMAT[shape],
      // The SDK's marker of a query type; a function, so it never reaches the JSON.
      _implementsDataqueryVariant: () => undefined,
    };
  }

  build(): ClickHouseQuery {
    return this.query;
  }
}

/** Rows of (time, label columns, one number), oldest first: one line per set of labels. */
export function timeSeries(rawSql: string): Builder<ClickHouseQuery> {
  return new ClickHouseQueryBuilder(rawSql, 'timeseries');
}

/** Returns a target whose rows are shown unchanged. */
export function table(rawSql: string): Builder<ClickHouseQuery> {
  return new ClickHouseQueryBuilder(rawSql, 'table');
}
