import { isUtf8 } from 'node:buffer';
import { attributeFates, CONTENT_EVENTS, isIdentity } from '#schemas/attribute-keys.js';
import { redactIdentity } from '#schemas/pseudonyms.js';
import {
  isNamedSecret,
  NAMED_SECRET,
  redact,
  secretNameStrength,
  type Personal,
  type Strength,
} from '#schemas/redaction.js';
import { COUNT_ATTRIBUTE_PREFIX } from '#schemas/semconv.js';
import { goJson, goNumber } from './go-json.js';
import type { AnyValue, KeyValue, LogRecord } from './otlp.js';

/** Maximum length of cached texts: keys and names repeat, bodies do not. */
const MEMO_LENGTH = 64;
const MEMO_ENTRIES = 20_000;
const NAMED_PLACEHOLDER = `[REDACTED:${NAMED_SECRET}]`;
const LONE_SURROGATE = /\p{Surrogate}/gu;
const events = new Set(CONTENT_EVENTS);

/** Counts what was removed from one record, or from a resource with its scopes and metric descriptions. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  masked(counts: Readonly<Record<string, number>>): void {
    for (const [kind, count] of Object.entries(counts)) this.add(`masked.${kind}`, count);
  }

  /** Adds the counts to the attributes they belong to, and resets them. */
  writeTo(attributes: Map<string, string>): Map<string, string> {
    for (const [name, count] of this.#counts) attributes.set(COUNT_ATTRIBUTE_PREFIX + name, String(count));
    this.#counts.clear();
    return attributes;
  }
}

export interface ScrubberSettings {
  /** Whether the organisation keeps prompts, answers, tool arguments and results. */
  readonly keepContent: boolean;
  /** Additional attribute keys that the operator allows. */
  readonly allowedKeys?: readonly string[];
  /** Creates pseudonyms of addresses and login names; absent if the organisation keeps them. */
  readonly personal?: Personal | undefined;
}

/** What a value's name implies: how much the value must look like a secret, or that it names a person. */
type Named = Strength | 'identity' | undefined;

/**
 * Converts OTLP values to the stored strings: formatted as by the collector's exporter, redacted, without attributes
 * that are not allowed, and valid UTF-8. One instance per request. It follows the collector's processor
 * `secretredaction` step by step; a test compares the rows.
 */
export class Scrubber {
  readonly #memo = new Set<string>();
  readonly #keepContent: boolean;
  readonly #fateOf: ReturnType<typeof attributeFates>;
  readonly #personal: Personal | undefined;

  constructor({ keepContent, allowedKeys, personal }: ScrubberSettings) {
    this.#personal = personal;
    this.#keepContent = keepContent;
    this.#fateOf = attributeFates(allowedKeys);
  }

  text(text: string, tally: Tally): string {
    if (this.#memo.has(text)) return text;
    const { text: result, counts } = redact(wellFormed(text), this.#personal);
    tally.masked(counts);
    if (result === text && text.length <= MEMO_LENGTH && this.#memo.size < MEMO_ENTRIES) this.#memo.add(text);
    return result;
  }

  /**
   * Formats a value as pdata's `Value.AsString`, redacted.
   *
   * @param named what the value's name implies.
   */
  value(value: AnyValue | undefined, tally: Tally, named?: Named): string {
    if (value === undefined) return '';
    const clean = this.#scrub(value, named, tally);
    if (clean.stringValue !== undefined) return clean.stringValue;
    if (clean.boolValue !== undefined) return String(clean.boolValue);
    if (clean.intValue !== undefined) return String(clean.intValue);
    if (clean.doubleValue !== undefined) return goNumber(clean.doubleValue);
    if (clean.bytesValue !== undefined) return clean.bytesValue.toString('base64');
    if (clean.arrayValue === undefined && clean.kvlistValue === undefined) return '';
    // Some secrets are visible only in the whole value: an option and its argument in a list, a name and its value in a
    // map.
    return this.text(goJson(clean) ?? '', tally);
  }

  /** Formats the body of a log record; empty if it is content that the organisation does not keep. */
  body({ body, eventName, attributes }: LogRecord, tally: Tally): string {
    const named = attributes.find((attribute) => attribute.key === 'event.name')?.value?.stringValue ?? '';
    if (this.#keepContent || body === undefined || !(events.has(eventName) || events.has(named)))
      return this.value(body, tally);
    if (Object.values(body).some((value) => value !== undefined)) tally.add('dropped.content', 1);
    return '';
  }

  /**
   * Returns the allowed attributes by name. Of duplicate names the first counts: the exporter stores both, and
   * ClickHouse reads the first.
   */
  attributes(list: readonly KeyValue[], tally: Tally): Map<string, string> {
    const result = new Map<string, string>();
    for (const { key: sent, value } of list) {
      const key = wellFormed(sent);
      const fate = this.#fateOf(key, this.#keepContent);
      if (fate === 'unknown') tally.add('dropped.attributes', 1);
      if (fate === 'content') tally.add('dropped.content', 1);
      if (fate !== 'listed' && fate !== 'identity' && fate !== 'other') continue;
      const scrubbed = this.value(value, tally, fate === 'listed' ? undefined : meaningOf(key));
      const name = fate === 'other' ? this.text(key, tally) : key;
      if (!result.has(name)) result.set(name, scrubbed);
    }
    return result;
  }

  #scrub(value: AnyValue, named: Named, tally: Tally): AnyValue {
    const { stringValue, intValue, bytesValue, arrayValue, kvlistValue } = value;
    const isSecret = (text: string): boolean => {
      if (named === undefined || named === 'identity' || !isNamedSecret(text, named)) return false;
      tally.masked({ [NAMED_SECRET]: 1 });
      return true;
    };
    if (stringValue !== undefined) {
      if (named === 'identity') return { stringValue: this.#identity(wellFormed(stringValue), tally) };
      return { stringValue: isSecret(stringValue) ? NAMED_PLACEHOLDER : this.text(stringValue, tally) };
    }
    if (intValue !== undefined && isSecret(String(intValue))) return { stringValue: NAMED_PLACEHOLDER };
    if (bytesValue !== undefined)
      return isSecret(textOf(bytesValue))
        ? { stringValue: NAMED_PLACEHOLDER }
        : { bytesValue: this.#bytes(bytesValue, tally) };
    if (arrayValue !== undefined)
      return { arrayValue: { values: arrayValue.values.map((each) => this.#scrub(each, named, tally)) } };
    if (kvlistValue !== undefined)
      return { kvlistValue: { values: kvlistValue.values.map((entry) => this.#scrubEntry(entry, tally)) } };
    return value;
  }

  #scrubEntry({ key: sent, value }: KeyValue, tally: Tally): KeyValue {
    const key = wellFormed(sent);
    const scrubbed = value === undefined ? {} : { value: this.#scrub(value, meaningOf(key), tally) };
    return { key: this.text(key, tally), ...scrubbed };
  }

  #identity(text: string, tally: Tally): string {
    if (this.#personal === undefined) return this.text(text, tally);
    const { text: result, kind } = redactIdentity(text, this.#personal);
    if (kind === undefined) return this.text(text, tally);
    tally.masked({ [kind]: 1 });
    return result;
  }

  /** Redacts the bytes themselves: base64 would hide a secret from the patterns but not from readers of the table. */
  #bytes(bytes: Buffer, tally: Tally): Buffer {
    const text = textOf(bytes);
    const redacted = redact(text, this.#personal);
    tally.masked(redacted.counts);
    return redacted.text === text ? bytes : Buffer.from(redacted.text, encodingOf(bytes));
  }
}

const encodingOf = (bytes: Buffer): 'utf8' | 'latin1' => (isUtf8(bytes) ? 'utf8' : 'latin1');

const textOf = (bytes: Buffer): string => bytes.toString(encodingOf(bytes));

function meaningOf(key: string): Named {
  return isIdentity(key) ? 'identity' : secretNameStrength(key);
}

function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, '\ufffd');
}
