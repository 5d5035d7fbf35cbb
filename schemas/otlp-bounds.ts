/**
 * Bounds of one OTLP request. The gateway checks them before it forwards or stores a request, and the collector before
 * it decodes one (`otlp_bounds` in collector/generated/redaction.yaml) with the same numbers.
 */

/** Maximum nesting of messages; the request itself is level 0. An attribute value takes two levels per array or map. */
export const MAX_OTLP_DEPTH = 100;

/**
 * Maximum number of messages and elements of repeated numbers. An empty message takes two bytes on the wire and some
 * hundred in memory, so a limit on bytes is not enough. A span with 15 attributes has 31 entries.
 */
export const MAX_OTLP_ENTRIES = 1_000_000;

/** Maximum bytes of a decompressed request. */
export const MAX_OTLP_BYTES = 32 * 1024 * 1024;
