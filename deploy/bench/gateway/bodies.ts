import { Random } from '../random.js';

const attribute = (key: string, value: string | number) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
});

/** Returns an OTLP/JSON request of spans with 15 attributes, of the size that coding agents send. */
export function otlpTraces(count: number): Buffer {
  const random = new Random(1);
  const hex = (length: number): string => random.hex(length);
  const spans = Array.from({ length: count }, (_, i) => ({
    traceId: hex(32),
    spanId: hex(16),
    name: 'claude_code.tool',
    kind: 1,
    startTimeUnixNano: String(1_764_000_000_000_000_000n + BigInt(i)),
    endTimeUnixNano: String(1_764_000_001_000_000_000n + BigInt(i)),
    attributes: Array.from({ length: 15 }, (_each, j) =>
      attribute(`claude_code.attribute.${j}`, j % 3 === 0 ? random.integer(0, 99_999) : `value-${hex(24)}`),
    ),
  }));
  const resource = { attributes: [attribute('service.name', 'claude-code'), attribute('service.version', '2.1.330')] };
  return Buffer.from(
    JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'bench' }, spans }] }] }),
  );
}

/** Returns a batch of runtime events as CONTRACT 4.2 defines it. */
export function runtimeBatch(entries: number): Buffer {
  const random = new Random(2);
  const now = Date.now();
  const batch = Array.from({ length: entries }, (_, i) => {
    const isBlocked = random.chance(0.1);
    return {
      timestamp: new Date(now - i * 1_000).toISOString(),
      tool: random.pick(['Bash', 'Read', 'Write', 'Edit', 'WebFetch']),
      decision: isBlocked ? 'block' : 'allow',
      ...(isBlocked ? { reason: 'Input matches denied pattern "rm -rf"' } : {}),
      durationMs: random.integer(0, 4),
    };
  });
  return Buffer.from(JSON.stringify({ repository: 'acme/agent-platform', sessionId: 'sess_4f8a', entries: batch }));
}
