/** One measured number, with what it must reach. Printed as one JSON line on standard output. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly better: 'lower' | 'higher';
  /** Below this the product is not shipped. */
  readonly floor: number;
  /** What we are after. */
  readonly goal: number;
}

/** What a bench needs of the program around it. */
export interface BenchReport {
  figure(figure: Omit<Figure, 'bench'>): void;
  /** Progress, and the absolute numbers behind a ratio: for people, on standard error. */
  note(line: string): void;
}

/** A part of a bench that can be run alone. */
export type BenchPart = (report: BenchReport) => Promise<void>;

/** Key order and four significant digits are the contract with whoever collects the lines. */
export function figureLine({ bench, metric, value, better, floor, goal }: Figure): string {
  return JSON.stringify({ bench, metric, value: Number(value.toPrecision(4)), better, floor, goal });
}

/** Where a figure stands, in words. */
export function standing({ value, better, floor, goal }: Figure): string {
  const reaches = (bar: number): boolean => (better === 'lower' ? value <= bar : value >= bar);
  if (reaches(goal)) return 'goal reached';
  return reaches(floor) ? 'floor held' : 'BELOW THE FLOOR';
}
