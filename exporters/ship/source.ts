import type { DecisionRecord } from '#schemas/records/decision.js';

/** Content of a line: a decision, or the number of records that a full spool made its writer drop. */
export type Item =
  { readonly kind: 'decision'; readonly record: DecisionRecord } | { readonly kind: 'dropped'; readonly count: number };

/** A file of lines that is appended to. */
export interface Source {
  readonly path: string;
  /** Key of its offset. */
  readonly key: string;
  /** Parses the line that begins at byte `start`; undefined if it is nothing known. */
  read(line: string, start: number): Item | undefined;
}
