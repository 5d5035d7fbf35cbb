import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';

/** A package of a registry; `integrity` is npm's sha512, the sha256 of a wheel, or Go's `h1:` sum of a module. */
export interface Pin {
  readonly registry: 'npm' | 'pypi' | 'go';
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

/**
 * Returns the folder of the package's files in the cache; fetches them through npm, pip or Go where they are not there yet.
 *
 * @throws CommandError where the registry does not give the package, or gives another than was pinned.
 */
export function fetchPackage({ registry, name, version, integrity }: Pin, err: (line: string) => void): string {
  const cache =
    process.env['SHIELDWATCH_CACHE_DIR'] ||
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'shieldwatch');
  const folder = join(cache, 'redaction-corpus', `${registry}-${name.replaceAll('/', '+')}-${version}`);
  if (existsSync(folder)) return folder;
  err(`fetching ${registry} ${name} ${version}`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const files = join(partial, 'files');
  mkdirSync(files, { recursive: true });
  const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string => {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: partial,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    if (status !== 0)
      throw new CommandError(
        `${command} does not give ${name} ${version}: ${(error?.message ?? stderr).slice(0, 300)}`,
      );
    return stdout;
  };
  const hold = (found: string): void => {
    if (found !== integrity)
      throw new CommandError(`${name} ${version} has the integrity ${found}, expected ${integrity}`);
  };
  const archive = (): string => join(partial, readdirSync(partial).find((file) => file !== 'files') ?? 'nothing');
  if (registry === 'npm') {
    run('npm', ['pack', '--silent', `${name}@${version}`]);
    hold(`sha512-${createHash('sha512').update(readFileSync(archive())).digest('base64')}`);
    run('tar', ['xzf', archive(), '-C', files, '--no-same-owner']);
  } else if (registry === 'pypi') {
    run('python3', [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      '-d',
      partial,
      `${name}==${version}`,
    ]);
    hold(`sha256-${createHash('sha256').update(readFileSync(archive())).digest('hex')}`);
    run('python3', ['-m', 'zipfile', '-e', archive(), files]);
  } else {
    const env = { GOMODCACHE: join(partial, 'mod'), GOFLAGS: '-modcacherw', GO111MODULE: 'on' };
    const { Sum, Dir } = JSON.parse(run('go', ['mod', 'download', '-json', `${name}@${version}`], env)) as {
      Sum: string;
      Dir: string;
    };
    hold(Sum);
    rmSync(files, { recursive: true });
    renameSync(Dir, files);
  }
  renameSync(files, folder);
  rmSync(partial, { recursive: true, force: true });
  return folder;
}
