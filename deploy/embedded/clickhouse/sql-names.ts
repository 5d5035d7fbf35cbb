import { tokensOf } from './sql-tokens.js';

/**
 * A piece of a statement as rules about it need it: names unquoted, parameters that stand for names
 * (`{x:Identifier}`) replaced by what they stand for.
 */
export interface Piece {
  /** `name`: keyword, identifier or quoted identifier; `text`: a string; `mark`: anything else, numbers included. */
  readonly kind: 'name' | 'text' | 'mark';
  /** Unquoted and, for names, in lower case: rules compare without regard to case. */
  readonly value: string;
  readonly depth: number;
  /** A bare word: may be a keyword. */
  readonly isBare: boolean;
}

/** @param sql bytes as latin1 */
export function piecesOf(sql: string, params: ReadonlyMap<string, string>): Piece[] {
  const plain: Piece[] = [];
  for (const token of tokensOf(sql)) plain.push({ ...pieceOf(token.text, token.kind), depth: token.depth });
  const pieces: Piece[] = [];
  for (let i = 0; i < plain.length; i++) {
    const piece = plain[i];
    if (piece === undefined) break;
    const [name, colon, type, close] = plain.slice(i + 1, i + 5);
    if (piece.value === '{' && name?.kind === 'name' && colon?.value === ':' && type?.value === 'identifier' && close?.value === '}') {
      // Parameters arrive with escapes, as in TSV.
      pieces.push({ kind: 'name', value: unescape(paramOf(params, name.value)).toLowerCase(), depth: piece.depth, isBare: false });
      i += 4;
    } else pieces.push(piece);
  }
  return pieces;
}

function pieceOf(text: string, kind: 'word' | 'quoted' | 'symbol'): Omit<Piece, 'depth'> {
  if (kind === 'word') return { kind: 'name', value: text.toLowerCase(), isBare: true };
  if (kind === 'symbol') return { kind: 'mark', value: text, isBare: false };
  const first = text[0] ?? '';
  if (first === '"' || first === '`') {
    return { kind: 'name', value: unescape(text.slice(1, -1).replaceAll(first + first, first)).toLowerCase(), isBare: false };
  }
  // Smart quotes, seen as latin1: double ones quote a name, single ones a string.
  if (text.startsWith('\u00e2\u0080\u009c')) return { kind: 'name', value: text.slice(3, -3).toLowerCase(), isBare: false };
  if (first === "'") return { kind: 'text', value: unescape(text.slice(1, -1).replaceAll("''", "'")), isBare: false };
  return { kind: 'text', value: text, isBare: false };
}

/** Parameter names are case-sensitive for the engine; here any of them that differs only in case counts. */
function paramOf(params: ReadonlyMap<string, string>, name: string): string {
  return [...params].filter(([key]) => key.toLowerCase() === name).map(([, value]) => value).join('.');
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', 0: '\0', a: '\u0007', v: '\v', e: '\u001b' };

/** Undoes backslashes as the engine does. */
function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|N|([\s\S]))/g, (_all, hex: string | undefined, c: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    return c === undefined ? '' : (ESCAPES[c] ?? c);
  });
}
