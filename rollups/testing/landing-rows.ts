import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { scanAttributes, type ScanRecord } from '#schemas/records/scan.js';
import {
  ATTR_SERVICE_VERSION,
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_TOKEN_ID,
  SERVICE_NAME_PRODUCER,
  SPAN_DECISION,
  SPAN_SCAN,
} from '#schemas/semconv.js';

/** A decision of an organisation, with defaults for the rest of the record. */
export type DecisionFixture = Pick<DecisionRecord, 'eventId' | 'timestamp' | 'tool' | 'decision'> &
  Partial<DecisionRecord> & { orgId?: string; tokenId?: string };

/** A scan of an organisation, with defaults for the rest of the record. */
export type ScanFixture = Pick<ScanRecord, 'eventId' | 'generatedAt' | 'score'> &
  Partial<ScanRecord> & { orgId?: string };

function spanRow(
  name: string,
  orgId: string,
  repository: string,
  timestamp: string,
  ids: { traceId: string; spanId: string },
  attributes: Record<string, string | number>,
) {
  return {
    Timestamp: timestamp.replace('T', ' ').replace('Z', ''),
    TraceId: ids.traceId,
    SpanId: ids.spanId,
    SpanName: name,
    ServiceName: SERVICE_NAME_PRODUCER,
    ResourceAttributes: {
      ...repositoryAttributes(repository),
      [ATTR_TENANT_ORG_ID]: orgId,
      [ATTR_SERVICE_VERSION]: '0.1.0',
    },
    SpanAttributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
  };
}

/** Inserts decisions into landing as the collector does, in one INSERT. */
export async function landDecisions(client: ClickHouseClient, fixtures: readonly DecisionFixture[]): Promise<void> {
  await land(
    client,
    fixtures.map(({ orgId = 'org_a', tokenId, ...fixture }) => {
      const record: DecisionRecord = {
        repository: 'acme/app',
        sessionId: 's',
        agent: 'claude-code',
        durationMs: 1,
        source: 'hook',
        ...fixture,
      };
      const row = spanRow(
        SPAN_DECISION,
        orgId,
        record.repository,
        record.timestamp,
        decisionSpanIds(record.eventId),
        decisionAttributes(record),
      );
      return tokenId === undefined
        ? row
        : { ...row, ResourceAttributes: { ...row.ResourceAttributes, [ATTR_TENANT_TOKEN_ID]: tokenId } };
    }),
  );
}

/** Inserts scans into landing as the collector does, in one INSERT. */
export async function landScans(client: ClickHouseClient, fixtures: readonly ScanFixture[]): Promise<void> {
  await land(
    client,
    fixtures.map(({ orgId = 'org_a', ...fixture }) => {
      const record: ScanRecord = {
        repository: 'acme/app',
        grade: 'C',
        breakdown: { secrets: 1, permissions: 2, hooks: 3, mcp: 4, agents: 5 },
        findings: { critical: 0, high: 1, medium: 0, low: 0, info: 0 },
        filesScanned: 3,
        minSeverity: 'info',
        agentshieldVersion: '1.6.0',
        exitCode: 0,
        provider: 'local',
        ...fixture,
      };
      return spanRow(
        SPAN_SCAN,
        orgId,
        record.repository,
        record.generatedAt,
        decisionSpanIds(record.eventId),
        scanAttributes(record),
      );
    }),
  );
}

async function land(client: ClickHouseClient, values: Record<string, unknown>[]): Promise<void> {
  if (values.length === 0) return;
  await client.insert({ table: 'otel_traces', values, format: 'JSONEachRow' });
}
