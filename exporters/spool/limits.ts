const MEGABYTE = 1024 * 1024;

/** Bounds of a spool folder, in bytes. */
export interface SpoolLimits {
  /** Bytes of all segments together; beyond it the oldest is deleted. */
  readonly total: number;
  /** One segment; a writer that finds it larger begins the next. */
  readonly segment: number;
}

/** `SHIELDWATCH_SPOOL_MAX_MB` (default 64, at least 1), in segments of an eighth of it and at most 4 MB. */
export function spoolLimits(env: NodeJS.ProcessEnv): SpoolLimits {
  const megabytes = Number(env['SHIELDWATCH_SPOOL_MAX_MB'] || 64);
  const total = (megabytes >= 1 ? megabytes : megabytes > 0 ? 1 : 64) * MEGABYTE;
  return { total, segment: Math.min(4 * MEGABYTE, Math.ceil(total / 8)) };
}
