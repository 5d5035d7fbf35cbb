/** A line in which something was masked. */
interface Masked {
  readonly kind: string;
  readonly line: string;
  readonly text: string;
  /** The lines behind it. */
  readonly after: string;
  readonly extension: string;
}

/** Files of data: a value after a name is a literal without quotes too. */
const DATA = new Set([
  '',
  '.cfg',
  '.conf',
  '.env',
  '.html',
  '.ini',
  '.json',
  '.md',
  '.properties',
  '.rst',
  '.sh',
  '.tf',
  '.toml',
  '.txt',
  '.xml',
  '.yaml',
  '.yml',
]);
/** Kinds that have a place of their own in a protocol: any text there is the password. */
const PLACES = new Set([
  'authorization',
  'basic-auth',
  'bearer-token',
  'cookie',
  'url-password',
  'userinfo',
  'command-secret',
  'query-key',
  'url-signature',
  'pgpass-password',
  'smtp-auth',
  'oracle-password',
  'redis-password',
  'sql-password',
  'secure-string',
  'htpasswd-password',
  'piped-password',
  'bundler-credential',
]);

/**
 * The rule by which what was masked is counted as a secret, although a package has it for a test or an example; undefined where none
 * holds, which is a false positive:
 *
 * - `key`: a key block with 16 characters of base64 or more;
 * - `place`: a password in the place that a protocol has for it (URL, header, command line), of literal text;
 * - `form`: a token in a vendor's form, not within a longer run of base64;
 * - `literal`: a literal under a secret's name, in quotes or in a file of data, which has a digit or is a password's.
 */
export function truthOf({
  kind,
  line,
  text,
  after,
  extension,
}: Masked): 'key' | 'place' | 'form' | 'literal' | undefined {
  const start = text.indexOf('[REDACTED:');
  const rest = text.length - text.indexOf(']', start) - 1;
  // Of several masked parts, all from the first on.
  const part = text.includes('[REDACTED:', start + 1) ? line.slice(start) : line.slice(start, line.length - rest);
  if (kind === 'private-key')
    return /KEY[^\n]{0,20}-----[^A-Za-z0-9+/]{0,10}(?:n[^A-Za-z0-9+/]{0,4})?[A-Za-z0-9+/]{16}/.test(
      `${part.replaceAll('\\n', '')}\n${after}`,
    )
      ? 'key'
      : undefined;
  if (PLACES.has(kind)) return /%[sv]|[{}\\]|\[[a-z:&]/.test(part) ? undefined : 'place';
  if (kind === 'assigned-secret' || kind === 'vendor-credential') {
    const value =
      /^[^=:,> ]{1,80}?(?:["'`\]]{0,2}[ \t]{0,8}(?:[=:,>]|=>|:=)+|[ ])[ \t]{0,8}(.*)$/s.exec(part)?.[1] ?? part;
    const literal = /["'`]/.test(value.charAt(0)) || (DATA.has(extension) && !/[()[\]{}<>$]/.test(value));
    return literal && (/[0-9]/.test(value) || /pass|pwd/i.test(part.slice(0, part.length - value.length)))
      ? 'literal'
      : undefined;
  }
  return /[A-Za-z0-9+/]{20}[+/]$/.test(line.slice(0, start)) ? undefined : 'form';
}
