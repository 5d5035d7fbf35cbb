import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { fetchPackage, type Pin } from './pinned-package.js';

const GITLEAKS: Pin = {
  registry: 'go',
  name: 'github.com/zricethezav/gitleaks/v8',
  version: 'v8.30.1',
  integrity: 'h1:PmEvCfVI7ti9dV3s5aMZUY7sS2GxRvG3yzih7E+cS3w=',
};
const SECRETLINT: Pin = {
  registry: 'npm',
  name: '@secretlint/secretlint-rule-preset-recommend',
  version: '11.7.1',
  integrity: 'sha512-LsiEhDWoXi9GNx1Zp5eYRNajeUvBrZ82h3k/vzFqo0WoSdmpyDnkkzBTLXqWqj1VNyPCcTwlxOqnEmlz6lXc7A==',
};
const DATA = join(packageRoot(), 'schemas', 'redaction.rivals.json');

/** What gitleaks puts around the pattern of a secret: its rule generator's constants. */
const NAME_BEFORE = /^(?:\(\?i\))?(?:\[\\w\.-\]\{0,50\}\?(?:\(\?i:)?){1,2}\(\?:/;
const BETWEEN = `)(?:[ \\t\\w.-]{0,20})[\\s'"]{0,3}`;
const OPERATOR = '(?:=|>|:{1,3}=|\\|\\||:|=>|\\?=|,)[\\x60\'"\\s=]{0,5}(';
const BEHIND = `)(?:[\\x60'"\\s;]|\\\\[nr]|$)`;

/**
 * Reads the rules of gitleaks and secretlint from their pinned packages, for `schemas/redaction-rivals.test.ts`. Writes
 * `schemas/redaction.rivals.json` where `argument` is `write`; else compares with it.
 *
 * @throws CommandError where a package is not what was pinned, has another form than expected, or the committed list is another.
 */
export function soakRedactionRivals(argument: string, err: (line: string) => void): Promise<void> {
  const gitleaks = gitleaksRules(readFileSync(join(fetchPackage(GITLEAKS, err), 'config', 'gitleaks.toml'), 'utf8'));
  const secretlint = secretlintRules(join(fetchPackage(SECRETLINT, err), 'package', 'module'));
  // One rule a line.
  const list = ({ name, version }: Pin, rules: object): string =>
    `{\n"source": "${name}@${version}, MIT",\n"rules": {\n${Object.entries(rules)
      .map(([id, rule]) => `${JSON.stringify(id)}: ${JSON.stringify(rule)}`)
      .join(',\n')}\n}}`;
  err(
    `${String(Object.keys(gitleaks).length)} rules of gitleaks, ${String(Object.keys(secretlint).length)} of secretlint`,
  );
  const text = `{"gitleaks": ${list(GITLEAKS, gitleaks)},\n"secretlint": ${list(SECRETLINT, secretlint)}}\n`;
  if (argument === 'write') writeFileSync(DATA, text);
  else if (readFileSync(DATA, 'utf8') !== text)
    throw new CommandError(
      'redaction.rivals.json is another than the packages have: npm run soak -- redaction-rivals write',
    );
  return Promise.resolve();
}

/** By rule: the pattern of the secret and, where the rule asks for one, of the name before it; of a file only, nothing. */
function gitleaksRules(toml: string): Record<string, { name?: string; secret?: string }> {
  const rules: Record<string, { name?: string; secret?: string }> = {};
  for (const block of toml.split('\n[[rules]]\n').slice(1)) {
    const own = block.split(/\n\[/)[0] ?? '';
    const id = /^id = "([^"]+)"$/m.exec(own)?.[1];
    const regex = /^regex = '''(.*)'''$/m.exec(own)?.[1];
    if (id === undefined) throw new CommandError('gitleaks.toml: a rule without an id');
    rules[id] = regex === undefined ? {} : partsOf(regex);
  }
  return rules;
}

/** Splits off the name before the secret, and what gitleaks writes around every secret. */
function partsOf(regex: string): { name?: string; secret: string } {
  const bare = (pattern: string): string =>
    pattern.endsWith(BEHIND) ? pattern.slice(0, -BEHIND.length).replace(/^\(\?i\)\\b\(|^\\b\(/, '') : pattern;
  const before = NAME_BEFORE.exec(regex);
  const between = regex.indexOf(BETWEEN);
  const operator = regex.indexOf(OPERATOR);
  if (before === null || between === -1 || operator === -1) return { secret: bare(regex) };
  // Of several alternatives the first is meant; gitleaks writes them one behind the other.
  const [secret = ''] = regex.slice(operator + OPERATOR.length).split(`${BEHIND}|`);
  return {
    name: regex.slice(before[0].length, between),
    secret: secret.endsWith(BEHIND) ? secret.slice(0, -BEHIND.length) : secret,
  };
}

/** By rule: its messages, one for each kind of secret, and its patterns; from the sources that its source maps carry. */
function secretlintRules(folder: string): Record<string, { messages: string[]; patterns: string[] }> {
  const rules: Record<string, { messages: string[]; patterns: string[] }> = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.js.map'))) {
    const map = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { sources: string[]; sourcesContent: string[] };
    for (const [at, path] of map.sources.entries()) {
      const name = /\/secretlint-rule-([a-z0-9-]+)\/module\/index\.js$/.exec(path)?.[1];
      const source = map.sourcesContent[at] ?? '';
      const messages = /export const messages = \{\n(.*?)\n\};/s.exec(source)?.[1];
      if (name === undefined || messages === undefined) continue;
      rules[name] = {
        messages: [...messages.matchAll(/^ {4}(\w+): \{$/gm)].map(([, id = '']) => id),
        patterns: [...source.matchAll(/^\s*const \w*pattern\w* = \/(.*)\/[a-z]*;$/gim)].map(([, each = '']) => each),
      };
    }
  }
  return Object.fromEntries(Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1)));
}
