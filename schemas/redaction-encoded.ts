/**
 * Runs of text in base64, hexadecimal or percent-encoding, for `redaction.ts`. The collector's processor has the same
 * in Go (encoded.go).
 */
export interface Run {
  readonly start: number;
  readonly end: number;
  /** Whether all of it may be hexadecimal. */
  readonly isHex: boolean;
}

/** A run that decodes to fewer bytes than this holds no secret that any rule knows. */
export const SHORTEST_DECODED = 12;
const SHORTEST_BASE64 = (SHORTEST_DECODED / 3) * 4;
const SHORTEST_HEX = SHORTEST_DECODED * 2;

const NOT_IN_ALPHABET = 255;
/** What a byte beyond ASCII decodes to: in no keyword and no space, and one character in Go and in JavaScript. */
const BEYOND_ASCII = 0x7f;
const PERCENT = 37;

/** Values of both alphabets of RFC 4648, the URL's too. */
const base64Values = alphabetValues('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', '-_', 62);
const hexValues = alphabetValues('0123456789abcdef', 'ABCDEF', 10);

function alphabetValues(alphabet: string, others: string, from: number): Uint8Array {
  // One for every UTF-16 code unit, so that no look-up needs a check of its bounds.
  const values = new Uint8Array(65_536).fill(NOT_IN_ALPHABET);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  for (let i = 0; i < others.length; i++) values[others.charCodeAt(i)] = from + i;
  return values;
}

const BASE64 = 1;
const HEX = 2;
/** What encodeURIComponent and its like leave as it is, and the sign of what they do not. */
const ESCAPED = 4;

const alphabets = new Uint8Array(65_536).map((_, code) =>
  (base64Values[code] === NOT_IN_ALPHABET ? 0 : BASE64) |
  (hexValues[code] === NOT_IN_ALPHABET ? 0 : HEX) |
  (/[A-Za-z0-9\-_.~!*'()+%]/.test(String.fromCharCode(code)) ? ESCAPED : 0));

/** The next run of base64 or hexadecimal from `from` that is long enough. Looks at one character of every 16 only. */
export function nextBase64Run(text: string, from: number): Run | undefined {
  for (let i = from + SHORTEST_BASE64 - 1; i < text.length;) {
    if (((alphabets[text.charCodeAt(i)] as number) & BASE64) === 0) {
      i += SHORTEST_BASE64;
      continue;
    }
    const run = runAround(BASE64, text, i, from);
    if (run.end - run.start >= SHORTEST_BASE64) return run;
    i = run.end + SHORTEST_BASE64;
  }
  return undefined;
}

/** The next run from `from` with a percent sign. */
export function nextPercentRun(text: string, from: number): Run | undefined {
  for (let at = text.indexOf('%', from); at !== -1;) {
    const run = runAround(ESCAPED, text, at, from);
    if (run.end - run.start >= SHORTEST_DECODED) return run;
    at = text.indexOf('%', run.end);
  }
  return undefined;
}

function runAround(alphabet: number, text: string, at: number, from: number): Run {
  let start = at;
  let end = at;
  let all = HEX;
  for (let flags = 0; start > from && ((flags = alphabets[text.charCodeAt(start - 1)] as number) & alphabet) !== 0; start--) all &= flags;
  for (let flags = 0; end < text.length && ((flags = alphabets[text.charCodeAt(end)] as number) & alphabet) !== 0; end++) all &= flags;
  return { start, end, isHex: all !== 0 };
}

/** The run as text, or nothing if it begins like no text: most runs are names, paths and digests. */
export function decodeBase64OrHex(text: string, { start, end, isHex }: Run): string {
  if (isHex && end - start < SHORTEST_HEX) return '';
  const values = isHex ? hexValues : base64Values;
  const width = isHex ? 4 : 6;
  const bytes = roomFor(end - start);
  let bits = 0;
  let count = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    bits = ((bits << width) | (values[text.charCodeAt(i)] as number)) & 0xffff;
    count += width;
    if (count < 8) continue;
    count -= 8;
    const byte = (bits >> count) & 0xff;
    if (length < SHORTEST_DECODED && isControl(byte)) return '';
    bytes[length++] = byte > BEYOND_ASCII ? BEYOND_ASCII : byte;
  }
  return bytes.toString('latin1', 0, length);
}

let room = Buffer.alloc(4096);

/** What is decoded into, again and again. */
function roomFor(length: number): Buffer {
  if (room.length < length) room = Buffer.alloc(length * 2);
  return room;
}

const isHexDigit = (text: string, at: number): boolean => hexValues[text.charCodeAt(at)] !== NOT_IN_ALPHABET;
const isControl = (byte: number): boolean => (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) || byte === BEYOND_ASCII;

/** The run with its escapes resolved. */
export function decodePercent(text: string, { start, end }: Run): string {
  const bytes = roomFor(end - start);
  let length = 0;
  for (let i = start; i < end; i++) {
    let code = text.charCodeAt(i);
    if (code === PERCENT && i + 2 < end && isHexDigit(text, i + 1) && isHexDigit(text, i + 2)) {
      code = ((hexValues[text.charCodeAt(i + 1)] as number) << 4) | (hexValues[text.charCodeAt(i + 2)] as number);
      i += 2;
    }
    bytes[length++] = code > BEYOND_ASCII ? BEYOND_ASCII : code;
  }
  return bytes.toString('latin1', 0, length);
}
