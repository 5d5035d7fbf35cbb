import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageRoot } from '#schemas/root.js';

const PERL = '/usr/bin/perl';
/** Number of the system call `prctl`, which differs between processors; those of Landlock do not. */
const PRCTL: Partial<Record<NodeJS.Architecture, string>> = { x64: '157', arm64: '167' };

/** Folders of the engine's own in a data folder. What else is there (passwords) it does not open. */
const OWN = ['data', 'config', 'spool'];

/** What programs read of a system; files with secrets are not among them, nor is what other processes show of themselves. */
const SYSTEM = [
  '/proc/self',
  '/proc/cpuinfo',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/loadavg',
  '/proc/uptime',
  '/proc/vmstat',
  '/proc/diskstats',
  '/proc/version',
  '/proc/filesystems',
  '/proc/sys',
  '/usr',
  '/lib',
  '/lib64',
  '/bin',
  '/nix/store',
  '/sys',
  '/dev/urandom',
  '/dev/random',
  '/etc/ld.so.cache',
  '/etc/ld.so.preload',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/localtime',
  '/etc/timezone',
  '/etc/nsswitch.conf',
  '/etc/hosts',
  '/etc/host.conf',
  '/etc/resolv.conf',
  '/etc/ssl/openssl.cnf',
  '/etc/alternatives',
];

/** How to start a Node.js program confined: in place of `process.execPath`, with arguments before the script. */
export interface Launcher {
  readonly execPath: string;
  readonly execArgv: string[];
}

/**
 * The launcher that keeps the engine's process to its own folders, the system's programs and one port. undefined where
 * the system has no Landlock that we know how to ask for. That it holds is seen by the process itself (`isConfined`).
 */
export function confiningLauncher(dataDir: string, port: number): Launcher | undefined {
  const prctl = PRCTL[process.arch];
  if (process.platform !== 'linux' || prctl === undefined || !existsSync(PERL)) return undefined;
  for (const name of OWN) mkdirSync(join(dataDir, name), { recursive: true, mode: 0o700 });
  const root = packageRoot();
  const chdb = dirname(createRequire(import.meta.url).resolve('chdb/package.json'));
  const read = [
    ...SYSTEM,
    process.execPath,
    join(root, 'package.json'),
    join(root, 'dist'),
    join(root, 'node_modules'),
    realpathSync(join(root, 'node_modules')),
    chdb,
    dirname(chdb),
    join(dataDir, 'version.json'),
  ];
  const rules = [
    ...read.map((path) => `r:${path}`),
    ...['/dev/null', ...OWN.map((name) => join(dataDir, name))].map((path) => `w:${path}`),
  ];
  return {
    execPath: PERL,
    execArgv: [
      join(root, 'deploy/embedded/clickhouse/confine.pl'),
      prctl,
      String(port),
      ...rules,
      '--',
      process.execPath,
    ],
  };
}

/** Whether this process cannot open a file that its user owns: evidence, not what was asked for. */
export function isConfined(dataDir: string): boolean {
  try {
    closeSync(openSync(join(dataDir, 'users.json'), 'r'));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}
