/** One measured number with its floor and goal. Printed as one JSON line on standard output. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly better: 'lower' | 'higher';
  /** Worse than this, the product is not released. */
  readonly floor: number;
  /** The target. */
  readonly goal: number;
}

/** What a bench needs from its caller. */
export interface BenchReport {
  figure(figure: Omit<Figure, 'bench'>): void;
  /** Writes progress and the absolute numbers behind a ratio to standard error. */
  note(line: string): void;
}

/** One part of a bench, which can run alone. */
export type BenchPart = (report: BenchReport) => Promise<void>;

/**
 * Returns the figure as a JSON line. Key order and four significant digits are a contract with the programs that
 * collect the lines.
 */
export function figureLine({ bench, metric, value, better, floor, goal }: Figure): string {
  return JSON.stringify({ bench, metric, value: Number(value.toPrecision(4)), better, floor, goal });
}

/** Describes a figure relative to floor and goal. */
export function standing({ value, better, floor, goal }: Figure): string {
  const reaches = (bar: number): boolean => (better === 'lower' ? value <= bar : value >= bar);
  if (reaches(goal)) return 'goal reached';
  return reaches(floor) ? 'floor held' : 'BELOW THE FLOOR';
}
