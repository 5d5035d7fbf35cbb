import { z } from 'zod';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Candidate strings, at least one for each format of our schemas; the first that a format accepts is used. */
const STRINGS: readonly string[] = [
  'text',
  new Date(Date.now() - 3_600_000).toISOString(),
  new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
  'acme/planted',
  '1',
  'text|text|sha256:no-evidence',
  'text::text::sha256:no-evidence',
  `sha256:${'0'.repeat(64)}`,
];

/**
 * Makes a value that uses every field of a schema, one entry in each list. A field added to a schema is covered without a change here.
 *
 * @throws Error that names the field whose format none of the known strings has.
 */
export function sampleOf(schema: z.core.$ZodType, path = ''): Json {
  const { def } = schema._zod;
  if (def.type === 'object') {
    return Object.fromEntries(
      Object.entries((def as z.core.$ZodObjectDef).shape).map(([name, field]) => [
        name,
        sampleOf(field, `${path}.${name}`),
      ]),
    );
  }
  if (def.type === 'array') return [sampleOf((def as z.core.$ZodArrayDef).element, `${path}[]`)];
  if (def.type === 'optional' || def.type === 'nullable' || def.type === 'default')
    return sampleOf((def as z.core.$ZodOptionalDef).innerType, path);
  // The richest alternative: a list of rows rather than their count.
  if (def.type === 'union') return sampleOf((def as z.core.$ZodUnionDef).options.at(-1) as z.core.$ZodType, path);
  if (def.type === 'literal') return (def as z.core.$ZodLiteralDef<z.core.util.Literal>).values[0] as Json;
  if (def.type === 'enum') return Object.values((def as z.core.$ZodEnumDef).entries)[0] as Json;
  if (def.type === 'boolean') return true;
  if (def.type === 'record') return {};
  if (def.type === 'unknown') return { inner: 'text' };
  return firstOf(schema, def.type === 'number' ? [0, 1] : STRINGS, path);
}

function firstOf(schema: z.core.$ZodType, candidates: readonly Json[], path: string): Json {
  const found = candidates.find((candidate) => z.safeParse(schema, candidate).success);
  if (found === undefined) throw new Error(`${path}: no sample fits its format`);
  return found;
}

/** Returns the paths to the strings of a value. */
export function stringsIn(value: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value === 'string') return [path];
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, each]) => stringsIn(each, [...path, name]))
    : [];
}

/** Returns the string at the end of a path. */
export function stringAt(value: Json, path: readonly string[]): string {
  const found = path.reduce<unknown>((each, name) => (each as Record<string, unknown>)[name], value);
  return typeof found === 'string' ? found : '';
}

/** Returns the value with another string at the end of a path. */
export function withString(value: Json, [name, ...rest]: readonly string[], text: string): Json {
  if (name === undefined) return text;
  if (Array.isArray(value))
    return (value as Json[]).map((each, index) => (String(index) === name ? withString(each, rest, text) : each));
  return Object.fromEntries(
    Object.entries(value as object).map(([own, each]) => [
      own,
      own === name ? withString(each as Json, rest, text) : (each as Json),
    ]),
  );
}

/** Returns the value with `text` in every string that the schema accepts it in, and the paths to those it does not. */
export function withEverywhere(
  schema: z.core.$ZodType,
  value: Json,
  text: string,
): { body: Json; refused: (readonly string[])[] } {
  let body = value;
  const refused: (readonly string[])[] = [];
  for (const path of stringsIn(value)) {
    const next = withString(body, path, text);
    if (z.safeParse(schema, next).success) body = next;
    else refused.push(path);
  }
  return { body, refused };
}
