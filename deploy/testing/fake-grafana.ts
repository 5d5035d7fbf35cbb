import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a Grafana was started. */
export interface Started {
  args: string[];
  env: Record<string, string>;
  pid: number;
}

/** Stands in for Grafana, which no package provides: records how it was started, and waits. */
export interface FakeGrafana {
  /** What GRAFANA_HOME names. */
  home: string;
  started(): Promise<Started>;
  /** How its command line was asked to set a password. */
  reset(): Promise<{ args: string[]; input: string }>;
  remove(): Promise<void>;
}

export async function fakeGrafana(): Promise<FakeGrafana> {
  const home = await mkdtemp(join(tmpdir(), 'shieldwatch-grafana-'));
  const note = join(home, 'started.json');
  const reset = join(home, 'reset.json');
  await mkdir(join(home, 'bin'), { recursive: true });
  await mkdir(join(home, 'conf'), { recursive: true });
  await writeFile(join(home, 'conf/defaults.ini'), '');
  await writeFile(
    join(home, 'bin/grafana'),
    `#!/usr/bin/env node
if (process.argv[2] === 'cli') {
  require('node:fs').writeFileSync(${JSON.stringify(reset)}, JSON.stringify({ args: process.argv.slice(2), input: require('node:fs').readFileSync(0, 'utf8') }));
  process.exit();
}
require('node:fs').writeFileSync(${JSON.stringify(note)}, JSON.stringify({ args: process.argv.slice(2), env: process.env, pid: process.pid }));
console.log('logger=plugins level=warn msg="something to know"');
setInterval(() => {}, 1000);
`,
  );
  await chmod(join(home, 'bin/grafana'), 0o755);
  return {
    home,
    started: async () => JSON.parse(await readFile(note, 'utf8')) as Started,
    reset: async () => JSON.parse(await readFile(reset, 'utf8')) as { args: string[]; input: string },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
