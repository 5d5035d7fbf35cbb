import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** Plugin id of the official ClickHouse datasource. */
const DATASOURCE_TYPE = 'grafana-clickhouse-datasource';

/** The datasource that `provisioning/datasources/clickhouse.yaml` creates. A test compares the two. */
export const DATASOURCE: DataSourceRef = { type: DATASOURCE_TYPE, uid: 'shieldwatch-clickhouse' };

/** Datasource version whose query fields are written. Grafana stores it in each target. */
export const DATASOURCE_VERSION = '4.14.1';
