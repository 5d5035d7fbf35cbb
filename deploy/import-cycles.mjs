// Part of `npm run check`: fails where files import each other in a circle, by type or by value, or where folders of a
// module do. A folder is one directly in its module, with all that is in it; a file directly in a module stands for itself.
// Tests, and files that only tests use, may import from any folder of their module.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { MODULES } from './import-table.mjs';

const TEST_SUPPORT = /\.test\.ts$|\/testing\/|^deploy\/e2e\//;

/**
 * Circles of imports, each as a path that ends where it begins.
 *
 * @param {ReadonlyMap<string, string>} sources Text by path from the root of the repository.
 * @returns {string[][]}
 */
export function importCycles(sources) {
  const files = new Map([...sources].map(([file, text]) => [file, importsOf(file, text, sources)]));
  const folders = new Map();
  for (const [file, imports] of files) {
    if (TEST_SUPPORT.test(file)) continue;
    const from = folderOf(file);
    folders.set(from, folders.get(from) ?? new Set());
    for (const to of imports.map(folderOf)) if (to !== from) folders.get(from).add(to);
  }
  return [...cyclesOf(files), ...cyclesOf(folders)];
}

/** The project's files that a file imports. */
function importsOf(file, text, sources) {
  return ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName }) => {
    const path = fileName.startsWith('#')
      ? fileName.slice(1)
      : fileName.startsWith('.')
        ? join(dirname(file), fileName)
        : undefined;
    return [path, path?.replace(/js$/, 'ts')].filter((each) => sources.has(each)).slice(0, 1);
  });
}

function folderOf(file) {
  const [module, ...rest] = file.split('/');
  return rest.length === 1 ? file : `${module}/${rest[0]}`;
}

/** The first circle that each walk meets; the next may show when it is solved. */
function cyclesOf(graph) {
  const cycles = [];
  const done = new Set();
  const walk = (node, path) => {
    const at = path.indexOf(node);
    if (at >= 0) cycles.push([...path.slice(at), node]);
    if (at >= 0 || done.has(node)) return;
    for (const next of graph.get(node) ?? []) walk(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) walk(node, []);
  return cycles;
}

function readSources(root) {
  const names = Object.keys(MODULES).flatMap((module) =>
    readdirSync(join(root, module), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:ts|mts|mjs)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  );
  return new Map(names.map((name) => [name.replaceAll('\\', '/'), readFileSync(join(root, name), 'utf8')]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cycles = importCycles(readSources(dirname(dirname(fileURLToPath(import.meta.url)))));
  for (const cycle of cycles) process.stderr.write(`imports in a circle: ${cycle.join(' > ')}\n`);
  process.exitCode = cycles.length === 0 ? 0 : 1;
}
