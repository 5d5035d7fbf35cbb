/**
 * Counts the processed entries of a request, also of a rejected one: OTLP messages and list elements, or JSON values.
 */
export interface Meter {
  entries: number;
}
