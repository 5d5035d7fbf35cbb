/** Counts what a request made us do, also where it was refused: OTLP messages and list elements, values of a JSON body. */
export interface Meter {
  entries: number;
}
