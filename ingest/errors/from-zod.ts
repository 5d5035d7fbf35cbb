import { core, type z } from 'zod';
import { ShieldwatchError, type ErrorCode } from '#schemas/errors.js';

/** Formats a field path such as `entries[3].timestamp`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((segment, index) =>
      typeof segment === 'number' ? `[${String(segment)}]` : `${index === 0 ? '' : '.'}${String(segment)}`,
    )
    .join('');
}

/**
 * Converts the first issue of a failed parse to an error with the field, what was expected, and the type received. The
 * value is never included, because it may be a secret sent by mistake. Paths hold only names of our schemas, since
 * unknown fields are dropped before.
 */
export function fromZod(error: z.ZodError, input: unknown, code: ErrorCode): ShieldwatchError {
  const [issue] = error.issues;
  return issue === undefined ? new ShieldwatchError(code, 'the request is not valid') : fromIssue(issue, input, code);
}

/**
 * Parses like zod's `parse`, but formats only the first issue: a list of 10,000 wrong entries has 30,000 issues.
 *
 * @throws ShieldwatchError as {@link fromZod} creates it.
 */
export function parseWith<T extends z.ZodType>(schema: T, input: unknown, code: ErrorCode): z.output<T> {
  const context = { async: false };
  const result = schema._zod.run({ value: input, issues: [] }, context);
  if (result instanceof Promise) throw new Error('a schema of a body is asynchronous');
  const [issue] = result.issues;
  if (issue !== undefined) throw fromIssue(core.util.finalizeIssue(issue, context, core.config()), input, code);
  return result.value as z.output<T>;
}

function fromIssue(issue: z.core.$ZodIssue, input: unknown, code: ErrorCode): ShieldwatchError {
  const field = fieldPath(issue.path);
  const expected = expectation(issue);
  const received = typeName(valueAt(input, issue.path));
  return new ShieldwatchError(
    code,
    `${field === '' ? 'the body' : field}: expected ${expected}, received ${received}`,
    {
      ...(field === '' ? {} : { field }),
      expected,
    },
  );
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected);
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'an ISO 8601 date and time with a time zone' : `the format ${issue.format}`;
    case 'too_small':
      return `at least ${String(issue.minimum)}${unit(issue.origin)}`;
    case 'too_big':
      return `at most ${String(issue.maximum)}${unit(issue.origin)}`;
    case 'custom':
    case 'invalid_union':
      // A fixed message of our own schema.
      return issue.message;
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return 'another value';
  }
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment];
  }
  return value;
}

function typeName(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
