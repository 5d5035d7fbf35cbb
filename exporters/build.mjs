// Bundles the hook into one file that loads nothing else: dist/exporters/hook.cjs, or the file named.
// CommonJS, which Node starts a few milliseconds sooner than a module.
import { build } from 'esbuild';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const room = dirname(fileURLToPath(import.meta.url));

/** `node:crypto` takes two milliseconds to load, and few calls need it: it is loaded where it is first used. */
const lazyCrypto = {
  name: 'lazy-crypto',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:crypto$/ }, ({ namespace }) => (namespace === 'lazy' ? { path: 'node:crypto', external: true } : { path: 'node:crypto', namespace: 'lazy' }));
    const getter = (name) => `get ${name}() { return require('node:crypto').${name}; }`;
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({ contents: `module.exports = { ${['createHash', 'createHmac'].map(getter).join(', ')} };` }));
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
  plugins: [lazyCrypto],
  minify: true,
  metafile: true,
  logLevel: 'error',
});
