#!/usr/bin/env node
/**
 * Builds our collector from manifest.yaml into a cache folder: `npm run collector:build`.
 *
 * Plain JavaScript without dependencies, since it also runs before `npm ci` and before the TypeScript build. TypeScript
 * reads it through binary.ts, so that the path of the binary is defined once.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const MODULE_DIR = dirname(fileURLToPath(import.meta.url));
/** Our own components. */
const SOURCES = ['processors', 'extensions', 'exporters'].map((folder) => join(MODULE_DIR, folder));
/** Profile for profile-guided optimisation; `npm run collector:profile` writes it. */
const PROFILE = join(MODULE_DIR, 'default.pgo');
const BINARY = 'shieldwatch-collector';

/** Message for users without Go; the embedded stack then runs without a collector. */
const NO_GO =
  'Go is not installed, so the collector cannot be built (https://go.dev/dl, 1.26 or newer). ' +
  'Shieldwatch runs without it: the gateway then writes to the store itself.';

/** @typedef {import('./build.d.mts').CollectorSource} CollectorSource */

/** @returns {CollectorSource} our distribution */
export function ownSource() {
  return { manifest: readFileSync(join(MODULE_DIR, 'manifest.yaml'), 'utf8'), profile: readFileSync(PROFILE) };
}

/**
 * Path of the collector that {@link buildCollector} built from the current sources, or undefined: not built, or no Go.
 */
export function collectorBinary(source = ownSource()) {
  const go = goVersion();
  if (go === undefined) return undefined;
  const path = binaryPath(go, source);
  return existsSync(path) ? path : undefined;
}

/** Returns whether a Go toolchain is available. */
export function hasGo() {
  return goVersion() !== undefined;
}

/**
 * Builds the collector if needed, and returns its path. Safe to run concurrently: each run builds in a folder of its
 * own, and the finished folder is renamed into place.
 *
 * @param {(line: string) => void} [onProgress]
 * @param {CollectorSource} [source]
 * @returns {Promise<string>}
 */
export async function buildCollector(onProgress = () => {}, source = ownSource()) {
  const go = goVersion();
  if (go === undefined) throw new Error(NO_GO);
  const target = binaryPath(go, source);
  if (existsSync(target)) return target;

  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'build-'));
  try {
    const builder = await installBuilder(cache, builderVersion(source.manifest), onProgress);
    // The builder reads its output folder only from the manifest, and embeds the path of our Go sources in the binary.
    // It gets a copy of the manifest with that folder, and the sources beside it, so that builds of equal sources are
    // equal byte by byte in any folder.
    const copy = join(work, 'manifest.yaml');
    writeFileSync(copy, forBuilder(source.manifest, work));
    // Beside the main package, where the compiler looks for it.
    if (source.profile !== undefined) writeFileSync(join(work, 'default.pgo'), source.profile);
    onProgress('compiling the collector (about 3 minutes the first time)');
    await run(builder, ['--config', copy], { CGO_ENABLED: '0' }, onProgress);
    putInPlace(join(work, BINARY), target);
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} manifest
 * @param {string} work
 */
function forBuilder(manifest, work) {
  /** @type {string[]} */
  const replaces = [];
  const without = manifest.replace(/^( +- gomod: (\S+) v\S+)\n +path: (\S+)$/gm, (_, gomod, name, path) => {
    const folder = basename(path);
    cpSync(join(MODULE_DIR, path), join(work, folder), { recursive: true });
    replaces.push(`  - ${name} => ./${folder}`);
    return gomod;
  });
  const complete = without.replace(/^dist:\n/m, `dist:\n  output_path: ${JSON.stringify(work)}\n`);
  return replaces.length === 0 ? complete : `${complete}\nreplaces:\n${replaces.join('\n')}\n`;
}

/** @returns {string | undefined} such as `go version go1.26.8 linux/amd64` */
function goVersion() {
  const answer = spawnSync('go', ['version'], { encoding: 'utf8' });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}

/** The folder `SHIELDWATCH_CACHE_DIR`, else `shieldwatch` in the user's cache folder. */
function cacheFolder() {
  const { SHIELDWATCH_CACHE_DIR: own, XDG_CACHE_HOME: xdg } = process.env;
  return join(own || join(xdg || join(homedir(), '.cache'), 'shieldwatch'), 'collector');
}

/**
 * @param {string} go
 * @param {CollectorSource} source
 */
function binaryPath(go, { manifest, profile }) {
  const hash = createHash('sha256')
    .update(`${go}\n${manifest}\n`)
    .update(profile ?? '');
  for (const file of /^ +path: /m.test(manifest) ? sourceFiles() : []) {
    hash
      .update(`${relative(MODULE_DIR, file)}\n`)
      .update(readFileSync(file))
      .update('\n');
  }
  return join(cacheFolder(), hash.digest('hex').slice(0, 16), BINARY);
}

/** Our own Go sources, in a stable order; there may be none. */
function sourceFiles() {
  return SOURCES.flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [],
  )
    .filter(
      (entry) => entry.isFile() && /(?:\.go|^go\.(?:mod|sum))$/.test(entry.name) && !entry.name.endsWith('_test.go'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * The builder must have the version of the components, which is that of the manifest's receiver.
 *
 * @param {string} manifest
 */
function builderVersion(manifest) {
  const version = /receiver\/otlpreceiver (v\d+\.\d+\.\d+)$/m.exec(manifest)?.[1];
  if (version === undefined) throw new Error('the manifest does not name the otlpreceiver with a version');
  return version;
}

/**
 * @param {string} cache
 * @param {string} version
 * @param {(line: string) => void} onProgress
 */
async function installBuilder(cache, version, onProgress) {
  const folder = join(cache, `builder-${version}`);
  const path = join(folder, 'builder');
  if (existsSync(path)) return path;
  onProgress(`fetching the OpenTelemetry Collector Builder ${version}`);
  await run('go', ['install', `go.opentelemetry.io/collector/cmd/builder@${version}`], { GOBIN: folder }, onProgress);
  return path;
}

/**
 * @param {string} built
 * @param {string} target
 */
function putInPlace(built, target) {
  const folder = dirname(target);
  const finished = mkdtempSync(join(dirname(folder), 'finished-'));
  try {
    renameSync(built, join(finished, BINARY));
    renameSync(finished, folder);
  } catch (error) {
    rmSync(finished, { recursive: true, force: true });
    // Another build of the same sources was faster: its result is equal.
    if (!existsSync(target)) throw error;
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Record<string, string>} env
 * @param {(line: string) => void} onProgress
 * @returns {Promise<void>}
 */
function run(command, args, env, onProgress) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const read = (/** @type {Buffer} */ chunk) => {
      tail = (tail + chunk.toString('utf8')).slice(-4000);
      for (const line of chunk.toString('utf8').split('\n')) {
        const step = /\t(?:INFO|WARN)\t\S+\t([^\t]+)/.exec(line)?.[1];
        if (step !== undefined) onProgress(step);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}\n${tail}`));
    });
  });
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    const started = Date.now();
    const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`.padStart(5);
    const path = await buildCollector((line) => process.stderr.write(`collector ${seconds()}  ${line}\n`));
    process.stdout.write(`${path}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
