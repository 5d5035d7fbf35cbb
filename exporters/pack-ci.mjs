// Builds the bundle that CI jobs run (action.yml, ci/gitlab.yml): `npm run pack:ci`. One archive with AgentShield
// and its dependencies, as package-lock.json pins them, so that a job installs nothing. Reproducible: the same tree
// yields the same bytes. Prints the path of the archive and its SHA-256.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const moduleDir = dirname(fileURLToPath(import.meta.url));
const root = dirname(moduleDir);
const out = process.argv[2] ?? join(root, 'dist/ci');
const { version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const folder = join(out, 'shieldwatch');

rmSync(out, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

await build({
  entryPoints: [join(moduleDir, 'ci/entry.ts')],
  outfile: join(folder, 'ci.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: true,
  logLevel: 'error',
  // commander is CommonJS and loads Node's modules by `require`.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
writeFileSync(
  join(folder, 'package.json'),
  `${JSON.stringify({ name: 'shieldwatch-ci', private: true, version, license, type: 'module', engines }, null, 2)}\n`,
);
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
for (const path of closure('node_modules/ecc-agentshield')) {
  // Nested dependency folders are copied separately where needed; types and source maps are left out.
  cpSync(join(root, path), join(folder, path), {
    recursive: true,
    filter: (from) =>
      !from.slice(join(root, path).length).includes('/node_modules') && !/\.(d\.[cm]?ts|map)$/.test(from),
  });
}

const archive = join(out, `shieldwatch-ci-${version}.tgz`);
const tar = spawnSync(
  'tar',
  [
    '--sort=name',
    '--mtime=2000-01-01 00:00Z',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u+rwX,go+rX,go-w',
    '-C',
    out,
    '-cf',
    '-',
    'shieldwatch',
  ],
  { maxBuffer: 256 * 1024 * 1024 },
);
if (tar.status !== 0) throw new Error(`tar: ${tar.stderr.toString()}`);
const gzip = spawnSync('gzip', ['-9n'], { input: tar.stdout, maxBuffer: 256 * 1024 * 1024 });
if (gzip.status !== 0) throw new Error(`gzip: ${gzip.stderr.toString()}`);
writeFileSync(archive, gzip.stdout);
process.stdout.write(`${archive}\n${createHash('sha256').update(gzip.stdout).digest('hex')}\n`);

/** Returns the folders of a package and its dependencies, resolved as Node resolves them. */
function closure(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const name of Object.keys(packages[path].dependencies ?? {})) {
    for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
      if (packages[candidate] !== undefined) {
        closure(candidate, found);
        break;
      }
      if (at === '') throw new Error(`package-lock.json does not have ${name}, which ${path} needs`);
    }
  }
  return found;
}
