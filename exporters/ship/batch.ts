import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { METRIC_DECISIONS, SPAN_DECISION } from '#schemas/semconv.js';
import { createCounter, resourceMetrics, type Point, type ResourceMetrics } from '../otlp/metric.js';
import { producerResource, type Resource } from '../otlp/resource.js';
import { createSpan, type ReadableSpan } from '../otlp/span.js';

/** The spans of some records; those of one repository share a resource. */
export function decisionSpans(records: readonly DecisionRecord[]): ReadableSpan[] {
  const resources = new Map<string, Resource>();
  return records.map((record) => {
    const resource = resources.get(record.repository) ?? producerResource(record.repository);
    resources.set(record.repository, resource);
    return createSpan({
      name: SPAN_DECISION,
      ...decisionSpanIds(record.eventId),
      startMs: Date.parse(record.timestamp),
      durationMs: record.durationMs,
      attributes: decisionAttributes(record),
      resource,
    });
  });
}

/** The same records counted by repository, tool and decision. */
export function decisionCounters(records: readonly DecisionRecord[]): ResourceMetrics[] {
  const byRepository = new Map<string, DecisionRecord[]>();
  for (const record of records) {
    byRepository.set(record.repository, [...(byRepository.get(record.repository) ?? []), record]);
  }
  return [...byRepository].map(([repository, group]) => {
    const times = group.map((record) => Date.parse(record.timestamp));
    const counter = createCounter(METRIC_DECISIONS, '{decision}', countPoints(group), Math.min(...times), Math.max(...times));
    return resourceMetrics(producerResource(repository), [counter]);
  });
}

function countPoints(records: readonly DecisionRecord[]): Point[] {
  const counts = new Map<string, { tool: string; decision: string; value: number }>();
  for (const { tool, decision } of records) {
    const key = JSON.stringify([tool, decision]);
    const count = counts.get(key) ?? { tool, decision, value: 0 };
    count.value += 1;
    counts.set(key, count);
  }
  return [...counts.values()].map(({ tool, decision, value }) => ({ value, attributes: { tool, decision } }));
}
