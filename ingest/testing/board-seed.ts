import { randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { drillSpan, type DrillRecord } from '#schemas/records/drill.js';
import { findingAttributes, type FindingRecord } from '#schemas/records/finding.js';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { scanAttributes, type ScanRecord } from '#schemas/records/scan.js';
import {
  ATTR_DRIFT_FINDINGS_NEW,
  ATTR_DRIFT_FINDINGS_RESOLVED,
  ATTR_DRIFT_HAS_CRITICAL,
  ATTR_DRIFT_IS_REGRESSION,
  ATTR_DRIFT_SCORE_CURRENT,
  ATTR_DRIFT_SCORE_DELTA,
  ATTR_DRIFT_SCORE_PREVIOUS,
  ATTR_DRIFT_TIMESTAMP,
  ATTR_SERVICE_VERSION,
  ATTR_TENANT_ORG_ID,
  EVENT_FINDING,
  SPAN_DECISION,
  SPAN_DRIFT,
  SPAN_SCAN,
} from '#schemas/semconv.js';

/** Fills a store for tests like real telemetry: landing rows, from which the views derive facts, and series rows. */
export class Seed {
  readonly #client: ClickHouseClient;
  readonly #orgId: string;

  constructor(client: ClickHouseClient, orgId: string) {
    this.#client = client;
    this.#orgId = orgId;
  }

  async scans(records: ScanRecord[]): Promise<void> {
    await this.#traces(
      records.map((record) => ({
        at: record.generatedAt,
        repository: record.repository,
        name: SPAN_SCAN,
        traceId: randomUUID().replaceAll('-', ''),
        spanId: randomUUID().replaceAll('-', '').slice(0, 16),
        attributes: scanAttributes(record),
      })),
    );
  }

  async decisions(records: DecisionRecord[]): Promise<void> {
    await this.#traces(
      records.map((record) => ({
        at: record.timestamp,
        repository: record.repository,
        name: SPAN_DECISION,
        ...decisionSpanIds(record.eventId),
        attributes: decisionAttributes(record),
      })),
    );
  }

  async findings(repository: string, records: FindingRecord[]): Promise<void> {
    await this.#client.insert({
      table: 'otel_logs',
      columns: ['Timestamp', 'TraceId', 'ServiceName', 'ResourceAttributes', 'LogAttributes', 'EventName'],
      format: 'JSONEachRow',
      values: records.map((record) => ({
        Timestamp: storeTime(record.generatedAt),
        TraceId: randomUUID().replaceAll('-', ''),
        ServiceName: 'shieldwatch',
        ResourceAttributes: this.#resource(repository),
        LogAttributes: strings(findingAttributes(record)),
        EventName: EVENT_FINDING,
      })),
    });
  }

  /** Inserts drifts as `watch` reports them. */
  async drifts(records: DriftSeed[]): Promise<void> {
    await this.#traces(
      records.map(
        ({ repository, at, previous, current, newFindings = 0, resolvedFindings = 0, hasCritical = false }) => ({
          at,
          repository,
          name: SPAN_DRIFT,
          traceId: randomUUID().replaceAll('-', ''),
          spanId: randomUUID().replaceAll('-', '').slice(0, 16),
          attributes: {
            [ATTR_DRIFT_TIMESTAMP]: at,
            [ATTR_DRIFT_SCORE_PREVIOUS]: previous,
            [ATTR_DRIFT_SCORE_CURRENT]: current,
            [ATTR_DRIFT_SCORE_DELTA]: current - previous,
            [ATTR_DRIFT_IS_REGRESSION]: String(current < previous || hasCritical),
            [ATTR_DRIFT_HAS_CRITICAL]: String(hasCritical),
            [ATTR_DRIFT_FINDINGS_NEW]: newFindings,
            [ATTR_DRIFT_FINDINGS_RESOLVED]: resolvedFindings,
          },
        }),
      ),
    );
  }

  /** Inserts drills as `shieldwatch drill --live` sends them. */
  async drills(records: readonly DrillRecord[]): Promise<void> {
    await this.#traces(
      records.map((record) => {
        const { repository, name, traceId, spanId, attributes } = drillSpan(record);
        return { at: record.timestamp, repository, name, traceId, spanId, attributes };
      }),
    );
  }

  /** Inserts log records as agents send them, by body and attributes. */
  async logs(
    records: {
      at: string;
      repository?: string;
      body: string;
      version?: string;
      attributes: Record<string, string | number>;
    }[],
  ): Promise<void> {
    await this.#client.insert({
      table: 'otel_logs',
      columns: ['Timestamp', 'TraceId', 'ServiceName', 'Body', 'ResourceAttributes', 'LogAttributes'],
      format: 'JSONEachRow',
      values: records.map(({ at, repository, body, version, attributes }) => ({
        Timestamp: storeTime(at),
        TraceId: '',
        ServiceName: 'claude-code',
        Body: body,
        ResourceAttributes: {
          ...(repository === undefined ? { [ATTR_TENANT_ORG_ID]: this.#orgId } : this.#resource(repository)),
          ...(version === undefined ? {} : { 'service.version': version }),
        },
        LogAttributes: strings(attributes),
      })),
    });
  }

  /**
   * Inserts points of a cumulative sum, of a delta sum (`delta`), or of a gauge, as a collector's own telemetry reports
   * them.
   */
  async collectorMetric(
    name: string,
    points: { at: string; value: number }[],
    kind: 'sum' | 'delta' | 'gauge' = 'sum',
    attributes: Record<string, string> = { exporter: 'clickhouse' },
  ): Promise<void> {
    await this.#client.insert({
      table: kind === 'gauge' ? 'otel_metrics_gauge' : 'otel_metrics_sum',
      columns: [
        'ResourceAttributes',
        'ServiceName',
        'MetricName',
        'Attributes',
        'StartTimeUnix',
        'TimeUnix',
        'Value',
        ...(kind === 'gauge' ? [] : (['AggregationTemporality'] as const)),
      ],
      format: 'JSONEachRow',
      values: points.map(({ at, value }) => ({
        ResourceAttributes: { [ATTR_TENANT_ORG_ID]: this.#orgId, 'service.instance.id': 'one' },
        ServiceName: 'otelcol',
        MetricName: name,
        Attributes: attributes,
        StartTimeUnix: storeTime(at).slice(0, 19),
        TimeUnix: storeTime(at).slice(0, 19),
        Value: value,
        ...(kind === 'gauge' ? {} : { AggregationTemporality: kind === 'delta' ? 1 : 2 }),
      })),
    });
  }

  /** Inserts a head row and one row per tool, as the rollup job writes a bucket, and its day. */
  async rateHour(
    repo: string,
    bucketStart: string,
    tools: Record<string, { allowed: number; blocked: number }>,
  ): Promise<void> {
    const key = { org_id: this.#orgId, repo, bucket_start: storeTime(bucketStart), version: 1 };
    const none = { tool: '', agent: '', rule_category: '', allowed: 0, blocked: 0, asked: 0 };
    await this.#client.insert({
      table: 'blocked_command_rate_v1',
      format: 'JSONEachRow',
      values: [
        { ...key, ...none, is_head: true },
        ...Object.entries(tools).map(([tool, counts]) => ({ ...key, ...none, is_head: false, tool, ...counts })),
      ],
    });
    await this.#client.command({
      query: `INSERT INTO blocked_command_rate_day_v1 (org_id, repo, bucket_start, formula, tools, agents, rule_categories, allowed, blocked, asked, version)
        SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, 0, groupArray(h.tool), groupArray(h.agent), groupArray(h.rule_category),
          groupArray(h.allowed), groupArray(h.blocked), groupArray(h.asked), toUnixTimestamp64Micro(now64(6))
        FROM blocked_command_rate_hour AS h
        WHERE org_id = {orgId:String} AND repo = {repo:String} AND day = toStartOfDay(parseDateTimeBestEffort({at:String}, 'UTC'))
        GROUP BY org_id, repo, day`,
      query_params: { orgId: this.#orgId, repo, at: bucketStart },
    });
  }

  /**
   * Inserts the open findings of each repository's newest scan that lists any, open since the first scan that reports
   * them.
   */
  async openFindings(): Promise<void> {
    await this.#client.command({
      query: `INSERT INTO finding_transition_v1 (org_id, repo, bucket_start, is_head, severity, category, finding_key, occurrence, scan_at, scan_id, formula, change, previous_at, title, file, version)
        SELECT org_id, repo, toStartOfHour(min(f.occurred_at)), false, severity, category, finding_key, occurrence, min(f.occurred_at), argMin(f.scan_id, f.occurred_at), 0, 1, toDateTime64(0, 3, 'UTC'),
          argMax(f.title, f.occurred_at), argMax(f.file, f.occurred_at), 1
        FROM finding AS f
        WHERE org_id = {orgId:String} AND (repo, finding_key) IN
          (SELECT n.repo, n.finding_key FROM finding AS n WHERE org_id = {orgId:String} AND (n.repo, n.occurred_at) IN (SELECT m.repo, max(m.occurred_at) FROM finding AS m WHERE org_id = {orgId:String} GROUP BY m.repo))
        GROUP BY org_id, repo, severity, category, finding_key, occurrence`,
      query_params: { orgId: this.#orgId },
    });
  }

  async scoreHour(repo: string, bucketStart: string, score: number): Promise<void> {
    const key = {
      org_id: this.#orgId,
      repo,
      bucket_start: storeTime(bucketStart),
      version: 1,
      last_at: storeTime(bucketStart),
    };
    await this.#client.insert({
      table: 'score_trend_v1',
      format: 'JSONEachRow',
      values: [
        { ...key, is_head: true },
        {
          ...key,
          is_head: false,
          min_severity: 'info',
          scans: 1,
          score_sum: score,
          score_min: score,
          score_max: score,
          score_last: score,
        },
      ],
    });
  }

  async #traces(
    spans: {
      at: string;
      repository: string;
      name: string;
      traceId: string;
      spanId: string;
      attributes: Record<string, string | number>;
    }[],
  ): Promise<void> {
    await this.#client.insert({
      table: 'otel_traces',
      columns: ['Timestamp', 'TraceId', 'SpanId', 'SpanName', 'ServiceName', 'ResourceAttributes', 'SpanAttributes'],
      format: 'JSONEachRow',
      values: spans.map(({ at, repository, name, traceId, spanId, attributes }) => ({
        Timestamp: storeTime(at),
        TraceId: traceId,
        SpanId: spanId,
        SpanName: name,
        ServiceName: 'shieldwatch',
        ResourceAttributes: this.#resource(repository),
        SpanAttributes: strings(attributes),
      })),
    });
  }

  /** Inserts decisions of people, as the gateway's outbox writes them. */
  async control(
    events: {
      at: string;
      repository: string;
      kind: string;
      subject: string;
      state: string;
      detail?: Record<string, string>;
    }[],
  ): Promise<void> {
    await this.#client.insert({
      table: 'control_event_v1',
      format: 'JSONEachRow',
      values: events.map(({ at, repository, kind, subject, state, detail = {} }) => ({
        org_id: this.#orgId,
        repo: repository,
        event_id: randomUUID(),
        occurred_at: storeTime(at),
        kind,
        subject,
        state,
        actor: 'member:lead',
        detail: JSON.stringify(detail),
      })),
    });
  }

  #resource(repository: string): Record<string, string> {
    return { [ATTR_TENANT_ORG_ID]: this.#orgId, [ATTR_SERVICE_VERSION]: '0.1.0', ...repositoryAttributes(repository) };
  }
}

/** A drift of a repository's score. */
export interface DriftSeed {
  repository: string;
  at: string;
  previous: number;
  current: number;
  newFindings?: number;
  resolvedFindings?: number;
  hasCritical?: boolean;
}

/** Returns a scan of ten files without findings, with the given differences. */
export function scanOf(repository: string, generatedAt: string, differing: Partial<ScanRecord> = {}): ScanRecord {
  return {
    eventId: randomUUID(),
    generatedAt,
    repository,
    score: 100,
    grade: 'A',
    breakdown: { secrets: 100, permissions: 100, hooks: 100, mcp: 100, agents: 100 },
    findings: { critical: 0, high: 0, medium: 0, low: 0, info: 0 },
    filesScanned: 10,
    minSeverity: 'info',
    agentshieldVersion: '1.6.0',
    exitCode: 0,
    provider: 'local',
    ...differing,
  };
}

/** Returns an allowed Bash call of Claude Code, with the given differences. */
export function decisionOf(
  repository: string,
  timestamp: string,
  differing: Partial<DecisionRecord> = {},
): DecisionRecord {
  return {
    eventId: randomUUID(),
    timestamp,
    repository,
    sessionId: 'session-1',
    agent: 'claude-code',
    tool: 'Bash',
    decision: 'allow',
    durationMs: 1.5,
    source: 'hook',
    ...differing,
  };
}

export function findingOf(scan: ScanRecord, key: string, differing: Partial<FindingRecord> = {}): FindingRecord {
  return {
    scanId: scan.eventId,
    generatedAt: scan.generatedAt,
    id: key,
    severity: 'high',
    category: 'permissions',
    title: `Finding ${key}`,
    file: '.claude/settings.json',
    line: 3,
    runtimeConfidence: 'active-runtime',
    fingerprint: `${key}::f::sha256:0`,
    key,
    occurrence: 1,
    ...differing,
  };
}

/** Formats a time for DateTime and DateTime64 columns of landing and series tables. */
function storeTime(iso: string): string {
  return iso
    .replace('T', ' ')
    .replace('Z', '')
    .replace(/\.000$/, '');
}

function strings(attributes: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
}
