import type { BenchPart } from '../figure.js';
import { panelLatency } from './panels.js';

/** Time of the boards' queries. */
export const dashboardParts: Readonly<Record<string, BenchPart>> = {
  panels: (report) => panelLatency(report),
};
