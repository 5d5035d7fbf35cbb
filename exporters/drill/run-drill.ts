import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { DrillRecord, DrillResult } from '#schemas/records/drill.js';
import { scrubText } from '#schemas/scrub.js';
import { findGitFolder } from '../repository/git-folder.js';
import { repositoryName } from '../repository/repository-name.js';
import { programOn } from '../install/ask-client.js';
import type { Client, Places, SettingsFile } from '../install/client.js';
import { readFileText } from '../install/reading.js';
import { fixedValue } from '../install/status.js';
import { shieldwatchFolder } from '../spool/location.js';
import { mintCanary, type Canary } from './canary.js';
import { clientEnvironment } from './client-environment.js';
import { DRILLED } from './clients.js';
import { startStandIn, type Seen } from './stand-in.js';

export interface DrillOptions {
  /** False: the settings of no project count, as in a folder without any. */
  readonly isForProject: boolean;
  /** Milliseconds after which the client is ended. Default two minutes. */
  readonly limitMs?: number;
  /** Ends the client at once. */
  readonly signal?: AbortSignal;
}

/** What a live drill of one client showed. */
export interface LiveDrill {
  readonly client: Client['name'];
  readonly result: DrillResult;
  /** What was seen, in one line. Contains no secret. */
  readonly detail: string;
  /** What to do; absent if proved. */
  readonly cure?: string;
  /** Version of the client, if it said one. */
  readonly version?: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
}

const LIMIT_MS = 120_000;
/** Id of the call; each API requires another beginning. */
const CALL_IDS = {
  'claude-code': 'toolu_01DRILL00000000000001',
  codex: 'call_DRILL0000000001',
  'gemini-cli': 'drill-1',
} as const;

/**
 * Starts the person's client on a stand-in for its model, which asks for one call that a policy denies, and says what
 * came of it. Everything that the drill created is removed, and every process that it started has ended.
 */
export async function runDrill(client: Client, places: Places, options: DrillOptions): Promise<LiveDrill> {
  const startedAt = Date.now();
  const drilled = DRILLED[client.name];
  const end = (result: DrillResult, detail: string, cure?: string, version?: string): LiveDrill => ({
    client: client.name,
    result,
    detail,
    ...(cure === undefined ? {} : { cure }),
    ...(version === undefined ? {} : { version }),
    startedAt: new Date(startedAt).toISOString(),
    durationMs: Date.now() - startedAt,
  });
  const program = programOn(places, drilled.program);
  if (program === undefined)
    return end('client_failed', `\`${drilled.program}\` is not on PATH`, `install ${drilled.title}, or leave it out`);

  const files = settingsOf(client, places, options.isForProject);
  const hasProjectSettings = files.some(({ scope, reading }) => isOfProject(scope) && reading.kind !== 'absent');
  if (options.isForProject && (hasProjectSettings || client.name === 'gemini-cli')) {
    const distrust = drilled.distrust(places, files);
    if (distrust !== undefined)
      return end(
        'client_failed',
        `${distrust}; the drill was not started`,
        `start \`${drilled.program}\` in this folder once and trust it, or drill without the project: --no-project`,
      );
  }

  const root = realpathSync(mkdtempSync(join(tmpdir(), 'shieldwatch-')));
  const folder = join(root, 'work');
  mkdirSync(folder, { mode: 0o700 });
  let canary: Canary | undefined;
  try {
    canary = mintCanary(folder, homesOf(client, files, places));
    const standIn = await startStandIn(
      drilled.api,
      { turns: [[{ id: CALL_IDS[client.name], command: canary.command }]] },
      { call: canary.name, reason: canary.reason },
    );
    try {
      if (hasProjectSettings && drilled.settingsFolder !== undefined)
        symlinkSync(join(resolve(places.project), drilled.settingsFolder), join(folder, drilled.settingsFolder));
      const start = drilled.start({ places, files, standIn, scratch: root });
      if ('problem' in start) return end('client_failed', start.problem, 'drill on a machine without these settings');
      const ended = await runClient(program, start.args, {
        cwd: folder,
        env: { ...clientEnvironment(places.env, standIn.origin), HOME: places.home, ...start.env },
        limitMs: options.limitMs ?? LIMIT_MS,
        signal: options.signal,
      });
      const installed = files.flatMap(({ reading }) => (reading.kind === 'read' ? client.find(reading.settings) : []));
      const seen = standIn.seen;
      const { result, detail, cure } = judged({
        seen,
        ended,
        client,
        isConfigured: installed.length > 0,
        judgements: canary.judgements(),
        hasRun: existsSync(canary.file),
      });
      return end(result, detail, cure, seen.version ?? canary.judgements()[0]?.agentVersion);
    } finally {
      await standIn.close();
    }
  } finally {
    canary?.remove();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Returns a drill as it is sent: without detail and cure. A drill without a project is of no repository. */
export function recordOf(
  { client, result, version, startedAt, durationMs }: LiveDrill,
  seat: string,
  { project, env }: Places,
  { isForProject }: DrillOptions,
): DrillRecord {
  return {
    seat,
    client,
    ...(version === undefined ? {} : { version: version.slice(0, 50) }),
    repository: isForProject && findGitFolder(project) !== undefined ? repositoryName([project], env) : '',
    timestamp: startedAt,
    durationMs,
    result,
  };
}

const isOfProject = (scope: SettingsFile['scope']): boolean => scope === 'project' || scope === 'local';

/** Returns the settings files that count, as the client parses them. */
function settingsOf(client: Client, places: Places, isForProject: boolean): SettingsFile[] {
  return client
    .files(places)
    .filter(({ scope }) => isForProject || !isOfProject(scope))
    .map(({ scope, file }) => ({ scope, file, reading: client.read(readFileText(file), file) }));
}

/** Returns the producers' folders of all installed hooks, and this process's. */
function homesOf(client: Client, files: readonly SettingsFile[], { env, home }: Places): string[] {
  const installed = files.flatMap(({ reading }) => (reading.kind === 'read' ? client.find(reading.settings) : []));
  const fixed = installed.map(({ hook }) => {
    const isOfUser = hook.type === 'command' && / --user-home\b/.test(hook.command);
    return isOfUser ? `${userInfo().homedir}/.shieldwatch` : fixedValue([{ hook }], '--home');
  });
  const own = shieldwatchFolder({ ...env, HOME: home });
  return [...new Set([own, ...fixed.filter((path) => path !== undefined)].map((path) => resolve(path)))];
}

interface Evidence {
  readonly seen: Seen;
  readonly ended: EndedClient;
  readonly client: Client;
  /** One of our hooks is in the client's settings. */
  readonly isConfigured: boolean;
  readonly judgements: ReturnType<Canary['judgements']>;
  /** The file exists: the call ran. */
  readonly hasRun: boolean;
}

/** Names what happened, and the cure. */
function judged(evidence: Evidence): { result: DrillResult; detail: string; cure?: string } {
  const { seen, ended, client, isConfigured, judgements, hasRun } = evidence;
  const { title } = DRILLED[client.name];
  const install = `shieldwatch install ${client.name}`;
  const isDenied = judgements.some(({ decision }) => decision === 'block');
  if (seen.isForeign)
    return {
      result: 'client_failed',
      detail: `${title} offered another credential than the drill's; it was refused and not kept`,
      cure: 'look for a key or a helper in its settings that overrides the environment',
    };
  if (hasRun && isDenied)
    return {
      result: 'failed_open',
      detail: `our hook denied the call, and ${title} ran it`,
      cure: `something stands between hook and ${title}, such as a wrapper that writes other text: run \`shieldwatch status\`, then \`${install}\``,
    };
  if (hasRun && judgements.length > 0)
    return {
      result: 'policy_allowed',
      detail: 'our hook was asked, and let a call run that the policy of its folder denies',
      cure: `the hook does not see the call as ${title} runs it, such as behind a wrapper that changes its folder: \`${install}\``,
    };
  if (hasRun && !isConfigured)
    return { result: 'no_hook', detail: `no hook was asked, and ${title} ran the call`, cure: `\`${install}\`` };
  if (hasRun)
    return {
      result: 'hook_failed',
      detail: `a hook is in the settings, and ${title} ran the call without its verdict${afterWait(seen)}`,
      cure: `the hook fails, is switched off, or is not trusted: \`shieldwatch status\` names the cause; then \`${install}\``,
    };
  if (isDenied && seen.isReported)
    return { result: 'proved', detail: 'the call was denied, did not run, and the model was informed' };
  if (ended.isOverdue)
    return {
      result: 'timeout',
      detail: `${title} did not end in time${seen.askedAt === undefined ? ' and did not come as far as the call' : ''}`,
      cure: 'a hook that hangs, or a slow machine: `shieldwatch status` asks the hook alone',
    };
  if (isDenied)
    return {
      result: 'not_reported',
      detail: 'the call was denied and did not run, but the reason did not reach the model',
      cure: `another hook or a setting ends the turn: run \`shieldwatch status\`, then \`${install}\``,
    };
  if (seen.answeredAt !== undefined)
    return {
      result: isConfigured ? 'hook_failed' : 'client_failed',
      detail: `${title} refused the call without a verdict of our hook${afterWait(seen)}`,
      cure: isConfigured
        ? `every call is blocked while the hook fails; an earlier version of it knows no drills: \`${install}\``
        : 'a rule of the client itself denies it, so that the drill shows nothing',
    };
  return {
    result: 'client_failed',
    detail: `${title} ended ${ended.how} before ${seen.askedAt === undefined ? 'it asked the model' : 'it answered the call'}${ended.lastLine === '' ? '' : `: ${ended.lastLine}`}`,
    cure: `start \`${DRILLED[client.name].program}\` by hand and see what it says`,
  };
}

/** A hook that hangs until its time limit, 10 seconds as installed, shows in the wait. */
function afterWait({ askedAt, answeredAt }: Seen): string {
  const waited = askedAt === undefined || answeredAt === undefined ? 0 : Math.round((answeredAt - askedAt) / 1000);
  return waited < 2 ? '' : `, after ${String(waited)} s`;
}

interface EndedClient {
  readonly isOverdue: boolean;
  /** `with exit code 1`, `by SIGKILL`. */
  readonly how: string;
  /** Last line of standard error, scrubbed. */
  readonly lastLine: string;
}

/** Runs a client in a process group of its own, and ends the whole group when it ends or is overdue. */
function runClient(
  program: string,
  args: readonly string[],
  {
    cwd,
    env,
    limitMs,
    signal: stop,
  }: { cwd: string; env: Record<string, string>; limitMs: number; signal: AbortSignal | undefined },
): Promise<EndedClient> {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let [isOverdue, errors] = [false, ''];
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // All of it has ended.
      }
    };
    const timer = setTimeout(() => {
      isOverdue = true;
      endGroup();
    }, limitMs);
    // Ctrl-C reaches this process's group only.
    process.once('SIGINT', endGroup).once('SIGTERM', endGroup);
    stop?.addEventListener('abort', endGroup, { once: true });
    if (stop?.aborted) endGroup();
    const finish = (how: string): void => {
      clearTimeout(timer);
      process.off('SIGINT', endGroup).off('SIGTERM', endGroup);
      stop?.removeEventListener('abort', endGroup);
      endGroup();
      const lines = errors.split('\n').map((line) => line.trim());
      done({ isOverdue, how, lastLine: scrubText(lines.findLast((line) => line !== '') ?? '', 200) });
    };
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = `${errors}${text}`.slice(-4096);
    });
    child.once('error', ({ message }) => {
      finish(`without starting (${scrubText(message, 100)})`);
    });
    // Not 'close': a hook that hangs holds standard error open.
    child.once('exit', (code, signal) => {
      finish(signal === null ? `with exit code ${String(code)}` : `by ${signal}`);
    });
  });
}
