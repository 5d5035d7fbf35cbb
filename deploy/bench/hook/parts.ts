import type { BenchPart } from '../figure.js';
import { backend } from './backend.js';
import { commandHook } from './command.js';
import { httpHook } from './http.js';

/** The parts of the bench `hook`. */
export const hookParts: Readonly<Record<string, BenchPart>> = {
  command: (report) => commandHook(report),
  http: (report) => httpHook(report),
  backend: (report) => backend(report),
};
