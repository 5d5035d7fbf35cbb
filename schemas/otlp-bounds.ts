/**
 * What one OTLP request may hold. The gateway counts before it passes a request on or stores it, and the collector counts
 * again before it reads one (`otlp_bounds` in collector/generated/redaction.yaml): the numbers are the same.
 */

/** Messages inside messages; the request itself is level 0. An attribute value nests two per array or map. */
export const MAX_OTLP_DEPTH = 100;

/**
 * Messages and elements of repeated numbers. An empty message costs two bytes on the wire and some hundred in memory, so
 * bytes alone bound nothing. A span of 15 attributes is 31 entries.
 */
export const MAX_OTLP_ENTRIES = 1_000_000;

/** Bytes of a request when decompressed. */
export const MAX_OTLP_BYTES = 32 * 1024 * 1024;
