import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { environment } from '../environment.js';
import type { Client } from '../install/client.js';
import { seatId } from '../drill/seat.js';
import { resolveToken, resolveUrl } from '../otlp/connection.js';
import { withConnection, type ConnectionOptions } from './connection-options.js';
import { say, writeStderr } from './output.js';

interface DrillCommandOptions extends ConnectionOptions {
  live?: true;
  client?: string;
  dir: string;
  project: boolean;
  json?: true;
}

/** Registers `drill`. */
export function registerDrill(program: Command): void {
  withConnection(program.command('drill'))
    .description('show which agents are configured to call the hook; with --live prove that a denied call is stopped')
    .option(
      '--live',
      'start each installed agent on a stand-in model that asks for a harmless call which the policy denies',
    )
    .option('--client <agent>', 'claude, codex or gemini. Default: every installed one')
    .option('--dir <dir>', 'project folder', '.')
    .option('--no-project', "without a project: only the user's and the machine's settings")
    .option('--json', 'print one JSON object')
    .action(drill);
}

/** One line of the result. */
interface Line {
  readonly client: Client['name'];
  readonly result: string;
  readonly detail: string;
  readonly cure?: string;
  readonly version?: string;
  readonly durationMs?: number;
}

/** Exit code 0 if every agent is configured, or with `--live` proved; else 1. */
async function drill(options: DrillCommandOptions): Promise<void> {
  const clients = await chosen(options.client);
  const lines: Line[] = [];
  const show = (line: Line): void => {
    lines.push(line);
    if (options.json) return;
    say(`${line.client}: ${line.result.replace('_', ' ')}: ${line.detail}`);
    if (line.cure !== undefined) say(`  → ${line.cure}`);
  };
  if (options.live) await live(clients, options, show);
  else for (const client of clients) show(await configured(client, options));
  const isWell = lines.length > 0 && lines.every(({ result }) => result === (options.live ? 'proved' : 'configured'));
  const seat = seatId(environment);
  if (options.json) say(JSON.stringify({ ok: isWell, live: options.live === true, seat, clients: lines }, null, 2));
  else if (lines.length === 0) say('no agent is installed here: looked for claude, codex and gemini on PATH');
  if (!isWell) process.exitCode = 1;
}

/** Returns the named agent, or every one that is on PATH or has our hook in its settings. */
async function chosen(name: string | undefined): Promise<Client[]> {
  const { CLIENTS, clientNamed, placesHere } = await import('../install/install.js');
  const { programOn } = await import('../install/ask-client.js');
  const { DRILLED } = await import('../drill/clients.js');
  if (name !== undefined) {
    const short = CLIENTS.find((client) => DRILLED[client.name].program === name);
    return [short ?? clientNamed(name)];
  }
  return CLIENTS.filter(
    (client) => programOn(placesHere(process.cwd(), environment), DRILLED[client.name].program) !== undefined,
  );
}

async function configured(client: Client, { dir }: DrillCommandOptions): Promise<Line> {
  const { placesHere } = await import('../install/install.js');
  const { clientStatus } = await import('../install/status.js');
  const { hooks, files } = await clientStatus(client, placesHere(resolve(dir), environment));
  const problems = [...files, ...hooks.flatMap((hook) => hook.problems)];
  const [result, detail, cure] =
    hooks.length === 0
      ? ['not_configured', 'no Shieldwatch hook in its settings', `\`shieldwatch install ${client.name}\``]
      : problems.length > 0
        ? ['not_configured', problems.join('; '), '`shieldwatch status` names each cause']
        : ['configured', 'the hook is in its settings; `--live` proves that it is obeyed', undefined];
  return { client: client.name, result, detail, ...(cure === undefined ? {} : { cure }) };
}

/** Sends each result, if there is a token. @throws SendError if one could not be sent. */
async function live(
  clients: readonly Client[],
  { dir, project, url, token: given }: DrillCommandOptions,
  show: (line: Line) => void,
): Promise<void> {
  if (process.platform === 'win32') throw new CommandError('--live runs on Linux and macOS only');
  const { placesHere } = await import('../install/install.js');
  const { recordOf, runDrill } = await import('../drill/run-drill.js');
  const { drillSpan } = await import('#schemas/records/drill.js');
  const places = placesHere(resolve(dir), environment);
  const token = resolveToken(given, environment);
  const { createSender } = await import('../otlp/sender.js');
  const sender = token === undefined ? undefined : createSender({ url: resolveUrl(url, environment), token });
  if (sender === undefined) writeStderr('nothing is sent: no token (SHIELDWATCH_TOKEN)');
  try {
    for (const client of clients) {
      const options = { isForProject: project };
      const result = await runDrill(client, places, options);
      show(result);
      const sent = await sender?.spans([drillSpan(recordOf(result, seatId(environment), places, options))]);
      if (sent !== undefined && sent.rejected > 0) throw new CommandError(`the gateway rejected it: ${sent.message}`);
    }
  } finally {
    sender?.close();
  }
}
