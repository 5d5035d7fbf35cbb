import protobuf from 'protobufjs';
import { loadOtlp, requestType } from '#ingest/landing/message-plan.js';
import type { Signal } from '#ingest/request/signal.js';

const root = loadOtlp();
const NOW = `${Date.now()}000000`;

/** An export request as protobuf, and the string fields of the definition that `text` was written to. */
export interface Planted {
  readonly body: Buffer;
  readonly positions: ReadonlySet<string>;
}

interface Walk {
  readonly positions: Set<string>;
  /** Names of messages that are left out. */
  readonly skip: ReadonlySet<string>;
}

/** A request with `text` in every string there is; see `plant`. */
export function plantedRequest(
  signal: Signal,
  text: string,
  service: string,
  skip: ReadonlySet<string> = new Set(),
): Planted {
  const type = requestType(root, signal);
  const walk: Walk = { positions: new Set(), skip };
  return {
    body: Buffer.from(type.encode(type.fromObject(plant(type, text, service, walk)[0] ?? {})).finish()),
    positions: walk.positions,
  };
}

/**
 * A request with `text` in every string that OTLP's own definition has, so that a new field is covered by itself: each
 * member of a oneof in a message of its own, each string also as key of an attribute, in bytes, lists and maps.
 */
function plant(type: protobuf.Type, text: string, service: string, walk: Walk): Record<string, unknown>[] {
  if (walk.skip.has(type.name)) return [];
  if (type.name === 'KeyValue') return attributes(text);
  if (type.name === 'AnyValue') return attributes(text).map(({ value }) => value as Record<string, unknown>);
  let messages: Record<string, unknown>[] = [{}];
  for (const field of type.fieldsArray) {
    const values = fill(field, text, service, walk);
    // Every alternative of a field, and every member of a oneof, in a message of its own; the rest as in the first.
    const first = messages[0] ?? {};
    const inOneof = field.partOf !== null && field.partOf.fieldsArray.length > 1;
    const [head, ...others] = values.map((value) => ({ ...first, [field.name]: value }));
    if (
      inOneof &&
      type.fieldsArray.indexOf(field) !== type.fieldsArray.findIndex((other) => other.partOf === field.partOf)
    ) {
      const without = Object.fromEntries(
        Object.entries(first).filter(([name]) => type.fields[name]?.partOf !== field.partOf),
      );
      messages.push(...values.map((value) => ({ ...without, [field.name]: value })));
    } else {
      messages = [...messages.map((message) => ({ ...message, [field.name]: (head ?? {})[field.name] })), ...others];
    }
  }
  return messages;
}

/** The values that a field takes in turn: one, unless it is a single message that has alternatives. */
function fill(field: protobuf.Field, text: string, service: string, walk: Walk): unknown[] {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) {
    const values = plant(resolvedType, text, service, walk);
    if (resolvedType.name === 'Resource') {
      for (const value of values)
        (value['attributes'] as object[]).unshift({ key: 'service.name', value: { string_value: service } });
    }
    return field.repeated ? [values] : values;
  }
  const value = plainValue(field, text, walk);
  return [field.repeated ? [value] : value];
}

function plainValue(field: protobuf.Field, text: string, walk: Walk): unknown {
  if (field.resolvedType instanceof protobuf.Enum) return 1;
  switch (field.type) {
    case 'string':
      walk.positions.add(`${field.parent?.name ?? ''}.${field.name}`);
      return text;
    case 'bytes':
      return Buffer.alloc(field.name === 'trace_id' ? 16 : 8, 7);
    case 'bool':
      return true;
    default:
      return field.name.endsWith('time_unix_nano') ? NOW : 1;
  }
}

/** Under keys that are allowed in either configuration, in a key that is allowed by its begin, and as a key. */
function attributes(text: string): Record<string, unknown>[] {
  const string = { string_value: text };
  const nested = {
    kvlist_value: {
      values: [
        { key: 'inner', value: string },
        { key: text, value: string },
        { key: 'list', value: { array_value: { values: [string] } } },
      ],
    },
  };
  return [
    { key: 'model', value: string },
    { key: 'prompt', value: string },
    { key: 'error.message', value: { bytes_value: Buffer.from(text) } },
    { key: 'exception.message', value: { array_value: { values: [string, { int_value: 7 }, nested] } } },
    { key: 'code.function.name', value: nested },
    { key: text, value: string },
    { key: `agentshield.${text}`, value: string },
  ];
}
