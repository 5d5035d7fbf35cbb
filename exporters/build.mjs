// Bundles the hook into one file that loads nothing else: dist/exporters/hook.cjs, or the file named.
// CommonJS, which Node starts a few milliseconds sooner than a module.
import { build } from 'esbuild';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const room = dirname(fileURLToPath(import.meta.url));

/** What few calls need is loaded where it is first used; `node:crypto` alone takes two milliseconds. */
const LAZY = { 'node:crypto': ['createHash', 'createHmac'], 'node:os': ['homedir', 'userInfo'], 'node:vm': ['Script'] };

const lazyModules = {
  name: 'lazy-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:(crypto|os|vm)$/ }, ({ path, namespace }) => (namespace === 'lazy' ? { path, external: true } : { path, namespace: 'lazy' }));
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = { ${LAZY[path].map((name) => `get ${name}() { return require('${path}').${name}; }`).join(', ')} };`,
    }));
  },
};

await build({
  entryPoints: [join(room, 'hook/entry.ts')],
  outfile: process.argv[2] ?? join(room, '../dist/exporters/hook.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  conditions: ['source'],
  plugins: [lazyModules],
  minify: true,
  metafile: true,
  logLevel: 'error',
});
