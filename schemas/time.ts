/** Facts older than this are frozen with their series: later arrivals for that time are quarantined. */
export const FACT_RETENTION_DAYS = 730;
/** A record dated further ahead than this is refused (REST) or quarantined (OTLP). */
export const MAX_FUTURE_DAYS = 1;
/** Windows end before this, milliseconds since 1970: the store's times end in 2106, and what lies behind is a mistake. */
export const LATEST_MOMENT = Date.UTC(2100, 0, 1);
/** Days a landing row lives unless the org's plan says otherwise. */
export const DEFAULT_LANDING_RETENTION_DAYS = 90;
