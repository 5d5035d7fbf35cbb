import { z } from 'zod';
import { SEVERITIES, findingCategory, grade, severity } from '../records/enums.js';
import { canonicalRepository, REPOSITORY_PATTERN } from '../records/repository.js';
import { redactText } from '../redaction.js';

/** Postgres text cannot hold NUL, and logs should not contain other control characters. */
const PRINTABLE = /^[^\u0000-\u001f\u007f]*$/;

/** Single-line text of at most `max` characters. Secrets in it are masked, because people paste them. */
export const text = (max: number) =>
  z.string().min(1).max(max).regex(PRINTABLE, 'text without control characters').overwrite(redactText);

/**
 * Multi-line text of at most `max` characters; secrets in it are masked. No control characters of any kind (C0, C1,
 * separators, bidirectional marks), so that a terminal shows exactly the text.
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

/** Repository name in any spelling; a secret in it is masked. */
export const recordedName = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => REPOSITORY_PATTERN.test(name), 'owner/name, or host/path, without spaces')
  .overwrite(redactText)
  .meta({ example: 'acme/agent-platform' });

/** Repository name, `owner/name` on github.com and `host/path` elsewhere; converted to the canonical name. */
export const repositoryName = recordedName.overwrite(canonicalRepository).meta({ example: 'acme/agent-platform' });

/** ISO 8601 with a time zone. */
export const timestamp = z.iso.datetime({ offset: true });

/** AgentShield's fingerprint of a finding. Its trailing hash is kept; the rest is rebuilt from scrubbed text. */
export const fingerprint = z.string().regex(/::sha256:[a-z0-9-]{1,64}$/, 'id::file::sha256:...');

/** A date, or date and time with a time zone. */
export const moment = z.union(
  [z.iso.datetime({ offset: true }), z.iso.date()],
  'an ISO 8601 date, or date and time with a time zone',
);

/** A count sent by a producer: a non-negative integer far below the column's maximum. */
export const count = z.int().min(0).max(10_000_000);
export const score = z.int().min(0).max(100);

/** Counts by severity with their sum, as in AgentShield's inspection. */
export const findingCounts = z.object({
  total: count,
  critical: count,
  high: count,
  medium: count,
  low: count,
  info: count,
});

export { SEVERITIES, findingCategory, grade, severity };

/** Query parameters `limit` and `cursor` of a list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(1_000).default(100).meta({ description: 'Maximum entries per page.' }),
  cursor: z.string().max(2_000).optional().meta({ description: '`nextCursor` of the previous page.' }),
};

/** Cursor of the next page; null for the last page. */
export const nextCursor = z.string().nullable();

/** Fields of the body that were dropped, with the reason; absent when there are none. */
export const warnings = z.array(z.string()).optional();

/** Start of the history that the plan shows, if earlier data was requested; null when nothing was cut. */
export const historyFrom = z.string().nullable();
