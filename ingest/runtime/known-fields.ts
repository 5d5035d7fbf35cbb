import { ShieldwatchError } from '#schemas/errors.js';
import { RUNTIME_FIELDS } from '#schemas/http/ingest-runtime.js';
import { redactText } from '#schemas/redaction.js';

/** Raw evidence: what a tool was given or what was found. It stays on the machine it came from. */
const REFUSED = new Set(['input', 'evidence', 'fix', 'toolinput', 'command']);

/** Unknown names that are told one by one. */
const MAX_NAMES = 50;
const MAX_NAME_LENGTH = 64;

/**
 * Looks through a body before it is parsed.
 *
 * @returns warnings that name the unknown fields, which the parser will drop.
 * @throws ShieldwatchError `field_refused` for a field that carries raw evidence.
 */
export function checkFields(body: unknown): string[] {
  const unknown = new Set<string>();
  visit(body, '', RUNTIME_FIELDS.body, unknown);
  const entries = member(body, 'entries');
  if (Array.isArray(entries)) {
    entries.forEach((entry: unknown, index) => {
      visit(entry, `entries[${String(index)}].`, RUNTIME_FIELDS.entry, unknown);
      const prefix = `entries[${String(index)}].matchedRule.`;
      visit(member(entry, 'matchedRule'), prefix, RUNTIME_FIELDS.matchedRule, unknown);
    });
  }
  const warnings = [...unknown].slice(0, MAX_NAMES).map((name) => `${name}: unknown field, dropped`);
  if (unknown.size > MAX_NAMES) warnings.push(`${String(unknown.size - MAX_NAMES)} more unknown fields, dropped`);
  return warnings;
}

function visit(value: unknown, prefix: string, known: ReadonlySet<string>, unknown: Set<string>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const name of Object.keys(value)) {
    if (known.has(name)) continue;
    if (name.length <= MAX_NAME_LENGTH && REFUSED.has(name.toLowerCase().replaceAll(/[_-]/g, ''))) {
      throw new ShieldwatchError('field_refused', `${prefix}${name} carries raw evidence, which is not taken; leave it out`, {
        field: prefix + name,
      });
    }
    // The same name in 10,000 entries is one warning.
    unknown.add(prefix.replace(/\[\d+\]/, '[]') + safeName(name));
  }
}

/** Names come from outside too: one may be a secret, or a megabyte long. */
function safeName(name: string): string {
  const redacted = redactText(name);
  return redacted.length > MAX_NAME_LENGTH ? `${redacted.slice(0, MAX_NAME_LENGTH)}...` : redacted;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
