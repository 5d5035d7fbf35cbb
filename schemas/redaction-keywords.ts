/**
 * A first look at a text, for a process that lives for a millisecond: {@link mayHoldSecret} costs less than making
 * the scanner of `redaction.ts`, and most short texts hold no keyword at all.
 */
import { REDACTION_RULES, type RedactionRule } from './redaction-rules.js';

/** A match of the rule begins with the keyword, and no letter or digit stands before it. */
const isBounded = ({ boundary, before = 0 }: RedactionRule): boolean => boundary === 'word' && before === 0;

const keywordsOf = (rules: readonly RedactionRule[]): string[] => [...new Set(rules.flatMap(({ keywords }) => keywords))];

/** Keywords that count wherever they stand. */
export const FREE_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter((rule) => !isBounded(rule)));

/** Keywords that count only where no letter or digit stands before them. */
export const BOUNDED_KEYWORDS: readonly string[] = keywordsOf(REDACTION_RULES.filter(isBounded)).filter((keyword) => !FREE_KEYWORDS.includes(keyword));
