/**
 * Takes secrets out of text: every producer, the gateway and (in Go, held to the same vectors) the collector do it
 * by these steps, with the rules of `redaction-rules.ts`:
 *
 * 1. One scan finds all keywords; each names the place where a match of its rules would begin.
 * 2. Places are taken from left to right, rules of one place in the order of the list. The rule is tried there.
 * 3. A match becomes `[REDACTED:<kind>]`. A match that begins inside another and ends after it makes that one longer.
 * 4. What is left in base64, hexadecimal or percent-encoding is decoded, and replaced whole if it holds a secret then.
 */
import { REDACTION_RULES, type RedactionRule } from './redaction-rules.js';
import { decodeBase64OrHex, decodePercent, nextBase64Run, nextPercentRun, SHORTEST_DECODED, type Run } from './redaction-encoded.js';
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
  const own = (engine ??= createEngine());
  const found: Tally = { counts: NOTHING };
  let redacted = own.scanner.isIn(text) ? redactPlain(own, text, found) : text;
  if (redacted.length >= SHORTEST_DECODED) {
    const run = nextBase64Run(redacted, 0);
    if (run !== undefined) redacted = redactRuns(own, redacted, run, nextBase64Run, decodeBase64OrHex, found);
    const escaped = nextPercentRun(redacted, 0);
    if (escaped !== undefined) redacted = redactRuns(own, redacted, escaped, nextPercentRun, decodePercent, found);
  }
  return { text: redacted, counts: found.counts };
}

interface Tally {
  counts: Readonly<Record<string, number>>;
}

function count(tally: Tally, kind: string): void {
  tally.counts = { ...tally.counts, [kind]: (tally.counts[kind] ?? 0) + 1 };
}

function redactPlain(own: Engine, text: string, found: Tally): string {
  const candidates = candidatesIn(own, text);
  if (candidates.length === 0) return text;
  let result = '';
  let done = 0;
  eachMatch(own.rules, candidates, text, (compiled, start, end) => {
    if (end <= done) return true;
    if (start >= done) {
      result += text.slice(done, start) + compiled.placeholder;
      count(found, compiled.rule.name);
    }
    done = end;
    return true;
  });
  return done === 0 ? text : result + text.slice(done);
}

/** Replaces each run, `first` and those that `next` finds, that holds a secret once it is decoded. */
function redactRuns(own: Engine, text: string, first: Run, next: (text: string, from: number) => Run | undefined, decode: (text: string, run: Run) => string, found: Tally): string {
  let result = '';
  let done = 0;
  for (let run: Run | undefined = first; run !== undefined; run = next(text, run.end)) {
    const decoded = decode(text, run);
    if (decoded.length < SHORTEST_DECODED || !own.scanner.isIn(decoded)) continue;
    const candidates = candidatesIn(own, decoded);
    if (candidates.length === 0) continue;
    const { start, end } = run;
    eachMatch(own.rules, candidates, decoded, ({ placeholder, rule }) => {
      result += text.slice(done, start) + placeholder;
      count(found, rule.name);
      done = end;
      return false;
    });
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Where a match of a rule may begin: place times {@link RULES} plus number of the rule, in order. */
function candidatesIn({ scanner, rules, starts }: Engine, text: string): Iterable<number> & { readonly length: number } {
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
  return order.isSorted ? candidates : Float64Array.from(candidates).sort();
}

/** Tries the candidates from left to right, until `take` returns false. */
function eachMatch(rules: readonly CompiledRule[], candidates: Iterable<number>, text: string, take: (compiled: CompiledRule, start: number, end: number) => boolean): void {
  /** By rule: before this place it is not tried again. */
  const resume = new Uint32Array(rules.length);
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
    if (!take(compiled, start, end)) return;
  }
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
