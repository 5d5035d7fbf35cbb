import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainRuntimeBody, runtimeBody } from '#schemas/http/ingest-runtime.js';
import { checkFields, knownFieldsOf } from '../body/fields.js';

const plainEntry = fc.record(
  {
    // Within a few minutes and elsewhere: after a known minute, only the rest is checked.
    timestamp: fc
      .oneof(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: -6e13, max: 2e14 }))
      .map((ms) => new Date(1_790_000_000_000 + ms).toISOString())
      .filter((text) => text.length === 24),
    tool: fc.string({ minLength: 1 }),
    decision: fc.constantFrom('allow', 'block', 'ask'),
    durationMs: fc.integer({ min: 0, max: 86_400_000 }),
    reason: fc.string(),
  },
  { requiredKeys: ['timestamp', 'tool', 'decision'] },
);
const plainBody = fc.record(
  { repository: fc.constant('acme/app'), sessionId: fc.string(), entries: fc.array(plainEntry, { maxLength: 20 }) },
  { requiredKeys: ['entries'] },
);

/** Unexpected values. */
const stray = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    '',
    'allow',
    -1,
    1e300,
    86_400_001,
    Number.NaN,
    true,
    [],
    {},
    { timestamp: 'x' },
    ['x'],
  ),
  // Nearly a timestamp, in a known minute or not.
  fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom('9', 'x', ':', '.', ' ', '\u0660'))
    .map(([at, character]) => {
      const text = new Date(1_790_000_000_000).toISOString();
      return text.slice(0, at) + character + text.slice(at + 1);
    }),
  fc.constantFrom(
    `acme/ghp_${'FAKE0'.repeat(8).slice(0, 36)}`,
    '2026-09-21T14:13:20Z',
    '2026-09-21T14:13:20.000+02:00',
    '2026-09-21T14:13:20.0000Z',
    '2026-02-30T00:00:00.000Z',
    '2026-09-21T14:13:60.000Z',
    '2026-09-21T14:13:20.000z',
  ),
);
const name = fc.constantFrom(
  'timestamp',
  'tool',
  'decision',
  'durationMs',
  'reason',
  'eventId',
  'agent',
  'toolCallId',
  'matchedRule',
  'input',
  'extra',
  'repository',
  'sessionId',
  'entries',
  '0',
  'constructor',
);

describe('the quick look at a body', () => {
  it('recognises a plain body', () => {
    fc.assert(
      fc.property(plainBody, (body) => {
        expect(isPlainRuntimeBody(body)).toBe(true);
      }),
    );
    expect(
      isPlainRuntimeBody(
        JSON.parse(
          '{"entries":[{"__proto__":1,"timestamp":"2026-09-21T14:13:20.000Z","tool":"t","decision":"allow"}]}',
        ),
      ),
    ).toBe(false);
    expect(
      isPlainRuntimeBody({
        entries: Array.from({ length: 10_001 }, () => ({
          timestamp: '2026-09-21T14:13:20.000Z',
          tool: 't',
          decision: 'allow',
        })),
      }),
    ).toBe(false);
  });

  it('never treats as plain what the schema would refuse, change or name as unknown', () => {
    const places = knownFieldsOf(runtimeBody);
    const changes = fc.array(fc.record({ index: fc.nat(20), name, value: stray, remove: fc.boolean() }), {
      minLength: 1,
      maxLength: 3,
    });
    let [taken, left] = [0, 0];
    fc.assert(
      fc.property(plainBody, changes, (body, made) => {
        const targets = [body, ...body.entries] as Record<string, unknown>[];
        for (const { index, name: field, value, remove } of made) {
          const target = targets[index % targets.length] ?? expect.fail();
          if (remove) Reflect.deleteProperty(target, field);
          else target[field] = value;
        }
        if (!isPlainRuntimeBody(body)) {
          left += 1;
          return;
        }
        taken += 1;
        expect(checkFields(body, places)).toEqual([]);
        expect(runtimeBody.parse(body)).toEqual(body);
      }),
      { numRuns: 5_000 },
    );
    // Both outcomes occurred.
    expect(Math.min(taken, left)).toBeGreaterThan(100);
  });
});
