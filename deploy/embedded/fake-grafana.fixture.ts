import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a Grafana was started. */
export interface Started {
  args: string[];
  env: Record<string, string>;
  pid: number;
}

/** Stands for a Grafana, which no package of ours carries: it writes down how it was started, and waits. */
export interface FakeGrafana {
  /** What GRAFANA_HOME names. */
  home: string;
  started(): Promise<Started>;
  remove(): Promise<void>;
}

export async function fakeGrafana(): Promise<FakeGrafana> {
  const home = await mkdtemp(join(tmpdir(), 'shieldwatch-grafana-'));
  const note = join(home, 'started.json');
  await mkdir(join(home, 'bin'), { recursive: true });
  await mkdir(join(home, 'conf'), { recursive: true });
  await writeFile(join(home, 'conf/defaults.ini'), '');
  await writeFile(
    join(home, 'bin/grafana'),
    `#!/usr/bin/env node
require('node:fs').writeFileSync(${JSON.stringify(note)}, JSON.stringify({ args: process.argv.slice(2), env: process.env, pid: process.pid }));
console.log('logger=plugins level=warn msg="something to know"');
setInterval(() => {}, 1000);
`,
  );
  await chmod(join(home, 'bin/grafana'), 0o755);
  return {
    home,
    started: async () => JSON.parse(await readFile(note, 'utf8')) as Started,
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
