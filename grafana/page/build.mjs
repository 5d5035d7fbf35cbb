#!/usr/bin/env node
/**
 * Bundles the boards page: `node grafana/page/build.mjs [folder]`, into dist/grafana/page unless named.
 * Plain JavaScript, since it is part of the build itself.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const room = dirname(fileURLToPath(import.meta.url));
const outdir = process.argv[2] === undefined ? join(room, '../../dist/grafana/page') : resolve(process.argv[2]);

const { outputFiles } = await build({
  write: false,
  // Two files of one name, page.js and page.css, and what draws a report.
  entryPoints: [
    { in: join(room, 'main.ts'), out: 'page' },
    { in: join(room, 'report.ts'), out: 'report' },
    { in: join(room, 'style.css'), out: 'page' },
  ],
  outdir,
  bundle: true,
  // Our own imports by room (#schemas/...) are TypeScript still.
  conditions: ['source'],
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  logLevel: 'warning',
  legalComments: 'none',
});

// Each file at once: somebody may be reading the old one.
await mkdir(outdir, { recursive: true });
for (const { path, contents } of outputFiles) {
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, contents);
  await rename(unfinished, path);
}
