/**
 * Keywords for a quick check in a short-lived process: {@link mayHoldSecret} costs less than creating the scanner of
 * `redaction.ts`, and most short texts contain no keyword.
 */
import { REDACTION_RULES, type RedactionRule } from './redaction-rules.js';

/** Returns whether a match of the rule begins with the keyword, at a boundary. */
const isBounded = ({ boundary, before = 0 }: RedactionRule): boolean => boundary !== undefined && before === 0;

const keywordsOf = (rules: readonly RedactionRule[]): string[] => [
  ...new Set(rules.flatMap(({ keywords }) => keywords)),
];

/**
 * Returns whether the keyword is a name that is only relevant with a value. URLs and addresses are recognised by `@`
 * and `:`.
 */
const isName = ({ reads }: RedactionRule): boolean =>
  reads === 'assignment' || reads === 'authorization' || reads === 'cookies';
const isAddress = ({ reads }: RedactionRule): boolean => reads === 'url' || reads === 'userinfo';

/** Keywords that are names and need a value after them. */
export const NAME_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter(isName));

/** Keywords that count at any position. */
export const FREE_KEYWORDS: readonly string[] = keywordsOf(
  REDACTION_RULES.filter((rule) => !isBounded(rule) && !isName(rule) && !isAddress(rule)),
);

/** Keywords that count only where a secret may begin; see `hasBoundary`. */
export const BOUNDED_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter(isBounded)).filter(
  (keyword) => !FREE_KEYWORDS.includes(keyword),
);
