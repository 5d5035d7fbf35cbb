/**
 * Counts what `redact` does with a text, and makes the texts that cost it most: repetitions of what its readers look at.
 * For the tests that bound the work, and for the bench that times the worst of these texts.
 */
import { ENTITIES } from '../redaction-escapes.js';
import { REDACTION_RULES } from '../redaction-rules.js';
import { PERSONAL_RULES } from '../redaction-personal.js';
import { redact, redactText, WORK_LIMIT, type Personal } from '../redaction.js';
import { VOCABULARY } from '../redaction-vocabulary.js';

/** An attempt at a regular expression, in characters read: its patterns are anchored and bounded. */
const EXPRESSION = 16;

type Method = (this: unknown, ...args: never[]) => unknown;

/** How many characters a call has read. */
type Cost = (self: string, result: unknown, args: readonly unknown[]) => number;

const one: Cost = () => 1;
const result: Cost = (_, text) => (text as string).length;
const part: Cost = (_, __, [text]) => String(text).length;
const whole: Cost = (self) => self.length;
const search: Cost = (self, found, [text, from]) => {
  const at = typeof found === 'number' ? found : self.indexOf(String(text));
  return (at === -1 ? self.length : at + String(text).length) - Number(from ?? 0);
};

const COSTS: Readonly<Record<string, Cost>> = {
  charCodeAt: one,
  codePointAt: one,
  charAt: one,
  slice: result,
  toLowerCase: result,
  trim: whole,
  startsWith: part,
  endsWith: part,
  indexOf: search,
  includes: search,
  split: whole,
  replace: whole,
};

/**
 * Characters that strings and regular expressions read while `run` runs. What the program reads in texts that it makes of
 * the first one (decoded, or with its escapes resolved) counts as well.
 */
export function readsOf(run: () => void): number {
  let reads = 0;
  let isOwn = false;
  const undo: (() => void)[] = [];
  const count = (prototype: object, name: string, cost: Cost): void => {
    const original = Reflect.get(prototype, name) as Method;
    const counting = function (this: unknown, ...args: never[]): unknown {
      const value = original.apply(this, args);
      if (!isOwn) {
        isOwn = true;
        reads += cost(this as string, value, args);
        isOwn = false;
      }
      return value;
    };
    Object.defineProperty(prototype, name, { value: counting, configurable: true, writable: true });
    undo.push(() => Object.defineProperty(prototype, name, { value: original, configurable: true, writable: true }));
  };
  try {
    for (const [name, cost] of Object.entries(COSTS)) count(String.prototype, name, cost);
    for (const name of ['test', 'exec']) count(RegExp.prototype, name, () => EXPRESSION);
    run();
  } finally {
    for (const each of undo) each();
  }
  return reads;
}

export const repeat = (piece: string, size: number): string =>
  piece.repeat(Math.ceil(size / piece.length)).slice(0, size);

const kept: Personal = (kind) => `[${kind}]`;

/** Characters read for each character of a text of `size` in which the piece is repeated, personal data being looked for too. */
export const readsPerCharacter = (piece: string, size: number): number => {
  const text = repeat(piece, size);
  return readsOf(() => redact(text, kept)) / size;
};

/** What a text becomes that exceeds the limit of work. */
export const LIMITED = `[REDACTED:${WORK_LIMIT}]`;

/** Pieces that, repeated, exceed the limit: with characters of one, two and three bytes and of two UTF-16 units, and in escapes and base64. */
const DENSE = [
  'token ',
  'mysqli( é',
  'password ',
  'api_key 漢 ',
  'secret 😀é ',
  '--user é ',
  'etsy%3D',
  'auth\\u003d+',
  `${Buffer.from('tokenauth token=').toString('base64')} `,
];

/** The longest text of each dense piece that is still read, and the shortest one that is masked as a whole. */
export function textsAtLimit(): string[] {
  return DENSE.flatMap((piece) => {
    let [read, limited] = [1, 16_384];
    while (limited - read > 1) {
      const middle = (read + limited) >> 1;
      if (redactText(piece.repeat(middle)) === LIMITED) limited = middle;
      else read = middle;
    }
    return [piece.repeat(read), piece.repeat(limited)];
  });
}

const KEYWORDS = [...new Set([...REDACTION_RULES, ...PERSONAL_RULES].flatMap(({ keywords }) => keywords))];

/** What readers and escapes are made of: every sign, quote, escape and assignment that the engine knows. */
const SIGNS = [
  ...Array.from('\\"\'`()[]{}<>@:%&+=?.,;|/-_*#~$! \t\n\r'),
  '“',
  '”',
  'é',
  '漢',
  '\u001b[1m',
  '[0m',
  '\u200b',
  '\u00a0',
  '\\\\',
  '\\\\\\',
  '\\n',
  '\\"',
  '\\u0041',
  '\\u003d',
  '\\x3d',
  '\\U0000003d',
  '\\101',
  '\\u{3d}',
  '\\/',
  '%41',
  '%2541',
  '%3D',
  '%25',
  '25',
  '%u003d',
  '&#61;',
  '&#x3d;',
  '&amp;',
  '&amp;amp;',
  ...Object.keys(ENTITIES)
    .slice(0, 4)
    .map((name) => `&${name};`),
  '://',
  '::',
  ':=',
  '=>',
  ':::=',
  '=\\',
  '+=',
  '="',
  '=(',
  ': ',
  ' = ',
  '--',
  ' --',
  '[redacted',
  '.git',
  '://a:b',
  'a.b@',
  '@b.co',
  ':1a@',
  'value',
  'set ',
  'string',
  'BEGIN ',
  'PRIVATE KEY-----',
  '-----END',
  'password ',
  'Basic ',
  'Credential=',
];

/** What fills the rest. */
const FILL = ['a', 'A', '1', 'aB', 'a1', 'x1.', 'QUJD', 'Zk8mQv4Rt2Lx', '2e2e', 'aAAA', 'abcdefghijklmnopqrstuvwxyz'];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Keywords of one rule are read alike: the shortest and the longest. */
const ENDS = [
  ...new Set(
    [...REDACTION_RULES, ...PERSONAL_RULES].flatMap(({ keywords }) => {
      const sorted = [...keywords].sort((a, b) => a.length - b.length);
      return [sorted[0] ?? '', sorted.at(-1) ?? ''];
    }),
  ),
];
const READ_BY_HAND = new Set(
  [...REDACTION_RULES, ...PERSONAL_RULES]
    .filter(({ reads }) => reads !== undefined)
    .flatMap(({ keywords }) => keywords),
);

/** Every keyword, alone and before each sign, and every two signs. */
export const PIECES: readonly string[] = [
  ...new Set([
    ...KEYWORDS.flatMap((keyword) => [keyword, `${keyword}=\\`, `${capital(keyword)} `]),
    ...ENDS.filter((keyword) => READ_BY_HAND.has(keyword)).flatMap((keyword) =>
      SIGNS.flatMap((sign) => [`${keyword}${sign}`, `${keyword}=${sign}`]),
    ),
    ...SIGNS.flatMap((sign) => SIGNS.map((other) => `${sign}${other}`)),
    Object.keys(VOCABULARY.commands).join(' '),
  ]),
];

/** Numbers that repeat: the same ones for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export interface Worst {
  readonly piece: string;
  readonly reads: number;
}

/** Sizes at which pieces are compared, and at which the best of them are. */
const [SMALL, LARGE] = [1024, 4096];

/**
 * The pieces that cost most, by a search from random ones: of each, an atom is put in, taken out or replaced as long as
 * that makes it slower. Worst first; the same ones for the same seed.
 */
export function worstPieces(starts: number, steps: number, seed: number): Worst[] {
  const random = randomOf(seed);
  const any = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const atom = (): string => {
    const which = random(10);
    return which < 4 ? any(KEYWORDS) : which < 8 ? any(SIGNS) : any(FILL);
  };
  const reads = (atoms: readonly string[]): number => readsPerCharacter(atoms.join(''), LARGE);
  return Array.from({ length: starts }, () => {
    let atoms = Array.from({ length: 1 + random(5) }, atom);
    let most = reads(atoms);
    for (let step = 0; step < steps; step++) {
      const next = [...atoms];
      const at = random(next.length);
      const change = random(3);
      if (change === 0 && next.length > 1) next.splice(at, 1);
      else if (change === 1) next.splice(at, 0, atom());
      else next[at] = atom();
      const found = reads(next);
      if (found > most || (found === most && next.length < atoms.length)) [atoms, most] = [next, found];
    }
    return { piece: atoms.join(''), reads: most };
  }).sort((a, b) => b.reads - a.reads);
}

/** How much is searched. */
export interface Search {
  /** Of {@link PIECES}, every so many are tried. */
  readonly every: number;
  readonly starts: number;
  readonly steps: number;
}

/** The worst of {@link PIECES} and of a search; the same ones for the same seed. */
export function worstOf(count: number, { every, starts, steps }: Search, seed: number): Worst[] {
  const listed = PIECES.filter((_, index) => index % every === 0)
    .map((piece) => ({ piece, reads: readsPerCharacter(piece, SMALL) }))
    .sort((a, b) => b.reads - a.reads)
    .slice(0, count)
    .map(({ piece }) => ({ piece, reads: readsPerCharacter(piece, LARGE) }));
  return [...listed, ...worstPieces(starts, steps, seed)].sort((a, b) => b.reads - a.reads).slice(0, count);
}
