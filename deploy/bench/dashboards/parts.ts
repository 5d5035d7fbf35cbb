import type { BenchPart } from '../figure.js';
import { ledgerLatency, panelLatency } from './panels.js';

/** Parts of the bench `dashboards`: duration of the boards' queries. */
export const dashboardParts: Readonly<Record<string, BenchPart>> = {
  panels: (report) => panelLatency(report),
  ledger: (report) => ledgerLatency(report),
};
