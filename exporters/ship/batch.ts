import { SeverityNumber } from '@opentelemetry/api-logs';
import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import type { RuleCategory } from '#schemas/records/enums.js';
import {
  ATTR_EVENT_ID,
  ATTR_THREAT_ACTION,
  ATTR_THREAT_CORRELATION_ID,
  ATTR_THREAT_RULE_ID,
  ATTR_THREAT_RULESET,
  ATTR_THREAT_SEVERITY,
  EVENT_THREAT_DETECTION,
  METRIC_DECISION_DURATION,
  METRIC_DECISIONS,
  METRIC_SPOOL_DROPPED,
  SPAN_DECISION,
} from '#schemas/semconv.js';
import type { LogRecord } from '../otlp/log-record.js';
import { counter, histogram, type Metric } from '../otlp/metric.js';
import type { Span } from '../otlp/span.js';
import { byRepository } from '../otlp/values.js';

/** Returns the span of each record, with ids derived from the record's event id: sent twice, it is the same span. */
export function decisionSpans(records: readonly DecisionRecord[]): Span[] {
  return records.map((record) => ({
    repository: record.repository,
    name: SPAN_DECISION,
    ...decisionSpanIds(record.eventId),
    startMs: Date.parse(record.timestamp),
    durationMs: record.durationMs,
    attributes: decisionAttributes(record),
  }));
}

/** Severity of a kind of attempt, and OpenTelemetry's number for it. */
const SEVERITIES = { medium: SeverityNumber.WARN, high: SeverityNumber.ERROR, critical: SeverityNumber.FATAL } as const;

function severityOf(category: RuleCategory): keyof typeof SEVERITIES {
  if (category === 'exfiltration' || category === 'remote-code') return 'critical';
  return category === 'other' || category === 'mcp' || category === 'egress' ? 'medium' : 'high';
}

/** Returns an event for each blocked call, in the trace of its decision. */
export function threatRecords(records: readonly DecisionRecord[]): LogRecord[] {
  return records
    .filter(({ decision }) => decision === 'block')
    .map((record) => {
      const severity = severityOf(record.ruleCategory ?? 'other');
      return {
        repository: record.repository,
        eventName: EVENT_THREAT_DETECTION,
        ...decisionSpanIds(record.eventId),
        timeMs: Date.parse(record.timestamp),
        severityNumber: SEVERITIES[severity],
        severityText: severity,
        attributes: {
          // Required by the proposal, even if no rule was the reason.
          [ATTR_THREAT_RULE_ID]: record.ruleId ?? record.ruleName ?? 'none',
          [ATTR_THREAT_RULESET]: 'agentshield@1',
          [ATTR_THREAT_SEVERITY]: severity,
          [ATTR_THREAT_ACTION]: 'block',
          ...(record.toolCallId === undefined ? {} : { [ATTR_THREAT_CORRELATION_ID]: record.toolCallId }),
          [ATTR_EVENT_ID]: `${record.eventId}:threat`,
        },
      };
    });
}

/** Bucket bounds in seconds; a verdict takes about a millisecond. */
const DURATION_BOUNDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Returns the same records as metrics: count by tool and decision, and duration. */
export function decisionMetrics(records: readonly DecisionRecord[]): Metric[] {
  return byRepository(records).flatMap(([repository, group]) => {
    const times = group.map((record) => Date.parse(record.timestamp));
    const period = { fromMs: Math.min(...times), toMs: Math.max(...times) };
    const groups = groupByToolAndDecision(group);
    const points = groups.map(({ attributes, values }) => ({ value: values.length, attributes }));
    return [
      counter(repository, METRIC_DECISIONS, '{decision}', points, period),
      histogram(repository, METRIC_DECISION_DURATION, 's', DURATION_BOUNDS, groups, period),
    ];
  });
}

/** Returns the records dropped since the last report. */
export function droppedMetric(count: number, reason: 'spool-full' | 'not-written', nowMs: number): Metric {
  return counter('', METRIC_SPOOL_DROPPED, '{record}', [{ value: count, attributes: { reason } }], {
    fromMs: nowMs,
    toMs: nowMs,
  });
}

function groupByToolAndDecision(
  records: readonly DecisionRecord[],
): { attributes: { tool: string; decision: string }; values: number[] }[] {
  const groups = new Map<string, { attributes: { tool: string; decision: string }; values: number[] }>();
  for (const { tool, decision, durationMs } of records) {
    const key = JSON.stringify([tool, decision]);
    const group = groups.get(key) ?? { attributes: { tool, decision }, values: [] };
    group.values.push(durationMs / 1000);
    groups.set(key, group);
  }
  return [...groups.values()];
}
