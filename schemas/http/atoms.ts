import { z } from 'zod';
import { SEVERITIES, findingCategory, grade, severity } from '../records/enums.js';
import { canonicalRepository, REPOSITORY_PATTERN } from '../records/repository.js';
import { redactText } from '../redaction.js';

/** Postgres text cannot hold NUL, and a log line should hold no other control character. */
const PRINTABLE = /^[^\u0000-\u001f\u007f]*$/;

/** Text for people, of at most `max` characters; secrets in it are masked, since people paste them. */
export const text = (max: number) =>
  z.string().min(1).max(max).regex(PRINTABLE, 'text without control characters').overwrite(redactText);

/**
 * Prose of several lines, of at most `max` characters; secrets in it are masked. Without control characters of any kind
 * (C0, C1, separators, writing direction): whoever reads it in a terminal sees what is there.
 */
export const prose = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(
      /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$/,
      'text without control characters but line feeds',
    )
    .overwrite(redactText);

/** Name under which a repository's data was recorded, in whatever spelling; a secret in it is masked. */
export const recordedName = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => REPOSITORY_PATTERN.test(name), 'owner/name, or host/path, without spaces')
  .overwrite(redactText)
  .meta({ example: 'acme/agent-platform' });

/** Name of a repository, `owner/name` on github.com and `host/path` elsewhere; becomes the canonical one. */
export const repositoryName = recordedName.overwrite(canonicalRepository).meta({ example: 'acme/agent-platform' });

/** ISO 8601 with a time zone. */
export const timestamp = z.iso.datetime({ offset: true });

/** AgentShield's fingerprint of a finding. It ends in a hash, which is kept; what stands before it is made anew of scrubbed text. */
export const fingerprint = z.string().regex(/::sha256:[a-z0-9-]{1,64}$/, 'id::file::sha256:...');

/** A date, or date and time with a time zone. */
export const moment = z.union(
  [z.iso.datetime({ offset: true }), z.iso.date()],
  'an ISO 8601 date, or date and time with a time zone',
);

/** Counts of a producer: whole, not negative, far below what a column holds. */
export const count = z.int().min(0).max(10_000_000);
export const score = z.int().min(0).max(100);

/** Counts by severity with their sum, as AgentShield's inspection has them. */
export const findingCounts = z.object({
  total: count,
  critical: count,
  high: count,
  medium: count,
  low: count,
  info: count,
});

export { SEVERITIES, findingCategory, grade, severity };

/** `?limit` and `?cursor` of a list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(1_000).default(100).meta({ description: 'Most entries of a page.' }),
  cursor: z.string().max(2_000).optional().meta({ description: '`nextCursor` of the page before.' }),
};

/** Where the next page begins; null: this is the last one. */
export const nextCursor = z.string().nullable();

/** What was dropped of a body, and why; absent when nothing was. */
export const warnings = z.array(z.string()).optional();

/** Where the history begins that the plan shows, if something older was asked for; null: nothing was cut off. */
export const historyFrom = z.string().nullable();
