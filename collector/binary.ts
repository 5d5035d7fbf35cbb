import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '#schemas/root.js';
import type * as Build from './build.mjs';

// The implementation is plain JavaScript, which the compiler does not copy to dist, so it is loaded by path.
const build = (await import(pathToFileURL(join(packageRoot(), 'collector', 'build.mjs')).href)) as typeof Build;

/** Path and build of our collector; see build.mjs. */
export const { buildCollector, collectorBinary, hasGo, ownSource } = build;

const files = (generated: string): readonly string[] =>
  ['config.yaml', join('generated', generated)].map((file) => join(packageRoot(), 'collector', file));

/** Configuration files of our distribution, in the required order. */
export const COLLECTOR_CONFIG = files('redaction.yaml');

/** Configuration files of the official contrib image. */
export const STOCK_COLLECTOR_CONFIG = files('stock.yaml');
