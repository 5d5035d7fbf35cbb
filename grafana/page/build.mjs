#!/usr/bin/env node
/**
 * Bundles the boards page: `node grafana/page/build.mjs [folder]`, by default into dist/grafana/page. Plain JavaScript,
 * since it is part of the build.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const moduleDir = dirname(fileURLToPath(import.meta.url));
const outdir = process.argv[2] === undefined ? join(moduleDir, '../../dist/grafana/page') : resolve(process.argv[2]);

const { outputFiles } = await build({
  write: false,
  // Two files of one name, page.js and page.css, and the script of reports.
  entryPoints: [
    { in: join(moduleDir, 'main.ts'), out: 'page' },
    { in: join(moduleDir, 'report.ts'), out: 'report' },
    { in: join(moduleDir, 'style.css'), out: 'page' },
  ],
  outdir,
  bundle: true,
  // Our imports by module (#schemas/...) are still TypeScript here.
  conditions: ['source'],
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  logLevel: 'warning',
  legalComments: 'none',
});

// Replaces each file atomically, because another process may be reading the old one.
await mkdir(outdir, { recursive: true });
for (const { path, contents } of outputFiles) {
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, contents);
  await rename(unfinished, path);
}
