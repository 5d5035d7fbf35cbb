import type { Token } from './sql-tokens.js';

/**
 * Puts names in the place of the parameters that stand for them (`{x:Identifier}`), so that no name is read later
 * than it is judged. A parameter that is not set stays, for the engine to refuse.
 */
export function withNames(tokens: readonly Token[], params: ReadonlyMap<string, string>): Token[] {
  const named: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const [name, colon, type, close] = tokens.slice(i + 1, i + 5);
    const value = name === undefined ? undefined : params.get(name.text);
    const isName =
      token.text === '{' &&
      name?.kind === 'word' &&
      colon?.text === ':' &&
      type?.value === 'identifier' &&
      close?.text === '}';
    if (isName && value !== undefined) {
      named.push({ ...token, kind: 'name', text: quoteName(latin1(value)), value: latin1(value).toLowerCase() });
      i += 4;
    } else named.push(token);
  }
  return named;
}

/** The statement that these tokens are, and nothing else: no comment, no heredoc, one blank where there were some. */
export function emit(tokens: readonly Token[]): string {
  return tokens
    .map((token) => (token.afterGap ? ' ' : '') + (isHeredoc(token) ? quoteText(token.value) : token.text))
    .join('')
    .trim();
}

const isHeredoc = ({ kind, text }: Token): boolean => kind === 'text' && text.startsWith('$');

export function quoteText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

export function quoteName(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

/** As tokens hold text: one character per byte of UTF-8. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
