import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { registerProducerCommands } from '#exporters/commands/register.js';
import type { LandingDay } from '#schemas/clickhouse/facts.js';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { registerAlertRouteCommands } from './alert-route-commands.js';
import { registerBackupCommands } from './backup/command.js';
import { registerDeliveryCommands } from './alert-delivery-commands.js';
import { registerControlCommands } from './control-commands.js';
import { registerGrafanaCommand } from './grafana-command.js';
import type { DemoFlags } from './demo/command.js';
import type { DoctorFlags } from './doctor/command.js';
import { banner } from './embedded/banner.js';
import { resolveDataDir, resolveStackConfig, type StackFlags } from './embedded/config.js';
import { callStack } from './embedded/data-folder.js';
import type { StackStatus } from './embedded/stack.js';
import { untilInterrupted } from './embedded/until-interrupted.js';
import type { ReportFlags } from './report.js';
import { registerRollupCommands } from './rollup-command.js';
import { registerSetAsideCommands } from './set-aside-command.js';

const out = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const err = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function version(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** Options of every command that may start the embedded stack. */
function withStackOptions(command: Command): Command {
  return command
    .option('--data-dir <folder>', 'where data is kept (SHIELDWATCH_DATA_DIR; default ~/.shieldwatch/data)')
    .option('--port <port>', 'gateway and boards (SHIELDWATCH_PORT; default 4000)')
    .option('--grpc-port <port>', 'OTLP/gRPC of the gateway (SHIELDWATCH_GRPC_PORT; off by default)')
    .option('--listen <address>', 'IP address of the gateway and boards (SHIELDWATCH_LISTEN; default 127.0.0.1)')
    .option('--clickhouse-port <port>', 'embedded ClickHouse (SHIELDWATCH_CLICKHOUSE_PORT; default 8123)')
    .option(
      '--clickhouse-admin',
      'a ClickHouse user `admin`, who makes databases beside ours (SHIELDWATCH_CLICKHOUSE_ADMIN=1; default none)',
    )
    .option('--collector-port <port>', 'collector (SHIELDWATCH_COLLECTOR_PORT; default 4318)')
    .option('--no-collector', 'let the gateway redact and land telemetry by itself');
}

/** Calls the stack of a data folder, or says that none runs. */
async function needStack<T>(
  flags: { dataDir?: string },
  method: string,
  path: string,
  body?: unknown,
  timeoutMs?: number,
): Promise<T> {
  const dataDir = resolveDataDir(flags.dataDir);
  const answer = await callStack<T>(dataDir, method, path, body, timeoutMs);
  if (answer === undefined) throw new CommandError(`no stack runs on ${dataDir}; start it with \`npm start\``);
  return answer;
}

/** Milliseconds one day of landing may take. */
const DAY_MS = 600_000;

/** Milliseconds one month of one series may take. */
const MONTH_MS = 1_800_000;

/** Goes through landing day by day, so that progress shows and no single call takes long. */
async function eachLandingDay(
  flags: { dataDir?: string },
  path: string,
  onDay: (answer: { missing?: number }) => void,
): Promise<void> {
  const days = await needStack<LandingDay[]>(flags, 'GET', '/facts/days');
  for (const [done, day] of days.entries()) {
    onDay(await needStack<{ missing?: number }>(flags, 'POST', path, day, DAY_MS));
    err(`${done + 1} of ${days.length}: ${day.fact} of ${day.day}`);
  }
}

/** Every command, with its flags. What only one of them needs is loaded when it runs: most are over sooner than that. */
export function program(): Command {
  const root = new Command('shieldwatch')
    .description('Security observability for AI coding agents, on OpenTelemetry')
    .version(version());

  withStackOptions(root.command('start').description('run the whole stack on this machine')).action(
    async (flags: StackFlags) => {
      const { startStack } = await import('./embedded/stack.js');
      const stack = await startStack(resolveStackConfig(flags), err);
      out(banner(stack));
      await untilInterrupted();
      err('stopping: draining what was accepted');
      await stack.stop();
    },
  );

  withStackOptions(
    root.command('demo').description('scan sample repositories and play agent sessions through the real hook'),
  )
    .option('--calls <count>', 'hook calls to play', '200')
    .option('--exit', 'stop a stack that the demo started itself, instead of leaving it on')
    .addOption(new Option('--json', 'print the result as JSON'))
    .action(async (flags: StackFlags & DemoFlags) => {
      const { runDemoCommand } = await import('./demo/command.js');
      await runDemoCommand(flags, out, err);
    });

  registerProducerCommands(root);
  registerGrafanaCommand(root, out);

  const dataDirOption = ['--data-dir <folder>', 'data folder of the running stack'] as const;
  root
    .command('stack')
    .description('what runs where')
    .option(...dataDirOption)
    .action(async (flags: { dataDir?: string }) => {
      out(JSON.stringify(await needStack<StackStatus>(flags, 'GET', '/status'), null, 2));
    });
  root
    .command('boards')
    .description('print a link that opens the boards, once, within ten minutes')
    .option(...dataDirOption)
    .option('--org <id>', 'organisation; the one of this machine unless given')
    .action(async (flags: { dataDir?: string; org?: string }) => {
      out(
        (
          await needStack<{ url: string }>(
            flags,
            'POST',
            '/boards-link',
            flags.org === undefined ? {} : { orgId: flags.org },
          )
        ).url,
      );
    });
  root
    .command('doctor')
    .description(
      'check this machine and every step from a producer to boards and alerts; names what is broken, and the cure',
    )
    .option(...dataDirOption)
    .option('--url <url>', "gateway (SHIELDWATCH_URL; default: the running stack's)")
    .option('--json', 'print the findings as JSON')
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import('./doctor/command.js');
      await runDoctor(flags, out);
    });
  registerControlCommands(root, out);
  const alerts = root.command('alerts').description('alerts: routes, destinations, and what is done about them');
  registerAlertRouteCommands(alerts, out);
  registerDeliveryCommands(alerts, out);
  registerSetAsideCommands(root, out);
  registerBackupCommands(root, { version, out, err });
  root
    .command('report')
    .description("write the boards' pictures into one HTML file for people who are sent things")
    .option('--org <id>', "organisation; the token's or the running stack's own unless given")
    .option('--from <time>', 'now-7d, a date, or milliseconds since 1970', 'now-7d')
    .option('--to <time>', 'as --from', 'now')
    .option('--board <uid...>', 'boards, or all; the first board unless given')
    .option('--repository <owner/name...>', 'only these repositories')
    .option('--output <file>', 'HTML file to write (default: shieldwatch-report-<org>-<from>-<to>.html)')
    .option('--pdf [file]', 'a PDF of it too, through Chromium (CHROMIUM_PATH)')
    .option('--url <url>', 'gateway, with a token (SHIELDWATCH_URL, default http://127.0.0.1:4000)')
    .option('--token <token>', 'token that may read; better given as SHIELDWATCH_TOKEN, which no process list shows')
    .option(...dataDirOption)
    .action(async (flags: ReportFlags) => {
      const { runReport } = await import('./report.js');
      await runReport(flags, out);
    });
  const facts = root.command('facts').description('hold the facts to the telemetry they are made of');
  facts
    .command('reconcile')
    .description('find facts that are missing beside landing, and make them')
    .option(...dataDirOption)
    .action(async (flags: { dataDir?: string }) => {
      let missing = 0;
      await eachLandingDay(flags, '/facts/reconcile', (answer) => {
        missing += answer.missing ?? 0;
      });
      out(`${missing} facts were missing and have been made`);
    });
  facts
    .command('rebuild')
    .description('make all facts again from what landing still holds; nothing is counted twice')
    .option(...dataDirOption)
    .action(async (flags: { dataDir?: string }) => {
      await eachLandingDay(flags, '/facts/rebuild', () => undefined);
    });
  facts
    .command('delete')
    .description('forget a repository, or everything that one token sent; the series follow')
    .option(...dataDirOption)
    .option('--repository <owner/name>', 'the repository to forget')
    .option('--token-id <id>', 'the token whose telemetry to forget')
    .option('--yes', 'really: nothing brings it back')
    .action(async (flags: { dataDir?: string; repository?: string; tokenId?: string; yes?: true }) => {
      if ((flags.repository === undefined) === (flags.tokenId === undefined))
        throw new CommandError('name what to forget: --repository or --token-id');
      if (flags.yes !== true) throw new CommandError('this deletes for good; add --yes to do it');
      await needStack(
        flags,
        'POST',
        '/facts/delete',
        flags.repository === undefined ? { tokenId: flags.tokenId } : { repo: flags.repository },
        DAY_MS,
      );
      out('deleted; the series follow within seconds');
    });
  registerRollupCommands(root, {
    call: (flags, path, body) => needStack(flags, 'POST', `/rollup/${path}`, body, MONTH_MS),
    out,
    err,
  });
  return root;
}

/** Runs the command line; expected failures are one line on stderr and exit code 1. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...argv]);
  } catch (error) {
    err(error instanceof CommandError ? error.message : String(error instanceof Error ? error.stack : error));
    process.exitCode = 1;
  }
}
