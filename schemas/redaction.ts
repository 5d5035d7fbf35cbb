/**
 * Replaces secrets in text. Every producer and the gateway use this implementation, the collector one in Go that is
 * tested with the same vectors. The rules are in `redaction-rules.ts`:
 *
 * 1. One scan finds all keywords. Each keyword gives the position where a match of its rules, or a reader, would begin.
 * 2. Positions are tried from left to right, rules of one position in the order of the list.
 * 3. Runs of base64 and hexadecimal are decoded if they contain text. A run with a secret is replaced from where the
 * text begins.
 * 4. If the text has escapes, steps 1 to 3 are repeated on the unescaped text, and findings are replaced in the
 * original.
 * 5. Each match becomes `[REDACTED:<kind>]`. Overlapping matches are replaced together, with the kind of the first.
 * 6. Work is counted. A text that is denser in candidates than any genuine one exceeds its limit, and becomes
 * `[REDACTED:work-limit]` as a whole: nobody can buy more than a fixed amount of work for a character.
 */
import { REDACTION_RULES, type Reads, type RedactionRule } from './redaction-rules.js';
import { Ahead, doubled, Kind, WORK } from './redaction-ahead.js';
import { eachDecoded, SHORTEST_DECODED } from './redaction-encoded.js';
import { mayBeForm, mayHaveEscapes, resolveEscapes } from './redaction-escapes.js';
import {
  basicEnd,
  blockEnd,
  isNamedSecret,
  jwtEnd,
  nameEnd,
  readAssignment,
  readAuthorization,
  readCommand,
  readCookies,
  readToken,
  readUrl,
  readUserFlag,
  readUserinfo,
  readVendor,
  strengthOf,
  type Strength,
  type Take,
} from './redaction-readers.js';
import { PERSONAL_RULES, readAddress, readLogin, type PersonalKind } from './redaction-personal.js';
import { createKeywordScanner, Look, LOOK_ESCAPE, type KeywordScanner, type Report } from './redaction-scan.js';
import { hasArgumentBoundary, hasBoundary, isAlphanumeric, isNameCharacter, runEnd } from './redaction-text.js';

export { isNamedSecret, REDACTION_RULES, type RedactionRule, type Strength };

/** Returns the replacement of an address or login name: a placeholder in brackets, which later redaction ignores. */
export type Personal = (kind: PersonalKind, value: string) => string;

export interface Redaction {
  /** The text with each secret replaced by `[REDACTED:<kind>]`. */
  readonly text: string;
  /** Number of replacements by kind; empty when nothing was found. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A rule with its regular expressions, which are compiled on first use. */
interface CompiledRule {
  readonly rule: RedactionRule;
  expression?: RegExp;
  except?: RegExp;
}

interface Engine {
  readonly scanner: KeywordScanner;
  readonly rules: readonly CompiledRule[];
  /** Every keyword of every rule: in the order of the rules, the longest of a rule first. */
  readonly pairs: readonly Pair[];
  /** Pairs by keyword number. */
  readonly starts: readonly (readonly number[])[];
  /** Candidates of the text that was scanned last. */
  readonly candidates: Candidates;
  /** Adds the candidates of a keyword; made once, because most texts are short. */
  readonly report: Report;
  /** What has been read ahead in the current text. */
  readonly ahead: Ahead;
  /** By rule: the position in the current text before which it is not tried again. */
  readonly resume: Uint32Array;
}

/** A keyword of a rule. */
interface Pair {
  readonly rule: number;
  readonly keyword: string;
  /** Distance from the keyword's last character to the start of a match. */
  readonly back: number;
  /** Characters of a match before the keyword, all of ASCII. */
  readonly before: number;
  /** Minimum number of letters, digits, `_` and `-` after the keyword in every match. */
  readonly least: number;
}

/** A secret found by a rule. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly rule: number;
  /** For personal data: the address or login name. */
  readonly personal?: string;
}

/** Kind of a value that is a secret because of its name; see {@link secretNameStrength}. */
export const NAMED_SECRET = 'assigned-secret';
/** Kind of a text that is masked as a whole because reading it would take too much work. */
export const WORK_LIMIT = 'work-limit';

const NOTHING: Readonly<Record<string, number>> = Object.freeze({});
/** Maximum nesting of decoding and unescaping. */
const DEEPEST = 2;
/**
 * Maximum length of decoded text that is decoded again, so that the total cost stays a small multiple of the text's
 * length.
 */
const LONGEST_NESTED = 65_536;
/** No rule matches anything shorter. */
const SHORTEST = 6;
/** Maximum command lines read at one position. */
const MOST_COMMANDS = 8;

let engine: Engine | undefined;
/** The engine that also finds personal data. */
let fullEngine: Engine | undefined;

/** Created on first use, because the hook imports this file and most of its calls redact nothing. */
function createEngine(list: readonly RedactionRule[]): Engine {
  const pairs = list.flatMap(({ keywords, pattern, before = 0 }, rule): Pair[] =>
    [...keywords]
      .sort((a, b) => b.length - a.length)
      .map((keyword) => ({
        rule,
        keyword,
        back: keyword.length - 1 + before,
        before,
        least: before === 0 ? leastRun(pattern) : 0,
      })),
  );
  const starts = new Map<string, number[]>();
  pairs.forEach(({ keyword }, pair) => starts.set(keyword, [...(starts.get(keyword) ?? []), pair]));
  const parts = {
    scanner: createKeywordScanner([...starts.keys()]),
    rules: list.map((rule) => ({ rule })),
    pairs,
    starts: [...starts.values()],
    candidates: { starts: new Int32Array(64), pairs: new Int32Array(64), count: 0 },
    ahead: new Ahead(),
    resume: new Uint32Array(list.length),
  };
  return {
    ...parts,
    report: (keyword, end, text) => {
      putCandidates(parts, keyword, end, text);
    },
  };
}

/** Returns the minimum number of letters, digits, `_` and `-` that a pattern requires right after its keyword. */
function leastRun(pattern = ''): number {
  const [, least] =
    /^(?:(?:[A-Za-z0-9_-]|\\[.$])+|\(\?:(?:[A-Za-z0-9_|-]|\\[.$])+\))\[(?:[A-Za-z0-9]-[A-Za-z0-9]|_)+-?\]\{([0-9]+)[,}]/.exec(
      pattern,
    ) ?? [];
  return Number(least ?? 0);
}

/**
 * Replaces every secret in `text`, and personal data if `personal` is given. Idempotent. Takes time linear in the
 * length of the text.
 */
export function redact(text: string, personal?: Personal): Redaction {
  const own =
    personal === undefined
      ? (engine ??= createEngine(REDACTION_RULES))
      : (fullEngine ??= createEngine([...REDACTION_RULES, ...PERSONAL_RULES]));
  if (text.length < SHORTEST) return { text, counts: NOTHING };
  const look = scan(own, text);
  return look === 0 ? { text, counts: NOTHING } : redactSeen(own, text, look, personal);
}

/** Redacts a text that was just scanned, in which something was seen. */
function redactSeen(own: Engine, text: string, look: number, personal: Personal | undefined): Redaction {
  const found: Found[] = [];
  own.ahead.allow(text.length);
  find(own, text, look, 0, found);
  if (own.ahead.isSpent) return { text: `[REDACTED:${WORK_LIMIT}]`, counts: { [WORK_LIMIT]: 1 } };
  if (found.length === 0) return { text, counts: NOTHING };
  found.sort((a, b) => a.start - b.start || a.rule - b.rule || b.end - a.end);
  const counts: Record<string, number> = {};
  let result = '';
  let done = 0;
  for (const { start, end, rule, personal: value } of found) {
    if (end <= done) continue;
    if (start >= done) {
      const kind = own.rules[rule]?.rule.name ?? '';
      const placeholder =
        value === undefined || personal === undefined ? `[REDACTED:${kind}]` : personal(kind as PersonalKind, value);
      result += text.slice(done, start) + placeholder;
      counts[kind] = (counts[kind] ?? 0) + 1;
    } else if (value !== undefined && isHostOnly(text, done, end)) continue;
    done = end;
  }
  return { text: result + text.slice(done), counts };
}

/** Returns whether a secret covers all of an address except its host, which identifies the owner of the secret. */
function isHostOnly(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!isNameCharacter(text.charCodeAt(i)) && text.charCodeAt(i) !== 46) return false;
  return true;
}

/** Redacts a text without counting. */
export function redactText(text: string, personal?: Personal): string {
  return redact(text, personal).text;
}

/**
 * Adds all secrets of the text to `found`, in any order. The text is the one that was scanned last.
 *
 * @param look result of {@link scan}.
 * @param wasForm whether the text was derived from one that is, or was, read with `+` as a blank.
 */
function find(own: Engine, text: string, look: number, depth: number, found: Found[], wasForm = false): void {
  if ((look & Look.keyword) !== 0) findPlain(own, text, found);
  if (text.length < SHORTEST_DECODED || depth === DEEPEST || own.ahead.isSpent) return;
  // Lines are joined before they are decoded, so a check of single characters is not enough.
  if ((look & (Look.encoded | Look.break)) !== 0 && (depth === 0 || text.length <= LONGEST_NESTED)) {
    eachDecoded(text, (decoded) => {
      if (own.ahead.isSpent) return;
      const inLook = scan(own, decoded.text);
      if (inLook === 0) return;
      const inside: Found[] = [];
      find(own, decoded.text, inLook, depth + 1, inside);
      inside.sort((a, b) => a.start - b.start || a.rule - b.rule || b.end - a.end);
      const first = inside.find(({ personal }) => personal === undefined) ?? inside[0];
      if (first !== undefined) found.push({ ...first, start: decoded.start, end: decoded.end });
    });
  }
  // The text from which this one was derived was already read as a form.
  const isForm = (look & Look.plus) !== 0 && !wasForm && mayBeForm(text);
  if ((look & LOOK_ESCAPE) !== 0 && mayHaveEscapes(text, look))
    findBehindEscapes(own, text, false, depth, found, wasForm || isForm);
  if (isForm) findBehindEscapes(own, text, true, depth, found, true);
}

/**
 * @param plus whether `+` is a blank.
 * @param wasForm whether the text is read with `+` as a blank as well.
 */
function findBehindEscapes(
  own: Engine,
  text: string,
  plus: boolean,
  depth: number,
  found: Found[],
  wasForm: boolean,
): void {
  const view = own.ahead.isSpent ? undefined : resolveEscapes(text, plus);
  if (view === undefined) return;
  const inside: Found[] = [];
  find(own, view.text, scan(own, view.text), depth + 1, inside, wasForm);
  for (const each of inside) found.push({ ...each, start: view.toSource(each.start), end: view.toSource(each.end) });
}

function findPlain(own: Engine, text: string, found: Found[]): void {
  const resume = own.resume.fill(0);
  const ahead = own.ahead.begin(text);
  const lines: CommandLine[] = [];
  let index = 0;
  const add: Take = (start, end) => void found.push({ start, end, rule: index });
  const take: Take = (start, end) => {
    add(start, end);
    resume[index] = Math.max(resume[index] as number, end);
  };
  const { starts, pairs, count } = own.candidates;
  for (let i = 0; i < count; i++) {
    const start = starts[i] as number;
    const { rule, keyword, before, least } = own.pairs[pairs[i] as number] as Pair;
    if (start < (resume[rule] as number)) continue;
    if (before > 0 && !mayBeBefore(ahead, start, start + before)) continue;
    if (ahead.isSpent) return;
    index = rule;
    ahead.keyword = start;
    const compiled = own.rules[index] as CompiledRule;
    const { reads, pattern } = compiled.rule;
    // An `@` alone is cheap to reject, and frequent where binary data was in base64.
    if (keyword !== '@') ahead.charge(1);
    if (pattern === undefined) {
      const end = start + keyword.length;
      if (reads === 'address' || reads === 'login') readPersonal(ahead, start, end, index, reads, found);
      else if (reads !== undefined && reads !== 'command') READERS[reads]?.(ahead, start, end, take);
      else if (mayRead(lines, keyword, start)) lines.push({ keyword, end: readCommand(ahead, start, end, add) });
      continue;
    }
    if (least > 0 && !hasRun(ahead, start + keyword.length, least)) continue;
    ahead.charge(compiled.rule.work ?? WORK.pattern);
    const end = matchEnd((compiled.expression ??= new RegExp(pattern, 'uy')), text, start);
    if (end === -1) {
      if (compiled.rule.oncePerRun === true) resume[index] = runEnd(text, start);
      continue;
    }
    const { except } = compiled.rule;
    if (except !== undefined && matchEnd((compiled.except ??= new RegExp(except, 'uy')), text, start) !== -1) continue;
    if (reads === undefined) {
      take(start, end);
      continue;
    }
    ahead.charge(WORK.behind);
    if (reads === 'block') {
      const to = blockEnd(text, end);
      if (to !== -1) take(start, to);
    } else if (reads === 'token') readToken(ahead, start, end, take);
    else if (reads === 'flag') readUserFlag(ahead, start, end, take);
    else if (reads === 'vendor') readVendor(ahead, start, end, take);
    else if (reads === 'jwt') {
      const to = jwtEnd(ahead, start);
      if (to === -1) resume[index] = runEnd(text, start);
      else take(start, to);
    } else if (reads === 'basic') {
      const to = basicEnd(ahead, start);
      if (to !== -1) take(start, to);
    }
  }
}

/** A command line that has been read for the secrets of one program. */
interface CommandLine {
  readonly keyword: string;
  readonly end: number;
}

/**
 * Returns whether the line at `start` was not yet read for this program, and the limit of lines at one position is not
 * reached: `sudo env docker exec db mysql -pX` is part of five.
 */
function mayRead(lines: CommandLine[], keyword: string, start: number): boolean {
  let kept = 0;
  let isRead = false;
  for (const line of lines) {
    if (line.end <= start) continue;
    lines[kept++] = line;
    isRead ||= line.keyword === keyword;
  }
  lines.length = kept;
  return !isRead && kept < MOST_COMMANDS;
}

/**
 * Returns whether what stands before a keyword may be of a match: a letter or digit last, and all of it ASCII, for only then is it the
 * same place in bytes, which the collector's processor counts.
 */
const mayBeBefore = (ahead: Ahead, start: number, end: number): boolean =>
  isAlphanumeric(ahead.text.charCodeAt(end - 1)) && !ahead.has(Kind.beyondAscii, start, end);

/** Returns whether `least` letters, digits, `_` and `-` follow at `at`. */
const hasRun = (ahead: Ahead, at: number, least: number): boolean =>
  ahead.next(Kind.nameEnd, at, at + least) === at + least;

function readPersonal(
  ahead: Ahead,
  start: number,
  end: number,
  rule: number,
  reads: 'address' | 'login',
  found: Found[],
): void {
  const take = (from: number, to: number, personal: string): void =>
    void found.push({ start: from, end: to, rule, personal });
  if (reads === 'address') readAddress(ahead.text, start, take);
  else {
    ahead.charge(WORK.part);
    readLogin(ahead.text, start, end, take);
  }
}

/** Readers that begin at a keyword, except those of command lines and of personal data. */
const READERS: Readonly<Partial<Record<Reads, (ahead: Ahead, start: number, end: number, take: Take) => void>>> = {
  assignment: readAssignment,
  authorization: readAuthorization,
  cookies: readCookies,
  url: readUrl,
  userinfo: readUserinfo,
};

/** Positions where matches may begin, in order, with the number of the pair for each. */
interface Candidates {
  starts: Int32Array;
  pairs: Int32Array;
  count: number;
}

/** Reads a text once and finds its candidates. Returns bits of {@link Look}; 0 if there is nothing in it. */
function scan({ scanner, candidates, report }: Engine, text: string): number {
  candidates.count = 0;
  return scanner.scan(text, report);
}

/** Adds the candidates of a keyword that ends at `end`. */
function putCandidates(
  { rules, pairs, starts, candidates }: Omit<Engine, 'report'>,
  keyword: number,
  end: number,
  text: string,
): void {
  const numbers = starts[keyword] as readonly number[];
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    const { rule, back } = pairs[number] as Pair;
    const start = end - back;
    if (start >= 0 && isBounded(text, start, (rules[rule] as CompiledRule).rule.boundary))
      put(candidates, start, number);
  }
}

/**
 * Inserts a candidate in order. Few candidates are found out of order, because a match begins about one keyword before
 * its end.
 */
function put(candidates: Candidates, start: number, pair: number): void {
  if (candidates.count === candidates.starts.length) {
    candidates.starts = doubled(candidates.starts);
    candidates.pairs = doubled(candidates.pairs);
  }
  const { starts, pairs } = candidates;
  let at = candidates.count++;
  for (; at > 0; at--) {
    const [before, other] = [starts[at - 1] as number, pairs[at - 1] as number];
    if (before < start || (before === start && other < pair)) break;
    starts[at] = before;
    pairs[at] = other;
  }
  starts[at] = start;
  pairs[at] = pair;
}

function isBounded(text: string, start: number, boundary: RedactionRule['boundary']): boolean {
  if (boundary === undefined) return true;
  return boundary === 'word' ? hasBoundary(text, start) : hasArgumentBoundary(text, start);
}

/**
 * Returns how much a value under this name in a map must look like a secret; undefined if the name implies none. The
 * name must end in one of the names of the rule {@link NAMED_SECRET}, followed only by letters, digits, `_` and `-`.
 */
export function secretNameStrength(name: string): Strength | undefined {
  const { scanner, rules, pairs, starts } = (engine ??= createEngine(REDACTION_RULES));
  const ahead = new Ahead().begin(name);
  const found: Strength[] = [];
  scanner.scan(name, (keyword, end) => {
    for (const number of starts[keyword] ?? []) {
      const { rule, back } = pairs[number] as Pair;
      if (rules[rule]?.rule.name === NAMED_SECRET && nameEnd(ahead, end + 1) === name.length)
        found.push(strengthOf(name, end - back, end + 1));
    }
  });
  return found.includes('password') ? 'password' : found[0];
}

function matchEnd(expression: RegExp, text: string, start: number): number {
  expression.lastIndex = start;
  return expression.test(text) ? expression.lastIndex : -1;
}
