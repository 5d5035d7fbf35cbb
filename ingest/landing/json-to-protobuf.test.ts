import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';
import { SIGNALS, type Signal } from '../request/signal.js';
import { ANY_OTLP } from '../testing/otlp-arbitrary.js';
import { toProtobuf as byProtobufjs } from '../testing/otlp-samples.js';
import { field } from '../testing/protobuf-bytes.js';
import { checkProtobuf } from './check-protobuf.js';
import { decodeProtobuf } from './decode-protobuf.js';
import { jsonToProtobuf } from './json-to-protobuf.js';
import { createRequestPlans, loadOtlp, requestType, type MessagePlan } from './message-plan.js';

const plans = createRequestPlans();
const root = loadOtlp();
const read = (signal: Signal, bytes: Buffer): unknown =>
  requestType(root, signal).toObject(requestType(root, signal).decode(bytes), {
    longs: String,
    bytes: Buffer,
    defaults: true,
  });
const refusal = (
  work: () => unknown,
): { code: string; field: string | undefined; expected: string | undefined } | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof ShieldwatchError)) throw error;
    return { code: error.code, field: error.detail.field, expected: error.detail.expected };
  }
};
const traces = (json: string | Buffer): unknown =>
  decodeProtobuf(plans.traces, jsonToProtobuf(plans.traces, Buffer.from(json)));
const spanOf = (json: string): unknown => traces(`{"resourceSpans":[{"scopeSpans":[{"spans":[${json}]}]}]}`);
const valueOf = (json: string): unknown =>
  (
    spanOf(`{"attributes":[{"key":"k","value":${json}}]}`) as {
      resourceSpans: { scopeSpans: { spans: { attributes: { value: unknown }[] }[] }[] }[];
    }
  ).resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes[0]?.value;

describe('OTLP/JSON as protobuf', () => {
  it.each(SIGNALS)('of any %s equals what protobufjs writes', (signal) => {
    fc.assert(
      fc.property(ANY_OTLP[signal], (request) => {
        const bytes = jsonToProtobuf(plans[signal], Buffer.from(JSON.stringify(request)));
        expect(read(signal, bytes)).toEqual(read(signal, byProtobufjs(signal, request)));
        expect(checkProtobuf(plans[signal], bytes)).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });

  it.each(SIGNALS)('of any %s is the same in every spelling that writers of JSON use', (signal) => {
    fc.assert(
      fc.property(ANY_OTLP[signal], fc.infiniteStream(fc.nat({ max: 99 })), (request, choices) => {
        const spelled = spell(plans[signal], request, choices);
        const plain = jsonToProtobuf(plans[signal], Buffer.from(JSON.stringify(request)));
        expect(read(signal, jsonToProtobuf(plans[signal], Buffer.from(spelled)))).toEqual(read(signal, plain));
      }),
      { numRuns: 200 },
    );
  });

  it('accepts exactly the texts that JSON.parse accepts, cut, doubled or changed anywhere', () => {
    fc.assert(
      fc.property(
        ANY_OTLP.traces,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.constantFrom('cut', 'set', 'double'),
        (request, place, byte, kind) => {
          const bytes = Buffer.from(JSON.stringify(request));
          const at = place % bytes.length;
          if (kind === 'set') bytes[at] = byte;
          const text =
            kind === 'cut'
              ? bytes.subarray(0, at)
              : kind === 'double'
                ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at > 0 ? at - 1 : 0)])
                : bytes;
          const code = refusal(() => jsonToProtobuf(plans.traces, text))?.code;
          let isJson = true;
          try {
            JSON.parse(text.toString('utf8'));
          } catch {
            isJson = false;
          }
          // Valid JSON may have a wrong type, which is rejected at its position, before the end.
          if (isJson) expect([undefined, 'body_invalid']).toContain(code);
          else expect(['body_not_json', 'body_invalid']).toContain(code);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('reads what JSON.stringify makes of NaN, and treats a null member as not sent', () => {
    expect(valueOf('{"doubleValue":null}')).toMatchObject({ doubleValue: Number.NaN });
    expect(valueOf('{"stringValue":"x","doubleValue":null,"intValue":null}')).toEqual({ stringValue: 'x' });
    expect(valueOf('{"doubleValue":null,"stringValue":"x"}')).toEqual({ stringValue: 'x' });
    expect(valueOf('{"stringValue":null}')).toEqual({});
    expect(spanOf('{"name":null,"attributes":null,"status":null,"traceId":null}')).toEqual(spanOf('{}'));
  });

  it('keeps all digits of an integer that is a number', () => {
    expect(valueOf('{"intValue":9223372036854775807}')).toEqual({ intValue: 9_223_372_036_854_775_807n });
    expect(valueOf('{"intValue":"-9223372036854775808"}')).toEqual({ intValue: -(2n ** 63n) });
    expect(valueOf('{"intValue":1.5e3}')).toEqual({ intValue: 1_500n });
  });

  it('skips a byte order mark and unknown names, and replaces invalid text', () => {
    expect(traces('\ufeff{"resourceSpans":[]}')).toEqual(traces('{"resourceSpans":[]}'));
    expect(valueOf('{"unknown":{"a":[1,"\\u0041",null,{"b":-0.5e-3}]},"stringValue":"x"}')).toEqual({
      stringValue: 'x',
    });
    expect(valueOf('{"stringValue":"a\\ud800b\\u0000"}')).toEqual({ stringValue: 'a\ufffdb\0' });
    expect(valueOf('{"\\u0073tringValue":"\\u00e9\\n"}')).toEqual({ stringValue: 'é\n' });
    const broken = Buffer.concat([
      Buffer.from('{"resourceSpans":[{"schemaUrl":"'),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('"}]}'),
    ]);
    expect(traces(broken)).toMatchObject({ resourceSpans: [{ schemaUrl: '\ufffd\ufffd' }] });
  });

  it('reads duplicate names as protobuf does: lists concatenate, the last single value counts', () => {
    expect(valueOf('{"stringValue":"x","intValue":1}')).toEqual({ intValue: 1n });
    expect(spanOf('{"name":"a","name":"b"}')).toMatchObject({
      resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'b' }] }] }],
    });
    expect(traces('{"resourceSpans":[{"schemaUrl":"a"}],"resource_spans":[{"schemaUrl":"b"}]}')).toMatchObject({
      resourceSpans: [{ schemaUrl: 'a' }, { schemaUrl: 'b' }],
    });
    expect(
      traces('{"resourceSpans":[{"resource":{"droppedAttributesCount":1},"resource":{"attributes":[{"key":"k"}]}}]}'),
    ).toMatchObject({ resourceSpans: [{ resource: { droppedAttributesCount: 1, attributes: [{ key: 'k' }] } }] });
  });

  it.each([
    ['{"doubleValue":"x"}', 'doubleValue', 'a number'],
    ['{"doubleValue":true}', 'doubleValue', 'a number'],
    ['{"boolValue":"true"}', 'boolValue', 'a boolean'],
    [
      '{"intValue":9223372036854775808}',
      'intValue',
      'an integer from -9223372036854775808 to 9223372036854775807, as a number or a string',
    ],
    [
      '{"intValue":"1e3"}',
      'intValue',
      'an integer from -9223372036854775808 to 9223372036854775807, as a number or a string',
    ],
    ['{"stringValue":1}', 'stringValue', 'a string'],
    ['{"bytesValue":"*"}', 'bytesValue', 'base64'],
    ['{"arrayValue":[]}', 'arrayValue', 'an object'],
    ['{"arrayValue":{"values":{}}}', 'arrayValue.values', 'an array'],
    ['{"arrayValue":{"values":[{},null]}}', 'arrayValue.values[1]', 'an object'],
  ])('refuses %s by its place', (json, name, expected) => {
    expect(refusal(() => valueOf(json))).toEqual({
      code: 'body_invalid',
      field: `resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.${name}`,
      expected,
    });
  });

  it.each([
    '',
    '{',
    '{"a":}',
    '{"a" 1}',
    '{"a":1,}',
    '{,}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":-}',
    '{"a":"\u0001"}',
    '{"a":"\\x"}',
    '{"a":tru}',
    '{} {}',
    '{1:2}',
    '{"resourceSpans":[,]}',
    '{"resourceSpans":[{}',
    '\ufeff\ufeff{}',
  ])('refuses %j, which is no JSON', (text) => {
    expect(refusal(() => traces(text))?.code).toBe('body_not_json');
  });
});

describe('bounds', () => {
  const levels = `at most ${String(MAX_OTLP_DEPTH)} levels`;
  // Request, ResourceSpans, ScopeSpans, Span, KeyValue, AnyValue are levels 0 to 5; each array adds an ArrayValue and an AnyValue.
  const deepest = Math.floor((MAX_OTLP_DEPTH - 5) / 2);
  const json = (arrays: number): string =>
    `{"attributes":[{"value":${'{"arrayValue":{"values":['.repeat(arrays)}{}${']}}'.repeat(arrays)}}]}`;

  it('are the same for JSON and protobuf: levels', () => {
    const binary = (arrays: number): Buffer => {
      let value: Buffer = Buffer.alloc(0);
      for (let level = 0; level < arrays; level += 1) value = field(5, field(1, value));
      return [2, 9, 2, 2, 1].reduce((content, number) => field(number, content), value);
    };
    expect(() => spanOf(json(deepest))).not.toThrow();
    expect(() => checkProtobuf(plans.traces, binary(deepest))).not.toThrow();
    for (const arrays of [deepest + 1, 1_000]) {
      const [one, other] = [
        refusal(() => spanOf(json(arrays))),
        refusal(() => checkProtobuf(plans.traces, binary(arrays))),
      ];
      expect(one).toMatchObject({ code: 'body_invalid', expected: levels });
      expect(other).toEqual(one);
    }
    expect(refusal(() => traces(`{"unknown":${'['.repeat(1_000_000)}`))?.expected).toBe(levels);
  });

  it('are the same for JSON and protobuf: entries, numbers of a list among them', () => {
    const most = MAX_OTLP_ENTRIES - 1;
    const list = (count: number, each: string): string => `[${Array.from({ length: count }, () => each).join(',')}]`;
    const [spans, counts] = [
      (count: number) => `{"resourceSpans":${list(count, '{}')}}`,
      (count: number) =>
        `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":${list(count, '1')}}]}}]}]}]}`,
    ];
    const bytes = jsonToProtobuf(plans.traces, Buffer.from(spans(most)));
    expect(checkProtobuf(plans.traces, bytes)).toBe(MAX_OTLP_ENTRIES);
    expect(refusal(() => jsonToProtobuf(plans.traces, Buffer.from(spans(most + 1))))?.code).toBe('body_too_large');
    expect(refusal(() => checkProtobuf(plans.traces, Buffer.concat([bytes, Buffer.from([0x0a, 0])])))?.code).toBe(
      'body_too_large',
    );
    expect(refusal(() => jsonToProtobuf(plans.metrics, Buffer.from(counts(most - 4))))?.code).toBe('body_too_large');
    expect(
      refusal(() => checkProtobuf(plans.metrics, jsonToProtobuf(plans.metrics, Buffer.from(counts(most - 5))))),
    ).toBeUndefined();
  });

  it.each(SIGNALS)('forwards exactly those bytes of %s that can be decoded, with any byte changed', (signal) => {
    fc.assert(
      fc.property(
        ANY_OTLP[signal],
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
        (request, changes) => {
          const bytes = byProtobufjs(signal, request);
          for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
          const [checked, decoded] = [
            refusal(() => checkProtobuf(plans[signal], bytes)),
            refusal(() => decodeProtobuf(plans[signal], bytes)),
          ];
          expect(checked?.code).toEqual(decoded?.code);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

/** Writes a request as any JSON writer might: choices come from a stream of numbers. */
function spell(top: MessagePlan, request: object, choices: Iterator<number>): string {
  const choose = (of: number): number => Number(choices.next().value ?? 0) % of;
  const space = (): string => ['', '', ' ', '\n\t'][choose(4)] ?? '';
  const text = (value: string): string =>
    choose(3) === 0
      ? `"${Array.from({ length: value.length }, (_, at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(value);
  const write = (plan: MessagePlan, message: object): string => {
    const members: string[] = [];
    for (const [name, value] of Object.entries(message)) {
      const member = plan.byName.get(name);
      if (member === undefined) throw new Error(`no field ${name}`);
      const each = (one: unknown): string => {
        if (member.message !== undefined) return write(member.message, one as object);
        if (member.kind === 'enum' && choose(2) === 0)
          return JSON.stringify([...(member.enumValues ?? [])].find(([, number]) => number === one)?.[0] ?? one);
        const isNumber = typeof one === 'number' || (typeof one === 'string' && member.kind.includes('64'));
        if (isNumber && member.kind !== 'enum') return choose(2) === 0 ? String(one) : JSON.stringify(String(one));
        return typeof one === 'string' ? text(one) : JSON.stringify(one);
      };
      const written = Array.isArray(value)
        ? `[${space()}${value.map(each).join(`${space()},${space()}`)}${space()}]`
        : each(value);
      members.push(`${text(choose(2) === 0 ? member.name : member.protoName)}${space()}:${space()}${written}`);
    }
    for (const absent of plan.fields)
      if (!(absent.name in message) && absent.others === undefined && choose(5) === 0)
        members.push(`"${absent.name}":null`);
    if (choose(5) === 0) members.push('"nobody knows":{"a":[null,1.5e3,"\\u00e9"]}');
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  };
  return `${choose(2) === 0 ? '\ufeff' : ''}${write(top, request)}${space()}`;
}
