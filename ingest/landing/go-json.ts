import type { AnyValue } from './otlp.js';

/** Characters that Go's encoding/json escapes and JSON.stringify does not. */
const GO_ESCAPES = /[\u2028\u2029]/g;

function goString(text: string): string {
  return JSON.stringify(text).replace(
    GO_ESCAPES,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Formats a double as pdata does, NaN and infinities included: like JavaScript, except for -0. */
export function goNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * Formats a map or array attribute as the collector stores it: compact JSON with sorted keys. Returns null when it
 * holds NaN or an infinity, which Go rejects; the collector then stores an empty string.
 */
export function goJson(value: AnyValue | undefined): string | null {
  if (value?.stringValue !== undefined) return goString(value.stringValue);
  if (value?.boolValue !== undefined) return String(value.boolValue);
  if (value?.intValue !== undefined) return String(value.intValue);
  if (value?.doubleValue !== undefined) return Number.isFinite(value.doubleValue) ? goNumber(value.doubleValue) : null;
  // Go writes null for an empty byte slice.
  if (value?.bytesValue !== undefined)
    return value.bytesValue.length === 0 ? 'null' : goString(value.bytesValue.toString('base64'));
  if (value?.arrayValue !== undefined) return goArray(value.arrayValue.values);
  if (value?.kvlistValue !== undefined) {
    return goObject(new Map(value.kvlistValue.values.map((entry) => [entry.key, entry.value])));
  }
  return 'null';
}

function goArray(values: readonly AnyValue[]): string | null {
  const parts: string[] = [];
  for (const each of values) {
    const part = goJson(each);
    if (part === null) return null;
    parts.push(part);
  }
  return `[${parts.join(',')}]`;
}

function goObject(entries: ReadonlyMap<string, AnyValue | undefined>): string | null {
  const parts: string[] = [];
  for (const key of [...entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const part = goJson(entries.get(key));
    if (part === null) return null;
    parts.push(`${goString(key)}:${part}`);
  }
  return `{${parts.join(',')}}`;
}
