import type { BenchPart } from '../figure.js';
import { bytesPerSpan } from './disk.js';
import { fsyncThroughput } from './fsync.js';
import { insertJson, insertNative } from './insert.js';
import { killRounds } from './kill.js';
import { selectLatency } from './select.js';

/** Parts of the bench `store`, in the order in which they run. */
export const storeParts: Readonly<Record<string, BenchPart>> = {
  'insert-native': (report) => insertNative(report),
  'insert-json': (report) => insertJson(report),
  select: (report) => selectLatency(report),
  disk: (report) => bytesPerSpan(report),
  fsync: (report) => fsyncThroughput(report),
  kill: (report) => killRounds(report),
};
