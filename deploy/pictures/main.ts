import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { drawPictures } from './pictures.js';

/** `npm run boards:pictures`: regenerates the READMEs' pictures of the boards. */
try {
  for (const file of await drawPictures(join(packageRoot(), 'grafana/pictures'))) process.stdout.write(`${file}\n`);
} catch (error) {
  process.stderr.write(
    `${error instanceof CommandError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
