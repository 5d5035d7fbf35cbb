// Builds the producers' package in dist/package and packs it: `npm run pack:producers`. Prints the path of the
// tarball. Bundled, so that AgentShield is its only dependency.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const moduleDir = dirname(fileURLToPath(import.meta.url));
const root = dirname(moduleDir);
const out = process.argv[2] ?? join(root, 'dist/package');
const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const hook = spawnSync(process.execPath, [join(moduleDir, 'build.mjs'), join(out, 'hook.cjs')], {
  stdio: ['ignore', 2, 2],
});
if (hook.status !== 0) process.exit(1);

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: true,
  logLevel: 'error',
};
// commander is CommonJS and loads Node's modules by `require`.
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};
await build({ ...shared, entryPoints: [join(moduleDir, 'cli.ts')], outfile: join(out, 'cli.mjs'), banner });
await build({
  ...shared,
  entryPoints: [join(moduleDir, 'genai/index.ts')],
  outfile: join(out, 'genai.mjs'),
  external: ['@opentelemetry/api'],
});
await build({ ...shared, entryPoints: [join(moduleDir, 'scan/run-scan.ts')], outfile: join(out, 'scan.mjs'), banner });

writeFileSync(
  join(out, 'package.json'),
  `${JSON.stringify(
    {
      name: 'shieldwatch-producers',
      version: main.version,
      description:
        'Security telemetry of AI coding agents: AgentShield scans, drift and tool-call decisions as OpenTelemetry',
      license: main.license,
      type: 'module',
      engines: main.engines,
      bin: { shieldwatch: 'cli.mjs' },
      exports: { './genai': './genai.mjs', './scan': './scan.mjs', './package.json': './package.json' },
      dependencies: { 'ecc-agentshield': main.dependencies['ecc-agentshield'] },
      peerDependencies: { '@opentelemetry/api': '^1.3.0' },
      peerDependenciesMeta: { '@opentelemetry/api': { optional: true } },
    },
    null,
    2,
  )}\n`,
);
for (const [from, to] of [
  ['exporters/README.md', 'README.md'],
  ['LICENSE', 'LICENSE'],
])
  copyFileSync(join(root, from), join(out, to));

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const packed = spawnSync(npm, ['pack', '--json', '--loglevel=error'], {
  cwd: out,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 2],
});
if (packed.status !== 0) process.exit(1);
process.stdout.write(`${join(out, JSON.parse(packed.stdout)[0].filename)}\n`);
