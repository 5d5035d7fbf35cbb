import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '#schemas/root.js';
import type * as Build from './build.mjs';

// The implementation is plain JavaScript, which the compiler does not copy to dist; so it is found by its path.
const build = (await import(pathToFileURL(join(packageRoot(), 'collector', 'build.mjs')).href)) as typeof Build;

/** Where our collector is, and how it is made; see build.mjs. */
export const { buildCollector, collectorBinary, hasGo, ownSource } = build;

const files = (generated: string): readonly string[] =>
  ['config.yaml', join('generated', generated)].map((file) => join(packageRoot(), 'collector', file));

/** The configuration files of our distribution, in the order in which it must be given them. */
export const COLLECTOR_CONFIG = files('redaction.yaml');

/** The same for the official contrib image. */
export const STOCK_COLLECTOR_CONFIG = files('stock.yaml');
