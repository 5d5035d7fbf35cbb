/** Facts older than this are frozen with their series: later arrivals for that time are quarantined. */
export const FACT_RETENTION_DAYS = 730;
/** Records dated further in the future are rejected (REST) or quarantined (OTLP). */
export const MAX_FUTURE_DAYS = 1;
/** Latest end of a window, in milliseconds since 1970: the store's times end in 2106, and later values are mistakes. */
export const LATEST_MOMENT = Date.UTC(2100, 0, 1);
/** Default days for which a landing row is kept. */
export const DEFAULT_LANDING_RETENTION_DAYS = 90;
