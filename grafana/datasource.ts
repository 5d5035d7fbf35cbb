import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** Plugin id of the official ClickHouse datasource. */
const DATASOURCE_TYPE = 'grafana-clickhouse-datasource';

/** The datasource that `provisioning/datasources/clickhouse.yaml` creates; a test holds the two together. */
export const DATASOURCE: DataSourceRef = { type: DATASOURCE_TYPE, uid: 'shieldwatch-clickhouse' };

/** Version of the datasource whose query fields we write; Grafana keeps it in each target. */
export const DATASOURCE_VERSION = '4.14.1';
