// Makes a fresh checkout ready to run: dependencies, build, and for the tests the browser and the collector.
// Plain Node with nothing installed, since it runs before `npm ci` has. Called by `prestart` and `pretest`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const forTests = process.argv.includes('--for-tests');
// Benches, soaks and what tests start are compiled beside the product, and are in no image and no package.
const withTools = forTests || process.argv.includes('--tools');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

const say = (line) => process.stderr.write(`${line}\n`);

function run(what, command, args, options = {}) {
  const started = Date.now();
  say(`… ${what}`);
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.status !== 0) {
    say(`✗ ${what} failed${result.error ? `: ${result.error.message}` : ''}`);
    return false;
  }
  say(`✓ ${what} (${((Date.now() - started) / 1000).toFixed(0)} s)`);
  return true;
}

function must(ok) {
  if (!ok) process.exit(1);
}

/** Runs `make` unless `stampFile` says that it was last run for the same `key`. */
function once(stampFile, key, make) {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === key) return;
  must(make());
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, key);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Shieldwatch needs Node 20.19 or newer; this is ${process.version}`);
  process.exit(1);
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

once(join(root, 'node_modules/.shieldwatch-lock'), sha256(readFileSync(join(root, 'package-lock.json'))), () => {
  say('The embedded ClickHouse engine (chDB) is about 150 MB to fetch and 543 MB installed; the rest is about 250 MB.');
  return run('installing dependencies (npm ci)', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
});

const MODULES = ['schemas', 'exporters', 'collector', 'ingest', 'rollups', 'grafana', 'deploy'];
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    if (!/\.(ts|mts|mjs|css|html|json)$/.test(entry.name) || /\.test\.ts$/.test(entry.name)) return [];
    const { mtimeMs, size } = statSync(path);
    return [`${relative(root, path)} ${size} ${mtimeMs}`];
  });
}
const built = [
  ...MODULES.flatMap((module) => sources(join(root, module))),
  readFileSync(join(root, 'tsconfig.json'), 'utf8'),
  readFileSync(join(root, 'tsconfig.build.json'), 'utf8'),
  readFileSync(join(root, 'tsconfig.tools.json'), 'utf8'),
];
const product = sha256(built.sort().join('\n'));
const stamp = join(root, 'dist/.built');
const isSuperset = !withTools && existsSync(stamp) && readFileSync(stamp, 'utf8') === `${product} with tools`;
once(stamp, withTools || isSuperset ? `${product} with tools` : product, () => {
  const node = process.execPath;
  // Nothing of an older build may stay behind and be found.
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  return (
    run('compiling', node, [
      'node_modules/typescript/bin/tsc',
      '-p',
      withTools ? 'tsconfig.tools.json' : 'tsconfig.build.json',
      // Types are checked by `npm run check`; without them this takes a third of the time.
      '--noCheck',
    ]) &&
    run('declaring the types of the client', node, ['ingest/client/declare.mjs']) &&
    run('bundling the boards page', node, ['grafana/page/build.mjs']) &&
    run('bundling the hook', node, ['exporters/build.mjs'])
  );
});

// npm links the commands of dependencies, not of the package itself; without this `npx --no shieldwatch` would
// ask the registry for a package of that name.
if (process.platform !== 'win32') {
  const command = join(root, 'node_modules/.bin/shieldwatch');
  chmodSync(join(root, 'dist/deploy/cli.js'), 0o755);
  rmSync(command, { force: true });
  symlinkSync('../../dist/deploy/cli.js', command);
}

if (forTests) {
  const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
  if (!has('chromium') && has('apt-get') && process.getuid?.() === 0) {
    // A suite that cannot find a browser reports it; failing here would hide the others.
    run('installing Chromium for the browser tests', 'sh', [
      '-c',
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium',
    ]);
  }
  // Suites that cannot find the clients report it.
  run("the agents' real clients, from npm (about 900 MB the first time)", process.execPath, [
    'dist/exporters/real-agents/install.js',
  ]);
  run('ClickHouse clients of Python and Java, from PyPI and Maven (about 250 MB the first time)', process.execPath, [
    'dist/deploy/testing/clients.js',
  ]);
  // Suites that cannot find Prometheus report it.
  run("Debian's Prometheus and Alertmanager (30 MB the first time)", process.execPath, [
    'dist/deploy/testing/prometheus.js',
  ]);
  if (has('go')) must(run('the collector (about 3 minutes the first time)', process.execPath, ['collector/build.mjs']));
  else say('No Go on this machine: the suites that need the collector will not run.');
}
