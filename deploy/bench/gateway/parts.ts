import type { BenchPart } from '../figure.js';
import { noisyNeighbour } from './neighbour.js';
import { passThrough } from './pass-through.js';
import { queryLatency } from './query.js';
import { runtimeEvents } from './runtime.js';

/** Parts of the bench `gateway`, in the order in which they run. */
export const gatewayParts: Readonly<Record<string, BenchPart>> = {
  'pass-through': (report) => passThrough(report),
  runtime: (report) => runtimeEvents(report),
  query: (report) => queryLatency(report),
  neighbour: (report) => noisyNeighbour(report),
};
