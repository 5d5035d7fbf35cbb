import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { REDACTION_RULES } from '../redaction-rules.js';
import { packageRoot } from '../root.js';

interface Vector {
  readonly name: string;
  readonly input: readonly string[];
}

/** One fake secret of each kind: the vectors that bear a rule's name. */
export const SECRETS: readonly { readonly kind: string; readonly secret: string }[] = (
  JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.vectors.json'), 'utf8')) as Vector[]
)
  .filter(({ name }) => REDACTION_RULES.some((rule) => rule.name === name))
  .map(({ name, input }) => ({ kind: name, secret: input.slice(1, -1).join('') }));

interface Cases {
  readonly masked: readonly {
    readonly name: string;
    readonly text: readonly string[];
    readonly secret: readonly string[];
  }[];
  readonly kept: readonly { readonly name: string; readonly text: string; readonly keep: string }[];
}
const CASES = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.cases.json'), 'utf8')) as Cases;

/** Texts as they stand in logs, and the secret in each; and texts that only look like one, which stay as they are. */
export const MASKED = CASES.masked.map(({ name, text, secret }) => ({
  name,
  text: text.join(''),
  secret: secret.join(''),
}));
export const KEPT = CASES.kept;

/** Words that suppress other detectors. Here they change nothing. */
const SUPPRESSIONS = [
  'secretlint-disable',
  'secretlint-disable-line',
  'gitleaks:allow',
  'nosec',
  'pragma: allowlist secret',
  'NOSONAR',
  'trufflehog:ignore',
];

/** Texts with a secret that such a word is written before, behind and above. */
export const SUPPRESSED = MASKED.flatMap(({ name, text, secret }) =>
  SUPPRESSIONS.flatMap((word) =>
    [`${text} # ${word}`, `// ${word}\n${text}`, `/* ${word} */ ${text}`].map((suppressed) => ({
      name: `${name}, ${word}`,
      text: suppressed,
      secret,
    })),
  ),
);

const ESC = '\u001b';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const wrapped = (text: string, width: number): string =>
  (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\n');
const json = (text: string, times: number): string =>
  times === 0 ? text : JSON.stringify({ level: times, message: json(text, times - 1) });
const entities = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
/** Long enough to be wrapped, with the secret at another place of the line for each kind. */
const longText = (secret: string): string =>
  `# settings of ${secret.length} characters, read at the start of the service\nexport THING='${secret}'\nexport OTHER=1\n`;

/** A secret as it travels: every text here is what a tool writes, with the secret in it. */
export const CONTAINERS: Readonly<Record<string, (secret: string) => string>> = {
  bare: (secret) => secret,
  JSON: (secret) => json(secret, 1),
  'JSON in JSON': (secret) => json(secret, 2),
  'JSON in JSON in JSON': (secret) => json(secret, 3),
  'JSON after an escaped newline': (secret) => JSON.stringify({ output: `first line\n${secret}\nlast line` }),
  'JSON after a tab, escaped three times': (secret) => json(`column\t${secret}\tcolumn`, 3),
  'JSON with escaped slashes': (secret) => JSON.stringify({ output: secret }).replaceAll('/', '\\/'),
  'shell transcript with colours': (secret) =>
    `${ESC}[1;32muser@host${ESC}[0m:${ESC}[34m~${ESC}[0m$ cat key\r\n${ESC}[32m${secret}${ESC}[0m\r\n$ `,
  'colours in JSON': (secret) => JSON.stringify({ stdout: `${ESC}[32m${secret}${ESC}[0m` }),
  'colours without their escape character': (secret) => `[32m${secret}[0m`,
  YAML: (secret) => `service:\n  name: api\n  thing: ${JSON.stringify(secret)}\n  list:\n    - ${secret}\n`,
  '.env': (secret) => `NODE_ENV=production\nTHING=${secret}\nexport OTHER="${secret}"\n`,
  INI: (secret) => `[default]\nregion = eu-central-1\nthing = ${secret}\n; end\n`,
  TOML: (secret) => `[server]\nthing = ${JSON.stringify(secret)}\nport = 8080\n`,
  XML: (secret) =>
    `<?xml version="1.0"?><configuration><add key="thing" value="${entities(secret)}"/><thing>${entities(secret)}</thing></configuration>`,
  HTML: (secret) => `<p>Output:&nbsp;<code>&quot;${entities(secret)}&quot;</code></p>`,
  'URL query': (secret) => `https://api.example.test/v1/items?limit=10&thing=${encodeURIComponent(secret)}&page=2`,
  'URL path': (secret) => `https://api.example.test/v1/${encodeURIComponent(secret)}/items`,
  form: (secret) => new URLSearchParams({ a: '1', thing: secret, b: '2' }).toString(),
  'HTTP header block': (secret) =>
    `GET /v1 HTTP/1.1\r\nHost: api.example.test\r\nX-Thing: ${secret}\r\nAccept: */*\r\n\r\n`,
  'argument of curl': (secret) => `curl -sS -X POST -H 'X-Thing: ${secret}' -d "${secret}" https://api.example.test`,
  'argument of a program': (secret) => `deploy --thing '${secret}' --dry-run`,
  'list of arguments': (secret) => `["deploy","--thing",${JSON.stringify(secret)}]`,
  SQL: (secret) => `INSERT INTO settings (name, value) VALUES ('thing', '${secret.replaceAll("'", "''")}');`,
  'stack trace': (secret) =>
    `Error: cannot use ${secret}\n    at connect (/srv/app/src/client.ts:10:5)\n    at main (/srv/app/src/main.ts:3:1)`,
  diff: (secret) => `--- a/.env\n+++ b/.env\n@@ -1 +1 @@\n-THING=old\n+${secret}\n`,
  base64,
  'base64 of a file': (secret) => base64(longText(secret)),
  'base64 behind a path': (secret) => `/tmp/${base64(secret)}`,
  'base64 behind x-': (secret) => `x-${base64(secret)}`,
  'base64 behind token/': (secret) => `token/${base64(secret)}`,
  'base64 for URLs': (secret) => `state=${Buffer.from(longText(secret)).toString('base64url')}&x=1`,
  'base64 wrapped at 64': (secret) => wrapped(base64(longText(secret)), 64),
  'base64 wrapped at 76': (secret) => wrapped(base64(longText(secret)), 76),
  'base64 wrapped in JSON': (secret) => JSON.stringify({ data: wrapped(base64(longText(secret)), 76) }),
  'UTF-16 base64': (secret) =>
    `powershell -EncodedCommand ${Buffer.from(`Write-Host '${secret}'`, 'utf16le').toString('base64')}`,
  'percent-encoded': (secret) =>
    [...Buffer.from(secret)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  'percent-encoded twice': (secret) => encodeURIComponent(encodeURIComponent(`"${secret}"`)),
  hexadecimal: (secret) => Buffer.from(secret).toString('hex'),
  'hexadecimal behind a path': (secret) => `/tmp/0x${Buffer.from(longText(secret)).toString('hex')}`,
  'first character escaped': (secret) => `"\\u${secret.charCodeAt(0).toString(16).padStart(4, '0')}${secret.slice(1)}"`,
};

/** Measured, and not promised. */
export const BEYOND: Readonly<Record<string, (secret: string) => string>> = {
  'base64 twice': (secret) => base64(base64(longText(secret))),
  'base64 of gzip': (secret) => gzipSync(longText(secret)).toString('base64'),
  'split by a line break': (secret) => `${secret.slice(0, secret.length / 2)}\n${secret.slice(secret.length / 2)}`,
};

/** What can be read in a text, by functions of Node's own: each encoding at every place it may begin. */
function readingsOf(text: string): string[] {
  const joined = text.replace(/(?:\\+n|\s)+/g, '');
  const runs = [text, joined].flatMap((each) => each.match(/[A-Za-z0-9+/_-]{16,}/g) ?? []);
  const decoded = runs.flatMap((run) =>
    [0, 1, 2, 3].flatMap((shift) => {
      const bytes = Buffer.from(run.slice(shift), 'base64').toString('latin1');
      return [
        bytes,
        bytes.replaceAll('\0', ''),
        Buffer.from(run.slice(shift).replace(/[^0-9a-f].*$/i, ''), 'hex').toString('latin1'),
      ];
    }),
  );
  const unzipped = decoded
    .filter((each) => each.startsWith('\u001f\u008b\b\0\0'))
    .map((each) => gunzipSync(Buffer.from(each, 'latin1'), { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1'));
  const percent = (each: string): string =>
    each.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return [
    text,
    percent(text),
    percent(percent(text)),
    ...decoded,
    ...unzipped,
    ...(text.match(/[0-9a-f]{16,}/gi) ?? []).map((run) => Buffer.from(run, 'hex').toString('latin1')),
  ];
}

/** The end of what is random in a fake secret. */
const coreOf = (secret: string): string =>
  (secret.match(/[A-Za-z0-9]*(?:FAKE|fake|FAE|fae|KE0)[A-Za-z0-9]*/g) ?? [secret]).at(-1)?.slice(-7) ?? secret;

/** Returns whether a secret can still be read in its container after redaction. */
export function isMissed(
  redact: (text: string) => string,
  container: (secret: string) => string,
  secret: string,
): boolean {
  const core = coreOf(secret);
  return readingsOf(redact(container(secret))).some((reading) => reading.includes(core));
}

/** Signs at which readers decide. */
const SIGNS = [
  ' ',
  '  ',
  '\n',
  '\t',
  '\r\n',
  '"',
  "'",
  '`',
  '\\',
  '\\\\',
  '\\n',
  '\\"',
  '\\u0067',
  '\\x41',
  '\\/',
  '\\033[',
  '%',
  '%20',
  '%25',
  '%2520',
  '%3D',
  '&',
  '&amp;',
  '&quot;',
  '&#64;',
  '&amp;lt;',
  '=',
  ':',
  '::',
  ':=',
  '=>',
  '==',
  ',',
  ';',
  '|',
  '@',
  '.',
  '/',
  '://',
  '-',
  '--',
  '_',
  '+',
  '<',
  '>',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '${',
  '{{',
  '$',
  '*',
  '#',
  '~',
  '\u001b[32m',
  '[0m',
  '\u200b',
  '\u00a0',
  '“',
  '”',
  '«',
  'é',
  'ü',
  '🔒',
  '漢',
  '\u00d7',
  '+',
  '\u0000',
  '\u0130',
  '\u212a',
];
const WORDS = [
  'app',
  'admin',
  'Zk8mQv4Rt2Lx',
  'FAKE0000fake',
  'swordfish',
  '12345678',
  'value',
  'name',
  'set',
  'curl',
  'mysql',
  'docker login',
  '-u',
  '-p',
  '--user',
  'localhost',
  'db.example.test',
  'Basic',
  'Bearer',
  'Token',
  'alice@example.com',
  'alice',
  'example.com',
  '.com',
  'xn--bcher-kva',
  '/home/',
  'C:\\Users\\',
  'git',
  '1.2',
  '[192.0.2.1]',
  'YXBwOlprOG1RdjRSdDJMeHh4',
  'redacted',
  'REDACTED',
  'config.secret',
  'getToken',
  'SecretString',
  'correct horse battery',
  'enter your',
  'H4sIAAAA',
  '-----BEGIN RSA PRIVATE KEY-----',
  '-----END',
  'iVBORw0KGgo',
];

/** Texts made of what the engine looks at, the same ones for the same seed. */
export function generatedTexts(count: number, seed: number): string[] {
  const keywords = REDACTION_RULES.flatMap((rule) => rule.keywords);
  const secrets = [
    ...SECRETS.map(({ secret }) => secret),
    ...MASKED.map(({ text }) => text).filter((text) => text.length < 300),
    ...KEPT.map(({ text }) => text).filter((text) => text.length < 300),
  ];
  const contained = fc
    .tuple(fc.constantFrom(...secrets), fc.constantFrom(...Object.values(CONTAINERS)))
    .map(([secret, container]) => container(secret));
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...SIGNS) },
    { weight: 4, arbitrary: fc.constantFrom(...WORDS) },
    { weight: 4, arbitrary: fc.constantFrom(...keywords) },
    { weight: 1, arbitrary: fc.constantFrom(...keywords).map((keyword) => keyword.toUpperCase()) },
    { weight: 2, arbitrary: fc.constantFrom(...secrets) },
    { weight: 2, arbitrary: contained },
    { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
    { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9+/_-]{1,60}$/) },
    { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9=]{60,300}$/) },
  );
  return fc.sample(
    fc
      .array(piece, { minLength: 1, maxLength: 14 })
      .map((pieces) => pieces.join('').replace(/\p{Surrogate}/gu, '\ufffd')),
    { numRuns: count, seed },
  );
}
