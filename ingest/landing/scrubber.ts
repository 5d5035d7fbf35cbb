import { redactText } from '#schemas/redaction.js';
import { SERVER_ATTRIBUTE_PREFIX } from '#schemas/semconv.js';
import { goJson, goNumber } from './go-json.js';
import type { AnyValue, KeyValue } from './otlp.js';

/** Longest text that is remembered; keys and names repeat, bodies do not. */
const MEMO_LENGTH = 64;
const MEMO_ENTRIES = 20_000;
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * Turns OTLP values into the strings that are stored: written as the collector's exporter writes them, without
 * secrets, and always valid UTF-8. One per request.
 */
export class Scrubber {
  readonly #memo = new Map<string, string>();

  text(text: string): string {
    if (text.length > MEMO_LENGTH) return clean(text);
    const known = this.#memo.get(text);
    if (known !== undefined) return known;
    const result = clean(text);
    if (this.#memo.size < MEMO_ENTRIES) this.#memo.set(text, result);
    return result;
  }

  /** As pdata's `Value.AsString`. */
  value(value: AnyValue | undefined): string {
    if (value === undefined) return '';
    if (value.stringValue !== undefined) return this.text(value.stringValue);
    if (value.boolValue !== undefined) return String(value.boolValue);
    if (value.intValue !== undefined) return String(value.intValue);
    if (value.doubleValue !== undefined) return goNumber(value.doubleValue);
    if (value.bytesValue !== undefined) return cleanBytes(value.bytesValue).toString('base64');
    if (value.arrayValue === undefined && value.kvlistValue === undefined) return '';
    // Each string by itself first, since JSON's escapes would hide a secret in quotes; then the whole, since
    // `{"password":"..."}` is a secret only with its key.
    return this.text(goJson(this.#scrub(value)) ?? '');
  }

  /**
   * Attributes by name, without those that only our own pipeline may set. Of equal names the first
   * one counts: the exporter stores both, and ClickHouse reads the first.
   */
  attributes(list: readonly KeyValue[]): Map<string, string> {
    const result = new Map<string, string>();
    for (const { key, value } of list) {
      if (key.startsWith(SERVER_ATTRIBUTE_PREFIX)) continue;
      const name = this.text(key);
      if (!result.has(name)) result.set(name, this.value(value));
    }
    return result;
  }

  #scrub(value: AnyValue): AnyValue {
    if (value.stringValue !== undefined) return { stringValue: this.text(value.stringValue) };
    if (value.bytesValue !== undefined) return { bytesValue: cleanBytes(value.bytesValue) };
    if (value.arrayValue !== undefined) return { arrayValue: { values: value.arrayValue.values.map((each) => this.#scrub(each)) } };
    if (value.kvlistValue !== undefined) {
      return { kvlistValue: { values: value.kvlistValue.values.map((entry) => this.#scrubEntry(entry)) } };
    }
    return value;
  }

  #scrubEntry({ key, value }: KeyValue): KeyValue {
    return { key: this.text(key), ...(value === undefined ? {} : { value: this.#scrub(value) }) };
  }
}

function clean(text: string): string {
  return redactText(text.replace(LONE_SURROGATE, '\ufffd'));
}

/** Base64 would only hide a secret from the patterns, not from whoever reads the table. */
function cleanBytes(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const redacted = redactText(text);
  return redacted === text ? bytes : Buffer.from(redacted, 'latin1');
}
