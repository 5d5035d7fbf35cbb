import { parseDocument } from 'yaml';
import { CommandError } from '#schemas/errors.js';
import { alertRoutesFile, type AlertRoute } from '#schemas/http/alerts.js';
import { fieldPath } from '../errors/from-zod.js';

/** Maximum characters of a file of routes. */
const MAX_CHARACTERS = 262_144;

/**
 * Parses a YAML file of routes. Aliases are refused: a short file could stand for a very large one.
 *
 * @throws CommandError that names the line, or the field and what was expected there
 */
export function parseRouteFile(text: string): AlertRoute[] {
  if (text.length > MAX_CHARACTERS)
    throw new CommandError(`the file has more than ${String(MAX_CHARACTERS)} characters`);
  const document = parseDocument(text, { uniqueKeys: true, merge: false });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw new CommandError(`line ${String(problem.linePos?.[0].line ?? 1)}: not YAML (${problem.code})`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch {
    throw new CommandError('the file contains an alias (*name): write the value itself');
  }
  const parsed = alertRoutesFile.safeParse(value);
  if (!parsed.success) {
    const lines = parsed.error.issues.slice(0, 10).map(({ path, message }) => {
      const field = fieldPath(path);
      return `${field === '' ? 'file' : field}: ${message}`;
    });
    throw new CommandError(lines.join('\n'));
  }
  return parsed.data.routes;
}

/** Returns one line for each difference between two sets of routes; none if they are equal. */
export function routeDiff(before: readonly AlertRoute[], after: readonly AlertRoute[]): string[] {
  const lines: string[] = [];
  const known = new Map(before.map((route) => [route.name, route]));
  for (const route of after) {
    const old = known.get(route.name);
    if (old === undefined) lines.push(`+ ${route.name}: ${describe(route)}`);
    else if (describe(old) !== describe(route))
      lines.push(`- ${old.name}: ${describe(old)}`, `+ ${route.name}: ${describe(route)}`);
  }
  const kept = new Set(after.map(({ name }) => name));
  for (const route of before) if (!kept.has(route.name)) lines.push(`- ${route.name}: ${describe(route)}`);
  return lines;
}

function describe({ match, destinations, digest, ticket }: AlertRoute): string {
  const conditions = Object.entries(match).map(([name, values]) => `${name} ${values.join('|')}`);
  return [
    conditions.length === 0 ? 'everything' : conditions.join(', '),
    `to ${destinations.join(', ')}`,
    ...(digest === 'none' ? [] : [`${digest} digest`]),
    ...(ticket ? ['ticket'] : []),
  ].join('; ');
}
