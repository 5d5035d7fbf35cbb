import type { RuleCategory } from '#schemas/records/enums.js';

/**
 * Returns the kind of attempt that a rule guards against, derived from its words. Rows are tried from top to bottom,
 * first on the rule's reason, then on its pattern, then on its tool; without a match: `other`.
 */
const WORDS: readonly (readonly [RuleCategory, RegExp])[] = [
  // First, because "Prompt injection: data exfiltration" is an injection.
  ['injection', /injection|jailbreak|instruction override|(ignore|disregard|forget)\b.*\binstructions|system prompt/i],
  [
    'remote-code',
    /\bpip(e|es|ed|ing)\b.*\b(shell|sh|bash|interpreter)\b|remote (script|code)|\b(curl|wget)\b.*\|.*\b(sh|bash|zsh|python|node)\b|base64 .*\|/i,
  ],
  [
    'exfiltration',
    /exfiltrat|data theft|leak(s|ing|age)?\b|\b(reveal|print|dump|upload|send|post)\b.{0,40}(secret|credential|api[_ ]?key|\.env|token)/i,
  ],
  [
    'credential',
    /sensitive|credential|secret|private key|\.env\b|id_(rsa|ed25519)|\.(aws|ssh|npmrc|netrc|kube|gnupg)\b|\/etc\/(shadow|passwd)/i,
  ],
  [
    'destructive',
    /destructive|\brm -|wipe|\bmkfs|\bdd if=|\bshred\b|force.?push|push .*(--force|-f\b)|reset --hard|\b(drop|truncate) (table|database)|chmod .*777|delet(e|es|ing|ion)/i,
  ],
  [
    'egress',
    /egress|outbound|upload|network|169\.254\.169\.254|metadata (service|host|endpoint)|https?:\/\/|\b(curl|wget|nc|ncat|scp)\b/i,
  ],
  ['mcp', /\bmcp(\b|_)/i],
];

const CATEGORIES: ReadonlySet<string> = new Set<RuleCategory>([
  'other',
  'sensitive-file',
  ...WORDS.map(([category]) => category),
]);

/** Validates the `category` field of a policy rule. */
export function isRuleCategory(value: unknown): value is RuleCategory {
  return typeof value === 'string' && CATEGORIES.has(value);
}

/** Returns the rule's own `category`, or the derived one. */
export function categoryOf(rule: {
  readonly tool: string;
  readonly pattern?: RegExp;
  readonly reason?: string;
  readonly category?: RuleCategory;
}): RuleCategory {
  if (rule.category !== undefined) return rule.category;
  const texts = [rule.reason ?? '', plainPattern(rule.pattern?.source ?? ''), rule.tool];
  for (const text of texts) {
    const row = WORDS.find(([, words]) => words.test(text));
    if (row !== undefined) return row[0];
  }
  return 'other';
}

/** Returns approximately the text that a regular expression matches: `rm\s+-rf` as `rm -rf`. */
function plainPattern(source: string): string {
  return source
    .replace(/\\s[+*]?/g, ' ')
    .replace(/\\b/g, ' ')
    .replace(/\\(.)/g, '$1');
}
