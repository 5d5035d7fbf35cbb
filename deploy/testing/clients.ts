import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CACHE_FOLDER } from '#exporters/real-agents/install.js';
import { packageRoot } from '#schemas/root.js';

/** A client of ClickHouse in another language, which a program of `clients/` tries out. */
export interface TestClient {
  /** What the machine must have, as a sentence says it after "no". */
  readonly needs: string;
  readonly isInstalled: boolean;
  /** Runs the program with these arguments; resolves to the checks it printed, one JSON object a line. */
  run(args: readonly string[]): Promise<Check[]>;
}

/** One line of such a program. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

interface Installable extends TestClient {
  /** Installs exactly the versions of `clients/`; false when that failed. */
  install(): boolean;
}

const source = (name: string): string => join(packageRoot(), 'deploy/testing/clients', name);

/** Folder of what a file pins: another pin, another folder. */
function folderOf(client: string, pins: string): string {
  const key = createHash('sha256')
    .update(readFileSync(join(source(client), pins)))
    .digest('hex')
    .slice(0, 12);
  return join(CACHE_FOLDER, `${client}-${key}`);
}

function installable(
  client: string,
  pins: string,
  needs: string,
  commands: (folder: string) => string[][],
  program: (folder: string) => string[],
): Installable {
  const folder = folderOf(client, pins);
  const done = join(folder, '.installed');
  return {
    needs,
    get isInstalled() {
      return existsSync(done);
    },
    install: () => {
      if (existsSync(done)) return true;
      // What a run that was cut short left is no beginning.
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      const ok = commands(folder).every(
        ([command = '', ...args]) => spawnSync(command, args, { cwd: folder, stdio: ['ignore', 2, 2] }).status === 0,
      );
      if (ok) writeFileSync(done, '');
      return ok;
    },
    run: async (args) => {
      const [command = '', ...first] = program(folder);
      const { stdout } = await promisify(execFile)(command, [...first, ...args], { maxBuffer: 2 ** 26 });
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Check);
    },
  };
}

/** clickhouse-connect with pandas and SQLAlchemy. */
export const PYTHON: Installable = installable(
  'clickhouse-connect',
  'requirements.txt',
  'Python 3.11 or newer with venv',
  (folder) => [
    ['python3', '-m', 'venv', folder],
    [
      join(folder, 'bin/python'),
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--only-binary',
      ':all:',
      '-r',
      join(source('clickhouse-connect'), 'requirements.txt'),
    ],
  ],
  (folder) => [join(folder, 'bin/python'), join(source('clickhouse-connect'), 'main.py')],
);

/** ClickHouse's JDBC driver. */
export const JAVA: Installable = installable(
  'clickhouse-jdbc',
  'pom.xml',
  'JDK 17 or newer with Maven',
  (folder) => [
    ['javac', '--release', '17', '--version'],
    [
      'mvn',
      '--batch-mode',
      '--quiet',
      '-f',
      join(source('clickhouse-jdbc'), 'pom.xml'),
      'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(folder, 'jars')}`,
    ],
  ],
  (folder) => ['java', '-cp', join(folder, 'jars', '*'), join(source('clickhouse-jdbc'), 'Smoke.java')],
);

/** As a program (deploy/setup.mjs --for-tests). A suite whose client is not there says so by itself. */
function main(): void {
  for (const client of [PYTHON, JAVA]) {
    if (!client.install())
      process.stderr.write(`There is no ${client.needs}, or its packages cannot be had: its suite will not run.\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
