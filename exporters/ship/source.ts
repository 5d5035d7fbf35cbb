import type { DecisionRecord } from '#schemas/records/decision.js';

/** What a line tells: a decision, or how many records a full spool made its writer drop. */
export type Item =
  { readonly kind: 'decision'; readonly record: DecisionRecord } | { readonly kind: 'dropped'; readonly count: number };

/** A file that grows by lines. */
export interface Source {
  readonly path: string;
  /** Under which its offset is kept. */
  readonly key: string;
  /** What is in the line that begins at byte `start`; undefined when it is nothing we know. */
  read(line: string, start: number): Item | undefined;
}
