import { existsSync, readFileSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { SEGMENT_PATTERN } from '../spool/location.js';
import { decodeLine } from '../spool/line.js';
import { claudeFile, DRIVERS, programs, type AgentName, type Launch } from './drivers.js';
import type { Asked, ModelRequest, Turn } from '../drill/model-api.js';
import { ModelServer } from './model-server.js';
import { Workplace, type Ended } from './workplace.js';

export const GROUPS = ['switches', 'files', 'tools', 'events', 'ends'] as const;
export type Group = (typeof GROUPS)[number];

/**
 * One session of one agent: what differs from a project in which the hook was installed for the user, whose policy
 * denies shell commands that contain `forbidden`, and whose model requests one.
 *
 * In every text `$P` is the project's folder, `$H` the home and `$U` the URL of the model.
 */
export interface Session {
  readonly agent: AgentName;
  /** Scope of `shieldwatch install`; `none` if the hook is not installed. */
  readonly scope?: string;
  readonly policy?: object;
  /** Files that exist before the installation, such as a user's settings. */
  readonly before?: Readonly<Record<string, string>>;
  /** Files that are created afterwards. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Shared libraries that are created afterwards, from C source. */
  readonly shared?: Readonly<Record<string, string>>;
  /** Objects that are merged into JSON files, after the installation. */
  readonly merge?: Readonly<Record<string, object>>;
  /** False if the hook is not approved where the agent requires it. */
  readonly isApproved?: boolean;
  /** True when the hook is approved before the files are changed. */
  readonly approvedBefore?: boolean;
  /** Claude Code commands that the user runs once the files exist. */
  readonly setup?: readonly (readonly string[])[];
  /** Replaced in the settings that `install` wrote. */
  readonly replace?: (text: string, workplace: Workplace) => string | Buffer;
  readonly launch?: Launch;
  /** Calls that the model requests; by default a shell command that creates the file `$P/forbidden`. */
  readonly turns?: readonly (readonly Asked[])[];
  /** Calls that a subagent requests: one whose task is `SUBAGENT`. */
  readonly subagent?: readonly (readonly Asked[])[];
}

/** A session as a cell of the matrix. */
export interface Situation extends Session {
  readonly group: Group;
  /** The entry of the group's list to which this cell belongs. */
  readonly entry: string;
  /** What is tried, if the entry does not say it. */
  readonly about?: string;
  /** Text that reaches the model if the call ran and leaves no file. */
  readonly canary?: string;
  /** `answer`: the last call ran unless the model is informed that the policy denies it. */
  readonly effect?: 'file' | 'answer';
  /** Why `status` cannot know before the session: then its result afterwards counts. */
  readonly unseen?: string;
  /**
   * Why a denied call may run here under a green status: a documented limit, which `status` reports in lines that
   * contain `says`.
   */
  readonly exception?: { readonly why: string; readonly says: string };
}

export type Colour = 'green' | 'red';

export interface Status {
  readonly colour: Colour;
  /** The most informative line. */
  readonly line: string;
  /** All lines. */
  readonly text: string;
}

/** Result of a situation. */
export interface Cell {
  /** True if the denied action happened. */
  readonly ran: boolean;
  /** Decisions in the spool, e.g. `block`, ordered by time; `none` if empty. */
  readonly recorded: string;
  /** Result of `shieldwatch status` before the session, and after it. */
  readonly before: Status;
  readonly after: Status;
  /** For the message of a failing test. */
  readonly output: string;
}

export const SETTINGS: Readonly<Record<AgentName, Readonly<Record<string, string>>>> = {
  'claude-code': {
    user: '~/.claude/settings.json',
    project: './.claude/settings.json',
    local: './.claude/settings.local.json',
    managed: '/etc/claude-code/managed-settings.json',
  },
  codex: { user: '~/.codex/config.toml', project: './.codex/config.toml' },
  'gemini-cli': {
    user: '~/.gemini/settings.json',
    project: './.gemini/settings.json',
    managed: '/etc/gemini-cli/settings.json',
  },
};

const POLICY = './.agentshield/runtime-policy.json';
export const REASON = 'Prevents destructive filesystem operations';
const DENY_COMMANDS = { version: 1, deny: [{ tool: 'Bash', pattern: 'forbidden', reason: REASON }] };
export const MARKER = '$P/forbidden';
export const FORBIDDEN: readonly (readonly Asked[])[] = [[{ command: `touch ${MARKER}` }]];

/** The producers' own entry point, which loads least. */
export const CLI = join(packageRoot(), 'dist', 'exporters', 'cli.js');

/** A session that is ready to start. */
export interface Ready {
  readonly workplace: Workplace;
  readonly model: ModelServer;
  /** Starts the client and waits for its end. `extra` is added to the arguments and the environment. */
  readonly start: (extra?: Launch) => Promise<Ended>;
}

/** Prepares a session of the client in `folder`, calls `use`, and removes everything. */
export async function inSession<T>(session: Session, folder: string, use: (ready: Ready) => Promise<T>): Promise<T> {
  const { agent, scope = 'user', policy = DENY_COMMANDS, launch = {}, turns = FORBIDDEN } = session;
  const driver = DRIVERS[agent];
  const workplace = new Workplace();
  const inPlace = (text: string): string => text.replaceAll('$P', workplace.project).replaceAll('$H', workplace.home);
  const script = {
    turns: withIds(turns, driver.idPrefix),
    subagent: withIds(session.subagent ?? [], `${driver.idPrefix}SUB`),
  };
  const model = await ModelServer.start(driver.api(JSON.parse(inPlace(JSON.stringify(script))) as typeof script));
  const here = (text: string): string => inPlace(text).replaceAll('$U', model.url);
  const hereIn = <U>(value: U): U => JSON.parse(here(JSON.stringify(value))) as U;
  try {
    driver.prepare(workplace, model.url);
    workplace.install(programs(folder));
    workplace.write(POLICY, JSON.stringify(hereIn(policy)));
    for (const [name, text] of Object.entries(session.before ?? {})) workplace.write(name, here(text));
    if (scope !== 'none') await install(workplace, agent, scope);
    if (session.approvedBefore) await driver.approve(workplace, folder);
    if (session.replace !== undefined) {
      const name = SETTINGS[agent][scope] ?? '';
      workplace.write(name, session.replace(readFileSync(workplace.path(name), 'utf8'), workplace));
    }
    for (const [name, content] of Object.entries(session.files ?? {}))
      workplace.write(name, typeof content === 'string' ? here(content) : content);
    for (const [name, source] of Object.entries(session.shared ?? {})) workplace.compile(name, source);
    for (const [name, object] of Object.entries(session.merge ?? {})) mergeInto(workplace, name, hereIn(object));
    for (const command of session.setup ?? [])
      await workplace.run(claudeFile(folder), command, { DISABLE_AUTOUPDATER: '1', IS_SANDBOX: '1' });
    if ((session.isApproved ?? true) && !session.approvedBefore) await driver.approve(workplace, folder);
    return await use({
      workplace,
      model,
      start: ({ args = [], env = {} } = {}) => {
        const own = hereIn(launch);
        return driver.run(workplace, folder, model.url, {
          ...own,
          args: [...args, ...(own.args ?? [])],
          env: { ...env, ...own.env },
        });
      },
    });
  } finally {
    await model.stop();
    workplace.remove();
  }
}

async function install(workplace: Workplace, agent: AgentName, scope: string): Promise<void> {
  // Its exit code shows the state before a user has approved the hook or trusted the folder.
  const { output } = await shieldwatch(workplace, ['install', agent, '--scope', scope, '--yes']);
  const settings = workplace.path(SETTINGS[agent][scope] ?? '');
  if (!existsSync(settings) || !readFileSync(settings, 'utf8').includes('shieldwatch-hook'))
    throw new Error(`shieldwatch install ${agent}: ${output}`);
}

/** Runs one situation with the clients in `folder`. */
export function runCell(situation: Situation, folder: string): Promise<Cell> {
  const { agent, launch = {} } = situation;
  return inSession(situation, folder, async ({ workplace, model, start }) => {
    makeOld(workplace, agent);
    const before = await statusOf(workplace, agent, launch.env);
    const { output } = await start();
    const after = await statusOf(workplace, agent, launch.env);
    return {
      ran: existsSync(join(workplace.project, 'forbidden')) || wasAnswered(situation, model.requests),
      recorded:
        recordsIn(workplace.spool)
          .map(({ decision }) => decision)
          .join(', ') || 'none',
      before,
      after,
      output: `${output}\n${before.line}\n${after.line}`,
    };
  });
}

/** Sets the installation time to an hour ago: `status` draws no conclusion from calls right after an installation. */
function makeOld(workplace: Workplace, agent: AgentName): void {
  const then = new Date(Date.now() - 3_600_000);
  for (const name of Object.values(SETTINGS[agent])) {
    const file = workplace.path(name);
    if (existsSync(file)) utimesSync(file, then, then);
  }
}

/** For calls that leave no file. */
function wasAnswered(
  { canary, effect = 'file', turns = FORBIDDEN }: Situation,
  requests: readonly ModelRequest[],
): boolean {
  if (canary !== undefined) return requests.some(({ text }) => text.includes(canary));
  if (effect === 'file') return false;
  const last = requests.filter(({ body }) => 'tools' in body || 'input' in body).at(-1)?.text ?? '';
  // The calls' results came back, and the last is neither our denial nor the client's refusal.
  return requests.length > turns.length && !last.includes(REASON) && !/"is_error":true/.test(last);
}

/**
 * Returns whether a denied call ran although `status` reported no problem before or after it, and no documented limit.
 */
export function isBroken({ unseen, exception }: Situation, { ran, before, after }: Cell): boolean {
  if (!ran || (exception !== undefined && [before, after].every(({ text }) => text.includes(exception.says))))
    return false;
  return (before.colour === 'green' && unseen === undefined) || after.colour === 'green';
}

function withIds(turns: readonly (readonly Asked[])[], prefix: string): Turn[] {
  let count = 0;
  return turns.map((turn) =>
    turn.map((asked) => ({ ...asked, id: `${prefix}FAKE${String((count += 1)).padStart(7, '0')}` })),
  );
}

function shieldwatch(workplace: Workplace, args: readonly string[]): Promise<Ended> {
  return workplace.run(process.execPath, [CLI, ...args, '--dir', workplace.project]);
}

async function statusOf(
  workplace: Workplace,
  agent: AgentName,
  env: Readonly<Record<string, string>> = {},
): Promise<Status> {
  const { code, output } = await workplace.run(process.execPath, [CLI, 'status', '--dir', workplace.project], env);
  const lines = output.split('\n').filter((line) => line !== '' && !line.startsWith('spool:'));
  const line =
    lines.find((candidate) => candidate.startsWith('  but:')) ??
    lines.find((candidate) => candidate.startsWith(agent)) ??
    lines[0] ??
    '';
  const isWell =
    code === 0 &&
    lines.some((candidate) => candidate.startsWith(agent)) &&
    !lines.some((candidate) => candidate.startsWith('  but:'));
  return { colour: isWell ? 'green' : 'red', line: line.trim().replaceAll(workplace.home, '~'), text: output };
}

function recordsIn(spool: string): DecisionRecord[] {
  if (!existsSync(spool)) return [];
  const text = readdirSync(spool)
    .filter((name) => SEGMENT_PATTERN.test(name))
    .sort()
    .map((name) => readFileSync(join(spool, name), 'utf8'))
    .join('');
  return text.split('\n').flatMap((line) => {
    const record = line === '' ? undefined : (decodeLine(line) as DecisionRecord | undefined);
    return record === undefined ? [] : [record];
  });
}

function mergeInto(workplace: Workplace, name: string, object: object): void {
  const file = workplace.path(name);
  // Our own file, with at most a comment.
  const text = existsSync(file) ? readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, '') : '{}';
  workplace.write(name, JSON.stringify(merged(JSON.parse(text), object), null, 2));
}

function merged(one: unknown, other: unknown): unknown {
  if (!isObject(one) || !isObject(other)) return other;
  return { ...one, ...Object.fromEntries(Object.entries(other).map(([key, value]) => [key, merged(one[key], value)])) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
