import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Output and exit status of a process. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

const TIME_LIMIT_MS = 90_000;

/** Mounts a folder over /etc for one process and its children; `$0` is the folder. */
const WITH_SYSTEM_FILES = 'mount -t overlay none -o lowerdir="$0":/etc /etc && exec "$@"';
const NAMESPACE = ['--map-root-user', '--mount', 'sh', '-c', WITH_SYSTEM_FILES] as const;

/** Returns whether this user may create a private mount, which machine-wide settings need. */
export function canLaySystemFiles(): boolean {
  // A separate folder: a folder that other tests use cannot always be mounted over.
  const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-mount-'));
  try {
    return spawnSync('unshare', [...NAMESPACE, folder, 'true']).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns whether there is a C compiler, which libraries for LD_PRELOAD need. */
export const canCompile = (): boolean => spawnSync('cc', ['--version']).status === 0;

/** An isolated home, project and set of machine-wide files. */
export class Workplace {
  readonly home = mkdtempSync(join(tmpdir(), 'shieldwatch-agent-home-'));
  readonly project = join(this.home, 'project');
  readonly spool = join(this.home, '.shieldwatch', 'spool');
  readonly #system = join(this.home, '.system');
  readonly #bin = join(this.home, '.local', 'bin');
  #hasSystemFiles = false;

  constructor() {
    this.write('./.git/config', '[remote "origin"]\n\turl = git@github.com:acme/app.git\n');
    this.write('./.git/HEAD', 'ref: refs/heads/main\n');
    mkdirSync(join(this.home, 'tmp'));
  }

  /** `./` is the project, `~/` the home, `/etc/` a file that only this workplace's processes see. */
  path(name: string): string {
    if (name.startsWith('./')) return join(this.project, name);
    if (name.startsWith('~/')) return join(this.home, name.slice(2));
    if (name.startsWith('/etc/')) return join(this.#system, name.slice('/etc/'.length));
    throw new Error(`${name} begins with none of ./, ~/ and /etc/`);
  }

  write(name: string, content: string | Buffer, mode = content.toString().startsWith('#!') ? 0o755 : 0o644): string {
    const file = this.path(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
    this.#hasSystemFiles ||= name.startsWith('/etc/');
    return file;
  }

  /** Compiles a shared library. @throws without a C compiler. */
  compile(name: string, source: string): void {
    const { status, error } = spawnSync('cc', ['-shared', '-fPIC', '-o', this.write(name, ''), '-x', 'c', '-'], {
      input: source,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error(`cc made no ${name}: ${String(error?.message ?? status)}`);
  }

  /** Puts programs on the PATH of this workplace, as users have them. */
  install(programs: Readonly<Record<string, string>>): void {
    mkdirSync(this.#bin, { recursive: true });
    for (const [name, file] of Object.entries(programs)) symlinkSync(file, join(this.#bin, name));
  }

  /**
   * Runs a command in the project, with a minimal environment that contains nothing from ours. No network beyond
   * loopback.
   *
   * @param talk what is written to it, and the text after which writing stops
   */
  run(
    file: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    talk?: { readonly input: string; readonly until: string },
  ): Promise<Ended> {
    const [command, all] = this.#hasSystemFiles
      ? ['unshare', [...NAMESPACE, this.#system, file, ...args]]
      : [file, args];
    const nowhere = 'http://127.0.0.1:9';
    const environment = {
      PATH: [this.#bin, process.env['PATH'] ?? ''].join(delimiter),
      HOME: this.home,
      LANG: 'C.UTF-8',
      TMPDIR: join(this.home, 'tmp'),
      HTTP_PROXY: nowhere,
      HTTPS_PROXY: nowhere,
      NO_PROXY: '127.0.0.1',
      ...env,
    };
    return new Promise((resolve, reject) => {
      const child = spawn(command, all, {
        cwd: this.project,
        env: environment,
        stdio: [talk === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        timeout: TIME_LIMIT_MS,
        killSignal: 'SIGKILL',
      });
      let [stdout, output] = ['', ''];
      child.stdin?.on('error', () => undefined).write(talk?.input ?? '');
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        output += text;
        if (talk !== undefined && stdout.includes(talk.until)) child.stdin?.end();
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code, stdout, output });
      });
    });
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
