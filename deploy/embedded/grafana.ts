import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { DATASOURCE, DATASOURCE_VERSION } from '#grafana/datasource.js';
import { DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import type { GrafanaPasswords } from './grafana-passwords.js';
import { environment } from '../environment.js';

const GUARD = join(packageRoot(), 'dist', 'deploy', 'embedded', 'guard.js');
const HOST = '127.0.0.1';
/** Where Debian's and RPM's packages keep what is not the program. */
const PACKAGED_HOME = '/usr/share/grafana';

/** A Grafana on this machine. */
export interface InstalledGrafana {
  readonly program: string;
  /** Folder with `conf/defaults.ini`. */
  readonly home: string;
}

/** The Grafana that GRAFANA_HOME names, else the one on PATH; undefined where there is none. */
export function findGrafana(env: NodeJS.ProcessEnv = environment): InstalledGrafana | undefined {
  const named = env['GRAFANA_HOME'];
  const programs =
    named === undefined || named === ''
      ? (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'grafana'))
      : [join(named, 'bin/grafana')];
  for (const program of programs.filter((path) => existsSync(path))) {
    const homes = [dirname(dirname(realpathSync(program))), PACKAGED_HOME];
    const home = homes.find((folder) => existsSync(join(folder, 'conf/defaults.ini')));
    if (home !== undefined) return { program, home };
  }
  return undefined;
}

export interface GrafanaSettings {
  installed: InstalledGrafana;
  /** Its database and logs live in `grafana` below it. */
  dataDir: string;
  port: number;
  /** The store as its reader may ask it: address, and user and password where it needs them. */
  readerUrl: string;
  /** Password of its user `admin`. */
  passwords: GrafanaPasswords;
  onLog: (line: string) => void;
}

/** Address that nothing answers: Grafana asks its maker's site here once our datasource is installed. */
const NOBODY = 'http://127.0.0.1:9/';

/**
 * Environment that makes it ours: `grafana.env`, our provisioning, loopback only. The datasource is fetched once, into our
 * data folder, without holding up the start (`preinstall_sync` would end Grafana without a network); after that nothing
 * is asked of anybody.
 */
export function grafanaEnvironment({
  dataDir,
  port,
  readerUrl,
  passwords,
}: Omit<GrafanaSettings, 'installed' | 'onLog'>): Record<string, string> {
  const { protocol, hostname, port: storePort, username, password } = new URL(readerUrl);
  const data = join(dataDir, 'grafana');
  const plugins = join(data, 'plugins');
  return {
    ...(parseEnv(readFileSync(join(packageRoot(), 'grafana/grafana.env'), 'utf8')) as Record<string, string>),
    GF_PATHS_DATA: data,
    GF_PATHS_PLUGINS: plugins,
    GF_PATHS_LOGS: join(data, 'log'),
    GF_PATHS_PROVISIONING: join(packageRoot(), 'grafana/provisioning'),
    // For a new database; `resetAdmin` sets it in an existing one.
    GF_SECURITY_ADMIN_PASSWORD: passwords.admin,
    GF_SERVER_HTTP_ADDR: HOST,
    GF_SERVER_HTTP_PORT: String(port),
    GF_SERVER_ROOT_URL: `http://${HOST}:${String(port)}/`,
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: join(packageRoot(), 'grafana/generated/posture.json'),
    ...(isInstalled(plugins)
      ? { GF_PLUGINS_PREINSTALL_DISABLED: 'true', GF_GRAFANA_COM_API_URL: NOBODY }
      : { GF_PLUGINS_PREINSTALL: `${DATASOURCE.type ?? ''}@${DATASOURCE_VERSION}` }),
    SHIELDWATCH_CLICKHOUSE_HOST: hostname,
    SHIELDWATCH_CLICKHOUSE_PORT: storePort === '' ? (protocol === 'https:' ? '8443' : '8123') : storePort,
    SHIELDWATCH_CLICKHOUSE_SECURE: String(protocol === 'https:'),
    SHIELDWATCH_CLICKHOUSE_DATABASE: DEFAULT_DATABASE,
    SHIELDWATCH_CLICKHOUSE_USER: username === '' ? 'default' : decodeURIComponent(username),
    SHIELDWATCH_CLICKHOUSE_PASSWORD: decodeURIComponent(password),
    SHIELDWATCH_BOARDS: join(packageRoot(), 'grafana/generated'),
  };
}

/** True when the folder holds our datasource in the version that the boards are written for. */
function isInstalled(plugins: string): boolean {
  try {
    const { info } = JSON.parse(readFileSync(join(plugins, DATASOURCE.type ?? '', 'plugin.json'), 'utf8')) as {
      info?: { version?: unknown };
    };
    return info?.version === DATASOURCE_VERSION;
  } catch {
    return false;
  }
}

/** Kinds of log lines that are remembered, so that each is passed on once. */
const MOST_KINDS = 1_000;

/**
 * Passes on Grafana's warnings and errors, each once, ignoring times, ids and counts: what goes wrong at every
 * evaluation of an alert would fill the terminal. Without a mail server Grafana says so at each notification of its
 * default contact point; that is one hint here.
 */
export function createLogFilter(onLog: (line: string) => void): (line: string) => void {
  const known = new Set<string>();
  return (line) => {
    if (!/\blevel=(warn|error|eror|crit)|^Error/.test(line)) return;
    const isMail = /SMTP not configured/i.test(line);
    const kind = isMail ? 'SMTP' : line.replace(/^(t|time)=\S+ /, '').replace(/\d+/g, '0');
    if (known.has(kind) || known.size >= MOST_KINDS) return;
    known.add(kind);
    onLog(
      isMail
        ? 'alerts fire and no mail is sent: name a mail server (GF_SMTP_...), or a contact point as in grafana/examples'
        : line,
    );
  };
}

/** What somebody set for Grafana before, ports and plugins of their own; the provisioning stays ours. */
function ownSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => name.startsWith('GF_') && name !== 'GF_PATHS_PROVISIONING'),
  );
}

/** Earlier versions of Shieldwatch set no password, so that Grafana accepted admin/admin. */
function resetAdmin(
  installed: InstalledGrafana,
  passwords: GrafanaPasswords,
  env: NodeJS.ProcessEnv,
  onLog: (line: string) => void,
): void {
  const { status } = spawnSync(
    installed.program,
    ['cli', '--homepath', installed.home, 'admin', 'reset-admin-password', '--password-from-stdin'],
    {
      env,
      input: `${passwords.admin}\n`,
      timeout: 60_000,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  if (status !== 0)
    onLog(
      'the password of its user `admin` could not be set to the one in grafana.env of the data folder; change it in Grafana',
    );
}

/**
 * Runs Grafana beside the stack and does not wait for it: its first start takes a while, and no other part needs it.
 * Settings of Grafana in the environment (GF_...) win over ours.
 */
export function startGrafana(settings: GrafanaSettings): { url: string; stop(): Promise<void> } {
  const { installed, port, onLog } = settings;
  const env = { ...environment, ...grafanaEnvironment(settings), ...ownSettings(environment) };
  if (settings.passwords.isNew && existsSync(join(settings.dataDir, 'grafana/grafana.db')))
    resetAdmin(installed, settings.passwords, env, onLog);
  const guard = fork(GUARD, [installed.program, 'server', '--homepath', installed.home], {
    env,
    // Ctrl-C in a terminal reaches only our own process, which stops its parts in order.
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const onLine = createLogFilter(onLog);
  for (const stream of [guard.stdout, guard.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on('line', onLine);
  }
  let isStopping = false;
  const ended = once(guard, 'exit').then(([code]: unknown[]) => {
    if (!isStopping) onLog(`ended with ${String(code)}; the stack goes on without it`);
  });
  return {
    url: `http://${HOST}:${String(port)}`,
    async stop() {
      isStopping = true;
      if (guard.connected) guard.disconnect();
      await ended;
    },
  };
}
