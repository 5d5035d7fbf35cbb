import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { boardFiles } from './boards.js';

/** `npm run grafana:generate`: writes every board to `grafana/generated`. */
const folder = join(packageRoot(), 'grafana/generated');
await mkdir(folder, { recursive: true });
for (const { name, text } of boardFiles()) {
  await writeFile(join(folder, name), text);
  process.stdout.write(`grafana/generated/${name}\n`);
}
