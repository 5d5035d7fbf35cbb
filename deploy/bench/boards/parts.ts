import type { BenchPart } from '../figure.js';
import { bundleSize } from './bundle.js';
import { timeToLastPanel } from './last-panel.js';

/** Parts of the bench `boards`, in the order in which they run. */
export const boardsParts: Readonly<Record<string, BenchPart>> = {
  bundle: (report) => bundleSize(report),
  'last-panel': (report) => timeToLastPanel(report),
};
