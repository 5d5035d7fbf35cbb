import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runtimeBody, type RuntimeBody } from '#schemas/http/ingest-runtime.js';
import { decision, RULE_CATEGORIES } from '#schemas/records/enums.js';
import { decisionAttributes } from '#schemas/records/decision.js';
import { ATTR_DECISION_REASON, ATTR_EVENT_ID } from '#schemas/semconv.js';
import { scrubText } from '#schemas/scrub.js';
import { loadOtlp, requestType } from '../landing/message-plan.js';
import { toOtlp } from './to-otlp.js';

const REPOSITORY = 'acme/agent-platform';
const now = Date.now();

const request = requestType(loadOtlp(), 'traces');

interface DecodedSpan {
  trace_id: string;
  span_id: string;
  name: string;
  kind: number;
  start_time_unix_nano: string;
  end_time_unix_nano: string;
  attributes: { key: string; value: { string_value?: string; int_value?: string; double_value?: number } }[];
}

/** Decodes with protobufjs, which is independent of the encoder. */
function spansOf(body: RuntimeBody, orgId = 'org_a') {
  const message = request.toObject(request.decode(toOtlp(body, REPOSITORY, orgId).bytes), {
    longs: String,
    bytes: String,
    arrays: true,
  }) as {
    resource_spans: {
      resource: { attributes: unknown[] };
      scope_spans: { scope: { name: string }; spans: DecodedSpan[] }[];
    }[];
  };
  const [resource] = message.resource_spans;
  expect(message.resource_spans).toHaveLength(1);
  expect(JSON.stringify(resource?.resource.attributes)).toContain('"agent-platform"');
  return (resource?.scope_spans[0]?.spans ?? []).map(({ attributes, ...span }) => ({
    ...span,
    attributes: Object.fromEntries(
      attributes.map(({ key, value }) => [key, value.string_value ?? value.double_value ?? Number(value.int_value)]),
    ),
  }));
}

/** Computes ids by the recipe of ingest/README.md, as directly as possible. */
function idsOf(body: RuntimeBody, orgId = 'org_a'): string[] {
  const counts = new Map<string, number>();
  return body.entries.map(({ timestamp, tool, decision, reason, eventId }) => {
    if (typeof eventId === 'string') return eventId;
    const digits = /\.\d{3}(\d*?)0*Z/.exec(timestamp)?.[1] ?? '';
    const exact = digits === '' ? [] : [new Date(timestamp).toISOString().replace('Z', `${digits}Z`)];
    const text = scrubText(reason ?? '', 2_000);
    const identity = JSON.stringify([REPOSITORY, body.sessionId ?? '', tool, decision, text, ...exact]);
    const moment = `${identity}${String(Date.parse(timestamp))}`;
    counts.set(moment, (counts.get(moment) ?? 0) + 1);
    const hash = createHash('sha256')
      .update(`${orgId}\0${identity}\0${String(counts.get(moment))}`)
      .digest('hex');
    return hash.slice(0, 32) + Date.parse(timestamp).toString(16).padStart(12, '0');
  });
}

const few = (...texts: string[]) => fc.constantFrom(...texts);
const entry = fc.record(
  {
    // Few values, so that equal entries are common.
    timestamp: fc
      .tuple(fc.integer({ min: 0, max: 5 }), few('', '', '', '0', '25'))
      .map(([step, digits]) => new Date(now - step * 45_000 - step).toISOString().replace('Z', `${digits}Z`)),
    tool: few('Bash', 'Read', 'mcp__x__"y"', 'naïve \u{1f600}'),
    decision: fc.constantFrom(...decision.options),
    reason: fc.oneof(fc.constant(null), few('matches "rm -rf"', 'line\nbreak', ' edge\u0000 ', '')),
    durationMs: fc.oneof(
      fc.constant(null),
      fc.integer({ min: 0, max: 86_400_000 }),
      fc.double({ min: 0, max: 9, noNaN: true }).map((value) => value + 0),
    ),
    eventId: fc.oneof(fc.constant(null), few('mine:1', 'x'.repeat(128))),
    agent: few('claude-code', 'codex'),
    toolCallId: few('toolu_1', 'öffnen', ''),
    ruleName: few('deny[0]:Bash', 'deny[1]:Read'),
    ruleCategory: fc.constantFrom(...RULE_CATEGORIES),
  },
  { requiredKeys: ['timestamp', 'tool', 'decision'] },
);
const batch = fc.record({
  sessionId: few('s', 'séance'),
  agent: few('gemini-cli'),
  entries: fc.array(entry, { maxLength: 60 }),
});

describe('a batch as OTLP', () => {
  it('holds each entry with its id and all its attributes, for any repetitions', () => {
    fc.assert(
      fc.property(batch, (input) => {
        const parsed = runtimeBody.safeParse(input);
        fc.pre(parsed.success);
        const body = input as RuntimeBody;
        const ids = idsOf(body);
        const spans = spansOf(body);
        expect(spans.map(({ attributes }) => attributes[ATTR_EVENT_ID])).toEqual(ids);
        spans.forEach((span, index) => {
          const sent = body.entries[index] ?? expect.fail();
          const { reason, toolCallId, ruleName, ruleCategory } = sent;
          const expected = decisionAttributes({
            eventId: ids[index] ?? '',
            timestamp: new Date(sent.timestamp).toISOString(),
            repository: REPOSITORY,
            sessionId: body.sessionId ?? '',
            agent: sent.agent ?? body.agent ?? '',
            tool: sent.tool,
            decision: sent.decision,
            durationMs: sent.durationMs ?? 0,
            source: 'rest',
            // The text that the hook records for the same decision.
            ...(typeof reason === 'string' ? { reason: scrubText(reason, 2_000) } : {}),
            ...(typeof toolCallId === 'string' ? { toolCallId } : {}),
            ...(typeof ruleName === 'string' ? { ruleName } : {}),
            ...(ruleCategory === undefined || ruleCategory === null ? {} : { ruleCategory }),
          });
          expect(span.attributes).toEqual(expected);
          const start = BigInt(Date.parse(sent.timestamp)) * 1_000_000n;
          expect([BigInt(span.start_time_unix_nano), BigInt(span.end_time_unix_nano)]).toEqual([
            start,
            start + BigInt(Math.round((sent.durationMs ?? 0) * 1_000_000)),
          ]);
          expect([span.name, span.kind]).toEqual(['agentshield.pre_tool_use', 1]);
        });
      }),
      { numRuns: 200 },
    );
  });

  const entries = [{ timestamp: new Date(now).toISOString(), tool: 'Bash', decision: 'allow' as const }];

  it('has spans of its own for each organisation, and the same ones each time', () => {
    const ids = (orgId: string) => spansOf({ entries }, orgId).map((span) => [span.trace_id, span.span_id]);
    expect(ids('org_a')).toEqual(ids('org_a'));
    expect(ids('org_a')[0]?.[0]).not.toEqual(ids('org_b')[0]?.[0]);
    expect(ids('org_a')[0]?.[1]).not.toEqual(ids('org_b')[0]?.[1]);
  });

  it('has ids that say nothing of a secret or a person in its texts', () => {
    const ids = (reason: string, tool = 'Bash') =>
      spansOf({ entries: [{ timestamp: new Date(now).toISOString(), tool, decision: 'block', reason }] }).map(
        (span) => [span.trace_id, span.span_id, span.attributes[ATTR_EVENT_ID]],
      );
    expect(ids('asked by alice@example.com, in /home/alice')).toEqual(ids('asked by bob@example.com, in /home/robert'));
    expect(ids('x', 'mail bob@example.com')).toEqual(ids('x', 'mail alice@example.com'));
    expect(ids('pass' + 'word=Zk8mQv4Rt2Lx')).toEqual(ids('pass' + 'word=Qw7nTr2Xb9Kd'));
    expect(ids('one')).not.toEqual(ids('other'));
  });

  it('takes moments by the day ahead and the age that a fact may have, to the millisecond', () => {
    const at = (ms: number) => ({
      entries: [{ ...entries[0], timestamp: new Date(ms).toISOString(), tool: 'Bash', decision: 'allow' as const }],
    });
    const day = 86_400_000;
    expect(() => toOtlp(at(Date.now() + day - 1_000), REPOSITORY, 'o')).not.toThrow();
    expect(() => toOtlp(at(Date.now() + day + 1_000), REPOSITORY, 'o')).toThrow(
      /entries\[0\]\.timestamp is more than 1 day in the future/,
    );
    expect(() => toOtlp(at(Date.now() - 731 * day), REPOSITORY, 'o')).toThrow(
      /entries\[0\]\.timestamp is more than 730 days ago/,
    );
  });

  it('grows past its initial size', () => {
    const long = Array.from({ length: 2_000 }, (_, index) => ({
      ...entries[0],
      timestamp: new Date(now - index).toISOString(),
      tool: 'Bash',
      decision: 'block' as const,
      reason: 'r'.repeat(1_990) + String(index),
    }));
    const spans = spansOf({ entries: long });
    expect(spans.map(({ attributes }) => attributes[ATTR_DECISION_REASON])).toEqual(long.map(({ reason }) => reason));
  });
});
