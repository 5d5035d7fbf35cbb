import { ShieldwatchError } from '#schemas/errors.js';
import { postureQuery } from '#schemas/http/posture.js';
import { fromZod } from '../errors/from-zod.js';

type Bucket = 'hour' | 'day';

/** A stretch of time and its whole buckets. */
export interface Window {
  bucket: Bucket;
  from: Date;
  to: Date;
  /** Seconds since 1970 of the first bucket's start and of the last one's end. */
  start: number;
  end: number;
}

const SECONDS: Readonly<Record<Bucket, number>> = { hour: 3_600, day: 86_400 };
const MAX_DAYS: Readonly<Record<Bucket, number>> = { hour: 60, day: 400 };
const DEFAULT_DAYS = 7;
const DAY_MS = 86_400_000;
/** The store's times end here; what lies behind is a mistake. */
const LATEST = Date.UTC(2100, 0, 1);

/** Reads `from`, `to` and `bucket`. @throws ShieldwatchError 400 naming the parameter. */
export function parseWindow(query: unknown): Window {
  const parsed = postureQuery.safeParse(query);
  if (!parsed.success) throw fromZod(parsed.error, query, 'query_invalid');
  const { bucket } = parsed.data;
  const to = parsed.data.to === undefined ? new Date() : readDate(parsed.data.to, 'to');
  const from =
    parsed.data.from === undefined ? new Date(to.getTime() - DEFAULT_DAYS * DAY_MS) : readDate(parsed.data.from, 'from');
  if (from >= to) throw invalid('from', 'a time before `to`');
  if (to.getTime() - from.getTime() > MAX_DAYS[bucket] * DAY_MS) {
    throw invalid('from', `at most ${String(MAX_DAYS[bucket])} days before \`to\` with bucket=${bucket}`);
  }
  const size = SECONDS[bucket];
  return {
    bucket,
    from,
    to,
    start: Math.max(0, Math.floor(from.getTime() / 1_000 / size) * size),
    end: Math.ceil(to.getTime() / 1_000 / size) * size,
  };
}

function readDate(text: string, field: string): Date {
  const date = new Date(text);
  if (!(date.getTime() >= 0 && date.getTime() <= LATEST)) throw invalid(field, 'a time between 1970 and 2100');
  return date;
}

function invalid(field: string, expected: string): ShieldwatchError {
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
