import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Returns the absolute path of the package: the nearest folder above this file with a `package.json`. The result is the
 * same from `schemas/` (tests) and `dist/schemas/` (the built program), so that SQL, generated JSON and collector files
 * are found in one place.
 */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error('package.json not found above this file');
    dir = parent;
  }
  return dir;
}

/** Folder of the boards' JSON, which `grafana/` generates and the gateway draws. */
export function boardsFolder(): string {
  return join(packageRoot(), 'grafana/generated');
}

/** Folder of the bundle that `grafana/page/build.mjs` makes: `page.js`, `page.css`, `report.js`. */
export function pageBundle(): string {
  return join(packageRoot(), 'dist/grafana/page');
}
