import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { redactText } from '#schemas/redaction.js';

/** Fields with raw evidence: tool inputs and matched text. It stays on the machine where it was found. */
const REFUSED = new Set(['input', 'evidence', 'fix', 'toolinput', 'command', 'before', 'after']);

/** Maximum number of unknown fields that get a warning each. */
const MAX_NAMES = 50;
const MAX_NAME_LENGTH = 64;
const MAX_PATH_LENGTH = 200;

/** The field names that a schema knows at one position. */
interface KnownFields {
  fields?: ReadonlyMap<string, KnownFields>;
  items?: KnownFields;
  /** Fields below are not known to the schema: they are dropped, but still searched for raw evidence. */
  isOpen?: true;
}

const LEAF: KnownFields = {};
const UNKNOWN: KnownFields = { isOpen: true };

/** Derives the known field names from a schema, once, for {@link checkFields}. */
export function knownFieldsOf(schema: z.core.$ZodType): KnownFields {
  const { def } = schema._zod;
  const { type } = def;
  if (type === 'object') {
    const { shape } = def as z.core.$ZodObjectDef;
    return { fields: new Map(Object.entries(shape).map(([name, field]) => [name, knownFieldsOf(field)])) };
  }
  if (type === 'array') return { items: knownFieldsOf((def as z.core.$ZodArrayDef).element) };
  if (type === 'optional' || type === 'nullable' || type === 'default')
    return knownFieldsOf((def as z.core.$ZodOptionalDef).innerType);
  if (type === 'union') return (def as z.core.$ZodUnionDef).options.map(knownFieldsOf).reduce(merge, {});
  return type === 'unknown' || type === 'any' || type === 'record' ? UNKNOWN : LEAF;
}

function merge(one: KnownFields, other: KnownFields): KnownFields {
  const fields =
    one.fields === undefined && other.fields === undefined
      ? undefined
      : new Map([...(one.fields ?? []), ...(other.fields ?? [])]);
  const items = one.items ?? other.items;
  return {
    ...(fields === undefined ? {} : { fields }),
    ...(items === undefined ? {} : { items }),
    ...(one.isOpen === true || other.isOpen === true ? { isOpen: true } : {}),
  };
}

/** A value still to be checked, and its path, which is built only when it is reported. */
interface Pending {
  readonly value: object;
  readonly shape: KnownFields;
  /** False below an unknown field, where fields are not reported one by one. */
  readonly isKnown: boolean;
  readonly above: Pending | undefined;
  readonly name: string | number;
}

/**
 * Checks the field names of a body before it is parsed.
 *
 * @returns warnings that name the unknown fields, which the parser will drop.
 * @throws ShieldwatchError `field_refused` for a field that carries raw evidence.
 */
export function checkFields(body: unknown, fields: KnownFields): string[] {
  const unknown = new Set<string>();
  // A work list instead of recursion: a body may be nested deeper than the stack.
  const pending: Pending[] = isObject(body)
    ? [{ value: body, shape: fields, isKnown: true, above: undefined, name: '' }]
    : [];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, shape, isKnown } = next;
    if (Array.isArray(value)) {
      if (shape.items === undefined && shape.isOpen !== true) continue;
      const items = shape.items ?? UNKNOWN;
      for (let index = value.length - 1; index >= 0; index -= 1) {
        const item: unknown = value[index];
        if (isObject(item) && !isPlain(item, items))
          pending.push({ value: item, shape: items, isKnown, above: next, name: index });
      }
      continue;
    }
    for (const [name, child] of Object.entries(value)) {
      const known = shape.fields?.get(name);
      if (known === undefined) {
        rejectEvidence(next, name);
        // Report a name that occurs in 10,000 entries once.
        if (isKnown && shape.isOpen !== true) unknown.add(prefixOf(next).replaceAll(/\[\d+\]/g, '[]') + safeName(name));
      }
      if (isObject(child)) {
        pending.push({
          value: child,
          shape: known ?? UNKNOWN,
          isKnown: isKnown && known !== undefined,
          above: next,
          name: known === undefined ? safeName(name) : name,
        });
      }
    }
  }
  const warnings = [...unknown].slice(0, MAX_NAMES).map((name) => `${name}: unknown field, dropped`);
  if (unknown.size > MAX_NAMES) warnings.push(`${String(unknown.size - MAX_NAMES)} more unknown fields, dropped`);
  return warnings;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Returns whether an item has only known fields without nested values, as most items of a long list do. */
function isPlain(item: object, { fields }: KnownFields): boolean {
  if (fields === undefined) return false;
  for (const name in item) if (!fields.has(name) || isObject((item as Record<string, unknown>)[name])) return false;
  return true;
}

/** Returns the path of a value as a prefix for a field name, such as `entries[3].`. */
function prefixOf(pending: Pending): string {
  let path = '';
  for (let { name, above } = pending; above !== undefined; { name, above } = above) {
    if (typeof name === 'number') path = `[${String(name)}]${path}`;
    else path = above.above === undefined ? name + path : `.${name}${path}`;
  }
  return path === '' ? '' : `${path}.`;
}

function rejectEvidence(pending: Pending, name: string): void {
  if (name.length > MAX_NAME_LENGTH || !REFUSED.has(name.toLowerCase().replaceAll(/[_-]/g, ''))) return;
  const path = prefixOf(pending);
  // A body may be nested a million levels deep.
  const prefix = path.length > MAX_PATH_LENGTH ? `...${path.slice(-MAX_PATH_LENGTH)}` : path;
  throw new ShieldwatchError(
    'field_refused',
    `${prefix}${name} carries raw evidence, which is not accepted; remove the field`,
    {
      field: prefix + name,
    },
  );
}

/** Redacts and shortens a field name: clients choose names, so one may be a secret or a megabyte long. */
function safeName(name: string): string {
  const redacted = redactText(name);
  return redacted.length > MAX_NAME_LENGTH ? `${redacted.slice(0, MAX_NAME_LENGTH)}...` : redacted;
}
