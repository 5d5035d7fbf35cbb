import { variable } from '../environment.js';

const MEGABYTE = 1024 * 1024;

/** Limits of a spool folder, in bytes. */
export interface SpoolLimits {
  /** All segments together; beyond it the oldest is deleted. */
  readonly total: number;
  /** One segment; beyond it a writer begins the next. */
  readonly segment: number;
}

/** Reads `SHIELDWATCH_SPOOL_MAX_MB` (default 64, at least 1); segments are an eighth of it and at most 4 MB. */
export function spoolLimits(env: NodeJS.ProcessEnv): SpoolLimits {
  const megabytes = Number(variable(env, 'SHIELDWATCH_SPOOL_MAX_MB') || 64);
  const total = (megabytes >= 1 ? megabytes : megabytes > 0 ? 1 : 64) * MEGABYTE;
  return { total, segment: Math.min(4 * MEGABYTE, Math.ceil(total / 8)) };
}
