import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { generatedFiles } from './generated-files.js';

/** Writes every board and the alert rules: `npm run grafana:generate`. */
for (const { path, text } of generatedFiles()) {
  const target = join(packageRoot(), path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  process.stdout.write(`${path}\n`);
}
