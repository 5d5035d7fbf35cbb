import type { BenchPart } from '../figure.js';
import { noisyNeighbour } from './neighbour.js';
import { passThrough } from './pass-through.js';
import { queryLatency } from './query.js';
import { runtimeEvents } from './runtime.js';

/** The gateway's bench, in the order in which its parts run. */
export const gatewayParts: Readonly<Record<string, BenchPart>> = {
  'pass-through': (report) => passThrough(report),
  runtime: (report) => runtimeEvents(report),
  query: (report) => queryLatency(report),
  neighbour: (report) => noisyNeighbour(report),
};
