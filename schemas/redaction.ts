/**
 * The one list of secret patterns. The producers and the gateway run it in TypeScript, the collector's
 * configuration is generated from it, so a pattern is added here and nowhere else.
 *
 * A pattern must be valid in JavaScript and in RE2 (no look-around, no back-references), and each of its
 * quantifiers bounded at 1000 or less: bounded quantifiers keep the run time linear, and RE2 refuses more.
 * The whole match is replaced. Keywords gate a rule: it runs only on text that holds one of them
 * (compared in lower case), which is what keeps clean text nearly free; gitleaks gates its rules the same way.
 */
export interface RedactionRule {
  /** Kind of secret; part of the placeholder `[REDACTED:<name>]`. */
  readonly name: string;
  /** Lower-case strings, one of which every match contains. */
  readonly keywords: readonly string[];
  /** Regular expression source. */
  readonly pattern: string;
  readonly ignoreCase?: true;
}

/** Up to 5,000 characters of a class. Nothing follows it in a pattern, so it is still read once. */
const long = (characters: string): string => `${characters}{0,1000}`.repeat(5);

export const REDACTION_RULES: readonly RedactionRule[] = [
  { name: 'anthropic-key', keywords: ['sk-ant-'], pattern: 'sk-ant-[A-Za-z0-9_-]{12,300}' },
  { name: 'openai-key', keywords: ['sk-'], pattern: '(?:\\b|_)sk-[A-Za-z0-9_-]{12,300}' },
  { name: 'github-token', keywords: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], pattern: 'gh[pousr]_[A-Za-z0-9_]{12,255}' },
  { name: 'github-pat', keywords: ['github_pat_'], pattern: 'github_pat_[A-Za-z0-9_]{20,255}' },
  { name: 'gitlab-token', keywords: ['glpat-'], pattern: 'glpat-[A-Za-z0-9_-]{12,255}' },
  { name: 'npm-token', keywords: ['npm_'], pattern: 'npm_[A-Za-z0-9]{20,255}' },
  { name: 'linear-key', keywords: ['lin_api_'], pattern: 'lin_api_[A-Za-z0-9]{20,255}' },
  {
    name: 'stripe-key',
    keywords: ['_live_', '_test_'],
    pattern: '(?:\\b|_)(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{12,255}',
  },
  { name: 'xai-key', keywords: ['xai-'], pattern: '(?:\\b|_)xai-[A-Za-z0-9_-]{20,255}' },
  { name: 'google-key', keywords: ['aiza'], pattern: 'AIza[A-Za-z0-9_-]{20,255}' },
  { name: 'huggingface-token', keywords: ['hf_'], pattern: 'hf_[A-Za-z0-9]{20,255}' },
  { name: 'vercel-token', keywords: ['vercel_'], pattern: '(?:\\b|_)vercel_[A-Za-z0-9]{20,255}' },
  { name: 'aws-access-key', keywords: ['akia', 'asia'], pattern: '(?:AKIA|ASIA)[0-9A-Z]{16}' },
  { name: 'slack-token', keywords: ['xox'], pattern: '(?:\\b|_)xox[abeprs]-[A-Za-z0-9-]{10,255}' },
  {
    name: 'slack-webhook',
    keywords: ['hooks.slack.com'],
    pattern: 'hooks\\.slack\\.com/services/[A-Za-z0-9/_-]{20,255}',
  },
  { name: 'shieldwatch-token', keywords: ['eccp_'], pattern: 'eccp_[A-Za-z0-9]{20,255}' },
  {
    name: 'jwt',
    keywords: ['eyj'],
    // Header and payload are JSON objects, so both begin with {" in base64.
    pattern: `(?:\\b|_)eyJ[A-Za-z0-9_-]{8,1000}\\.eyJ${long('[A-Za-z0-9_.-]')}`,
  },
  {
    name: 'private-key',
    keywords: ['private key'],
    pattern: `-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----${long('[A-Za-z0-9+/=\\s\\\\]')}`,
  },
  {
    name: 'url-password',
    keywords: ['://'],
    pattern: '[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\\s:/@"\']{0,100}:[^\\s/@"\']{1,200}@',
  },
  {
    name: 'bearer-token',
    keywords: ['bearer '],
    pattern: '\\bbearer [A-Za-z0-9._~+/=-]{12,1000}',
    ignoreCase: true,
  },
  {
    name: 'basic-auth-flag',
    keywords: ['-u ', '-u=', '--user'],
    pattern: '(?:\\s|^|\\()(?:-u|--user)[ =]["\']?[^\\s:"\']{1,100}:[^\\s"\')]{1,200}',
  },
  {
    name: 'assigned-secret',
    keywords: ['password', 'passwd', 'pwd', 'secret', 'token', 'api_key', 'apikey', 'api-key', 'access_key'],
    pattern:
      '(?:password|passwd|pwd|secret|token|api[_-]?key|access_key)[A-Za-z0-9_-]{0,40}["\']?\\s{0,3}[:=]\\s{0,3}["\']?[^\\s"\'<>\\[\\]{},;:=][^\\s"\'<>\\[\\]{},;]{7,255}',
    ignoreCase: true,
  },
];

interface CompiledRule {
  readonly placeholder: string;
  readonly name: string;
  readonly expression: RegExp;
}

const compiled: readonly CompiledRule[] = REDACTION_RULES.map((rule) => ({
  name: rule.name,
  placeholder: `[REDACTED:${rule.name}]`,
  expression: new RegExp(rule.pattern, rule.ignoreCase === true ? 'gi' : 'g'),
}));

const rulesByKeyword = new Map<string, number[]>();
REDACTION_RULES.forEach((rule, index) => {
  for (const keyword of rule.keywords) rulesByKeyword.set(keyword, [...(rulesByKeyword.get(keyword) ?? []), index]);
});

const escapeForRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const anyKeyword = new RegExp([...rulesByKeyword.keys()].map(escapeForRegExp).join('|'), 'i');

export interface Redaction {
  /** The text with each secret replaced by `[REDACTED:<kind>]`. */
  readonly text: string;
  /** Number of replacements by kind; empty when nothing was found. */
  readonly counts: Readonly<Record<string, number>>;
}

const NOTHING: Readonly<Record<string, number>> = Object.freeze({});

/** Replaces every secret in `text`. Redacting twice changes nothing more. */
export function redact(text: string): Redaction {
  if (!anyKeyword.test(text)) return { text, counts: NOTHING };
  const lower = text.toLowerCase();
  const hit = new Set<number>();
  for (const [keyword, indexes] of rulesByKeyword) {
    if (lower.includes(keyword)) for (const index of indexes) hit.add(index);
  }
  const counts: Record<string, number> = {};
  let result = text;
  for (const [index, rule] of compiled.entries()) {
    if (!hit.has(index)) continue;
    result = result.replace(rule.expression, () => {
      counts[rule.name] = (counts[rule.name] ?? 0) + 1;
      return rule.placeholder;
    });
  }
  return { text: result, counts };
}

/** {@link redact} where the counts are not wanted. */
export function redactText(text: string): string {
  return redact(text).text;
}
