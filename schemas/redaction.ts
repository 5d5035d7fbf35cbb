/**
 * Takes secrets out of text: every producer, the gateway and (in Go, held to the same vectors) the collector do it
 * by these steps, with the rules of `redaction-rules.ts`:
 *
 * 1. One scan finds all keywords; each names the place where a match of its rules would begin.
 * 2. Places are taken from left to right, rules of one place in the order of the list. The rule is tried there.
 * 3. A match becomes `[REDACTED:<kind>]`. A match that begins inside another and ends after it makes that one longer.
 */
import { REDACTION_RULES, type RedactionRule } from './redaction-rules.js';
import { createKeywordScanner, type KeywordScanner } from './redaction-scan.js';

export { REDACTION_RULES, type RedactionRule };

export interface Redaction {
  /** The text with each secret replaced by `[REDACTED:<kind>]`. */
  readonly text: string;
  /** Number of replacements by kind; empty when nothing was found. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A rule with its expressions, which are made when they are first needed. */
interface CompiledRule {
  readonly rule: RedactionRule;
  readonly placeholder: string;
  expression?: RegExp;
  except?: RegExp;
}

interface Engine {
  readonly scanner: KeywordScanner;
  readonly rules: readonly CompiledRule[];
  /** By number of the keyword: rules it belongs to, and how far before its last character a match begins. */
  readonly starts: readonly (readonly { readonly rule: number; readonly back: number }[])[];
}

/** The kind of a value that is a secret by the name it stands under; see {@link isSecretName}. */
export const NAMED_SECRET = 'assigned-secret';

const NOTHING: Readonly<Record<string, number>> = Object.freeze({});
const NONE: readonly number[] = [];
/** Rules fit below it: a candidate is one number, its place times this, plus its rule. */
const RULES = 1024;

let engine: Engine | undefined;

/** Made when first needed, since the hook imports this file and most of its calls redact nothing. */
function createEngine(): Engine {
  const starts = new Map<string, { rule: number; back: number }[]>();
  REDACTION_RULES.forEach((rule, index) => {
    for (const keyword of rule.keywords) {
      const list = starts.get(keyword) ?? [];
      list.push({ rule: index, back: keyword.length - 1 + (rule.before ?? 0) });
      starts.set(keyword, list);
    }
  });
  return {
    scanner: createKeywordScanner([...starts.keys()]),
    rules: REDACTION_RULES.map((rule) => ({
      rule,
      placeholder: `[REDACTED:${rule.name}]`,
    })),
    starts: [...starts.values()],
  };
}

/** Replaces every secret in `text`. Redacting twice changes nothing more. Takes time linear in the text's length. */
export function redact(text: string): Redaction {
  const { scanner, rules, starts } = (engine ??= createEngine());
  let candidates: Iterable<number> & { readonly length: number } = NONE;
  const order = { isSorted: true, last: 0 };
  scanner.scan(text, (keyword, end) => {
    for (const { rule, back } of starts[keyword] ?? []) {
      const start = end - back;
      if (start < 0 || !hasBoundary(text, start, rules[rule]?.rule)) continue;
      const candidate = start * RULES + rule;
      order.isSorted &&= candidate >= order.last;
      order.last = candidate;
      if (candidates === NONE) candidates = [candidate];
      else (candidates as number[]).push(candidate);
    }
  });
  if (candidates.length === 0) return { text, counts: NOTHING };
  if (!order.isSorted) candidates = Float64Array.from(candidates).sort();

  const counts: Record<string, number> = {};
  /** By rule: before this place it is not tried again. */
  const resume = new Uint32Array(rules.length);
  let result = '';
  let done = 0;
  for (const candidate of candidates) {
    const index = candidate % RULES;
    const start = (candidate - index) / RULES;
    const compiled = rules[index];
    if (compiled === undefined || start < (resume[index] ?? 0)) continue;
    const end = matchEnd((compiled.expression ??= new RegExp(compiled.rule.pattern, 'uy')), text, start);
    if (end === -1) {
      if (compiled.rule.oncePerRun === true) resume[index] = runEnd(text, start);
      continue;
    }
    const { except } = compiled.rule;
    if (except !== undefined && matchEnd((compiled.except ??= new RegExp(except, 'uy')), text, start) !== -1) continue;
    resume[index] = end;
    if (end <= done) continue;
    if (start >= done) {
      result += text.slice(done, start) + compiled.placeholder;
      counts[compiled.rule.name] = (counts[compiled.rule.name] ?? 0) + 1;
    }
    done = end;
  }
  return done === 0 ? { text, counts: NOTHING } : { text: result + text.slice(done), counts };
}

/** {@link redact} where the counts are not wanted. */
export function redactText(text: string): string {
  return redact(text).text;
}

/**
 * Whether a value under this name, in a map, is a secret by the name alone: it ends in one of the names of the rule
 * {@link NAMED_SECRET} and at most letters, digits, `_` and `-` after it.
 */
export function isSecretName(name: string): boolean {
  const { scanner, rules, starts } = (engine ??= createEngine());
  let found = false;
  scanner.scan(name, (keyword, end) => {
    for (const { rule, back } of starts[keyword] ?? []) {
      if (rules[rule]?.rule.name === NAMED_SECRET && runEnd(name, end - back) === name.length) found = true;
    }
  });
  return found;
}

function matchEnd(expression: RegExp, text: string, start: number): number {
  expression.lastIndex = start;
  return expression.test(text) ? expression.lastIndex : -1;
}

function hasBoundary(text: string, start: number, rule: RedactionRule | undefined): boolean {
  const boundary = rule?.boundary;
  if (boundary === undefined || start === 0) return true;
  const before = text.charCodeAt(start - 1);
  return boundary === 'word' ? !isAlphanumeric(before) : ' \t\r\n("\'`'.includes(text.charAt(start - 1));
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

function runEnd(text: string, start: number): number {
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (!isAlphanumeric(code) && code !== 95 && code !== 45) break;
  }
  return end;
}
