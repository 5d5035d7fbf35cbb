/**
 * Finds text in base64 (of ASCII, or of UTF-16 as in PowerShell) and in hexadecimal, at any offset within a run of
 * these alphabets: `/tmp/`, `x-` and `token/` belong to the alphabet too and shift the text after them. The collector's
 * processor implements the same in Go (encoded.go).
 */
import { BACKSLASH } from './redaction-text.js';

/** Decoded text and its position. */
export interface Decoded {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** No rule matches a text of fewer bytes. */
export const SHORTEST_DECODED = 12;
const SHORTEST_BASE64 = (SHORTEST_DECODED / 3) * 4;
const SHORTEST_HEX = SHORTEST_DECODED * 2;
/** Two bytes per character. */
const SHORTEST_UTF16 = SHORTEST_BASE64 * 2;
/** Minimum length of a line of base64 that is joined with the next one: encoders wrap at 64 or 76. */
const SHORTEST_WRAPPED_LINE = 40;
/**
 * Maximum characters between two lines of base64: the break, written out or not, an indent, and marks of a quotation, a
 * comment or a diff.
 */
const LONGEST_BREAK = 64;

const NOT_IN_ALPHABET = 255;
/**
 * Replacement for a decoded byte beyond ASCII: part of no keyword, not a space, and one character in Go and in
 * JavaScript.
 */
const BEYOND_ASCII = 0x7f;

/** Values of both alphabets of RFC 4648, including the URL-safe one. */
const base64Values = alphabetValues('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', '-_', 62);
const hexValues = alphabetValues('0123456789abcdef', 'ABCDEF', 10);

function alphabetValues(alphabet: string, others: string, from: number): Uint8Array {
  // An entry for every UTF-16 code unit, so that look-ups need no bounds check.
  const values = new Uint8Array(65_536).fill(NOT_IN_ALPHABET);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  for (let i = 0; i < others.length; i++) values[others.charCodeAt(i)] = from + i;
  return values;
}

/** How text looks in an encoding: the possible characters by position within a period. */
interface Form {
  readonly period: number;
  /** Number of characters for {@link SHORTEST_DECODED} bytes of text. */
  readonly shortest: number;
  /** Bit of {@link places} for the first position of the period. */
  readonly bit: number;
  /** First and last bit of its field in a window; see {@link windows}. */
  readonly window: readonly [first: number, last: number];
}
const BASE64: Form = { period: 4, shortest: SHORTEST_BASE64, bit: 0, window: [7, 14] };
const UTF16: Form = { period: 8, shortest: SHORTEST_UTF16, bit: 4, window: [29, 31] };
const HEX: Form = { period: 2, shortest: SHORTEST_HEX, bit: 12, window: [15, 28] };
const FORMS = [BASE64, HEX, UTF16];

/** By character: a bit for each position of each form at which text may have it. */
const places = new Uint16Array(65_536);
for (let code = 0; code < 128; code++)
  places[code] = placesOf(base64Values[code] ?? NOT_IN_ALPHABET, hexValues[code] ?? NOT_IN_ALPHABET);

function placesOf(value: number, hex: number): number {
  const low = value & 15;
  let bits = 0;
  if (value !== NOT_IN_ALPHABET) {
    // Three bytes of text: no byte has its highest bit set, and none except tab and line break is below 32.
    if (value >= 2 && value < 32) bits |= 1;
    if ((value & 8) === 0 && (low === 0 || low >= 2)) bits |= 2;
    if ((value & 2) === 0) bits |= 4;
    bits |= 8;
    // Three characters of UTF-16, low byte first: t0 t0 t0.
    if (value >= 2 && value < 32) bits |= 1 << 4;
    if (low === 0) bits |= 1 << 5;
    if (value < 2) bits |= 1 << 6;
    bits |= 1 << 7;
    if (value === 0) bits |= (1 << 8) | (1 << 11);
    if (value < 8) bits |= 1 << 9;
    if ((value & 3) === 0) bits |= 1 << 10;
  }
  if (hex !== NOT_IN_ALPHABET) bits |= (hex === 0 || (hex >= 2 && hex < 8) ? 1 << 12 : 0) | (1 << 13);
  return bits;
}

/**
 * By character: bits for a window over the last characters of a text, for all forms and alignments together. Bit n of a
 * form's field is set while the last n + 1 characters may be the first n + 1 of text in that form. For each character
 * the window is shifted by one, gets {@link WINDOW_STARTS}, and loses the bits that the character lacks. If the last
 * bit of a field was never set, there is no text in that form. (Fields are shorter than the shortest text, which
 * affects few runs.) The lowest seven bits are free for the column in a table of characters.
 */
export const windows = new Int32Array(65_536);
export const WINDOW_STARTS = FORMS.reduce((bits, { window: [first] }) => bits | (1 << first), 0);
/** The last bit of each field. */
export const WINDOW_ENDS = FORMS.reduce((bits, { window: [, last] }) => bits | (1 << last), 0);
for (const {
  period,
  bit,
  window: [first, last],
} of FORMS) {
  for (let code = 0; code < 128; code++) {
    for (let i = first; i <= last; i++)
      windows[code] =
        (windows[code] as number) | ((((places[code] as number) >> (bit + ((i - first) % period))) & 1) << i);
  }
}

/**
 * A run of an alphabet, possibly over several lines: `[start, end)` without {@link gaps}, which are pairs of indices.
 */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly gaps: readonly number[];
}

const NO_GAPS: readonly number[] = [];

/**
 * Calls `take` for each text of at least twelve bytes that is encoded in `text`; several times if more than one
 * alignment is possible.
 */
export function eachDecoded(text: string, take: (decoded: Decoded) => void): void {
  for (let i = SHORTEST_BASE64 - 1, from = 0; i < text.length;) {
    if (base64Values[text.charCodeAt(i)] === NOT_IN_ALPHABET) {
      i += SHORTEST_BASE64;
      continue;
    }
    const run = runAround(text, i, from);
    if (run.end - run.start >= SHORTEST_BASE64) decodeRun(text, run, take);
    from = run.end;
    i = run.end + SHORTEST_BASE64;
  }
}

function runAround(text: string, at: number, from: number): Run {
  let start = at;
  let end = at;
  while (start > from && base64Values[text.charCodeAt(start - 1)] !== NOT_IN_ALPHABET) start -= 1;
  while (end < text.length && base64Values[text.charCodeAt(end)] !== NOT_IN_ALPHABET) end += 1;
  if (isEscapedBreak(text, start - 1)) start += 1;
  if (end - start < SHORTEST_WRAPPED_LINE) return { start, end, gaps: NO_GAPS };
  const gaps: number[] = [];
  const mark = diffMark(text, start);
  for (let line = start; end - line >= SHORTEST_WRAPPED_LINE;) {
    const next = nextLine(text, end, mark);
    if (next === -1) break;
    let lineEnd = next;
    while (lineEnd < text.length && base64Values[text.charCodeAt(lineEnd)] !== NOT_IN_ALPHABET) lineEnd += 1;
    if (lineEnd === next) break;
    gaps.push(end, next);
    line = next;
    end = lineEnd;
  }
  return { start, end, gaps };
}

const isEscapedBreak = (text: string, at: number): boolean =>
  text.charCodeAt(at) === BACKSLASH && 'nr'.includes(text.charAt(at + 1) || ' ');

/** Returns the sign of a diff (which belongs to the alphabet) at the beginning of the line at `start`. */
function diffMark(text: string, start: number): string {
  const mark = text.charAt(start);
  const isFirst = start === 0 || '\n\r'.includes(text.charAt(start - 1)) || isEscapedBreak(text, start - 2);
  return isFirst && (mark === '+' || mark === '-') ? mark : '';
}

/** Returns the start of the next line if the line ends at `at`; otherwise -1. */
function nextLine(text: string, at: number, mark: string): number {
  let isBroken = false;
  let i = at;
  while (i < text.length && i < at + LONGEST_BREAK) {
    const character = text.charAt(i);
    if (character === '\\') {
      let letter = i;
      while (text.charCodeAt(letter) === BACKSLASH) letter += 1;
      if (text.charAt(letter) !== 'n' && text.charAt(letter) !== 'r') return -1;
      isBroken = true;
      i = letter;
    } else if (character === '\n' || character === '\r') isBroken = true;
    else if (!' \t>|#*"\','.includes(character)) break;
    i += 1;
  }
  if (!isBroken) return -1;
  return mark !== '' && text.charAt(i) === mark ? i + 1 : i;
}

function decodeRun(text: string, run: Run, take: (decoded: Decoded) => void): void {
  const seen = run.gaps.length === 0 ? windowsIn(text, run.start, run.end) : WINDOW_ENDS;
  for (const form of FORMS) {
    if (run.end - run.start >= form.shortest && ((seen >> form.window[1]) & 1) === 1) decodeForm(text, run, form, take);
  }
}

/** Returns all bits that a window over `[start, end)` has had. */
function windowsIn(text: string, start: number, end: number): number {
  let window = 0;
  let seen = 0;
  for (let i = start; i < end; i++) {
    window = ((window << 1) | WINDOW_STARTS) & (windows[text.charCodeAt(i)] as number);
    seen |= window;
  }
  return seen;
}

/** Decodes the run at each alignment that contains text, from where the text begins. */
function decodeForm(text: string, run: Run, form: Form, take: (decoded: Decoded) => void): void {
  const isWhole = run.gaps.length === 0;
  const whole = isWhole ? text : withoutGaps(text, run);
  const [start, end] = isWhole ? [run.start, run.end] : [0, whole.length];
  for (let alignment = 0; alignment < form.period && start + alignment + form.shortest <= end; alignment++) {
    const first = firstText(whole, start + alignment, end, form);
    if (first === -1) continue;
    const last = form === HEX ? hexEnd(whole, first, end) : end;
    const decoded = form === HEX ? decodeHex(whole, first, last) : decodeBase64(whole, first, last, form === UTF16);
    take({ text: decoded, start: inRun(run, first), end: last === end ? run.end : inRun(run, last) });
  }
}

/**
 * Returns the first position, a multiple of the period from `start`, from which `shortest` characters may be text; or
 * -1.
 */
function firstText(text: string, start: number, end: number, { period, shortest, bit }: Form): number {
  for (let first = start; first + shortest <= end;) {
    let i = shortest - 1;
    while (i >= 0 && (((places[text.charCodeAt(first + i)] as number) >> (bit + (i % period))) & 1) === 1) i -= 1;
    if (i < 0) return first;
    first += i - (i % period) + period;
  }
  return -1;
}

function withoutGaps(text: string, { start, end, gaps }: Run): string {
  let result = '';
  let from = start;
  for (let i = 0; i < gaps.length; i += 2) {
    result += text.slice(from, gaps[i]);
    from = gaps[i + 1] ?? end;
  }
  return result + text.slice(from, end);
}

/** Converts an index in the run without gaps to an index in the text. */
function inRun({ start, gaps }: Run, at: number): number {
  if (gaps.length === 0) return at;
  let place = start + at;
  for (let i = 0; i < gaps.length && (gaps[i] ?? 0) <= place; i += 2) place += (gaps[i + 1] ?? 0) - (gaps[i] ?? 0);
  return place;
}

let room = Buffer.alloc(4096);

/** Returns the reused output buffer. */
function roomFor(length: number): Buffer {
  if (room.length < length) room = Buffer.alloc(length * 2);
  return room;
}

function decodeBase64(text: string, start: number, end: number, dropsZeros: boolean): string {
  const bytes = roomFor(end - start);
  let bits = 0;
  let count = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    bits = ((bits << 6) | (base64Values[text.charCodeAt(i)] as number)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const byte = (bits >> count) & 0xff;
    if (byte === 0 && dropsZeros) continue;
    bytes[length++] = byte > BEYOND_ASCII ? BEYOND_ASCII : byte;
  }
  return bytes.toString('latin1', 0, length);
}

function hexEnd(text: string, start: number, end: number): number {
  let i = start;
  while (i < end && hexValues[text.charCodeAt(i)] !== NOT_IN_ALPHABET) i += 1;
  return i;
}

function decodeHex(text: string, start: number, end: number): string {
  const bytes = roomFor(end - start);
  let length = 0;
  for (let i = start; i + 1 < end; i += 2) {
    const byte = ((hexValues[text.charCodeAt(i)] as number) << 4) | (hexValues[text.charCodeAt(i + 1)] as number);
    bytes[length++] = byte > BEYOND_ASCII ? BEYOND_ASCII : byte;
  }
  return bytes.toString('latin1', 0, length);
}

/**
 * Returns whether base64 at `[start, end)` decodes to `user:password`, like an HTTP credential: printable, with a
 * colon.
 */
export function saysUserAndPassword(text: string, start: number, end: number): boolean {
  let bits = 0;
  let count = 0;
  let hasColon = false;
  for (let i = start; i < end; i++) {
    bits = ((bits << 6) | ((base64Values[text.charCodeAt(i)] as number) & 63)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const byte = (bits >> count) & 0xff;
    if (byte < 32) return false;
    hasColon ||= byte === 58;
  }
  return hasColon;
}
