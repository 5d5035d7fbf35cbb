import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CACHE_FOLDER } from '#exporters/real-agents/install.js';

/** Debian's packages. They are unpacked and not installed, which needs no root and starts no service. */
const PACKAGES = ['prometheus', 'prometheus-alertmanager'];

const folder = join(CACHE_FOLDER, 'debian-prometheus');
const done = join(folder, '.installed');

/**
 * Debian's Alertmanager reads its templates below /usr/share at a path that is compiled in, so it runs in a mount namespace
 * in which that folder is the unpacked one.
 */
const NAMESPACE = ['--mount', '--map-root-user'];

/** Debian's Prometheus, promtool and Alertmanager. */
export const PROMETHEUS = {
  needs: "packages of Debian's Prometheus",
  get isInstalled(): boolean {
    return existsSync(done);
  },
  /** Returns whether an Alertmanager can run: the packages are there, and so are user namespaces. */
  get hasAlertmanager(): boolean {
    return existsSync(done) && spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;
  },
  /** Returns the path of `prometheus` or `promtool`. */
  program: (name: string): string => join(folder, 'usr/bin', name),
  /** Returns the command that runs Alertmanager with these arguments. */
  alertmanager: (...args: readonly string[]): [command: string, args: string[]] => [
    'unshare',
    [
      ...NAMESPACE,
      'sh',
      '-c',
      'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"',
      folder,
      ...args,
    ],
  ],
};

function install(): boolean {
  if (PROMETHEUS.isInstalled) return true;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const run = (command: string, ...args: string[]): boolean =>
    spawnSync(command, args, { cwd: folder, stdio: ['ignore', 2, 2] }).status === 0;
  const download = (): boolean => run('apt-get', '-qq', 'download', ...PACKAGES);
  // The lists of packages may be missing or old.
  if (!download() && !(run('apt-get', '-qq', 'update') && download())) return false;
  const archives = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  if (!archives.every((name) => run('dpkg-deb', '-x', name, folder))) return false;
  for (const name of archives) rmSync(join(folder, name));
  writeFileSync(done, '');
  return true;
}

/** As a program (deploy/setup.mjs --for-tests). Without the packages the suites that need them say so. */
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href && !install())
  process.stderr.write(`There are no ${PROMETHEUS.needs}: some suites will not run.\n`);
