/**
 * A first look at a text, for a process that lives for a millisecond: {@link mayHoldSecret} costs less than making
 * the scanner of `redaction.ts`, and most short texts hold no keyword at all.
 */
import { REDACTION_RULES, type RedactionRule } from './redaction-rules.js';

/** A match of the rule begins with the keyword, at a boundary. */
const isBounded = ({ boundary, before = 0 }: RedactionRule): boolean => boundary !== undefined && before === 0;

const keywordsOf = (rules: readonly RedactionRule[]): string[] => [
  ...new Set(rules.flatMap(({ keywords }) => keywords)),
];

/** What stands before a value, and says nothing without one; URLs and addresses are known by their `@` and `:`. */
const isName = ({ reads }: RedactionRule): boolean =>
  reads === 'assignment' || reads === 'authorization' || reads === 'cookies';
const isAddress = ({ reads }: RedactionRule): boolean => reads === 'url' || reads === 'userinfo';

/** Keywords of names that a value must follow. */
export const NAME_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter(isName));

/** Keywords that count wherever they stand. */
export const FREE_KEYWORDS: readonly string[] = keywordsOf(
  REDACTION_RULES.filter((rule) => !isBounded(rule) && !isName(rule) && !isAddress(rule)),
);

/** Keywords that count only where a secret may begin; see `hasBoundary`. */
export const BOUNDED_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter(isBounded)).filter(
  (keyword) => !FREE_KEYWORDS.includes(keyword),
);
