import type { BenchPart } from '../figure.js';
import { bundleSize } from './bundle.js';
import { timeToLastPanel } from './last-panel.js';

/** The boards' bench, in the order in which its parts run. */
export const boardsParts: Readonly<Record<string, BenchPart>> = {
  bundle: (report) => bundleSize(report),
  'last-panel': (report) => timeToLastPanel(report),
};
