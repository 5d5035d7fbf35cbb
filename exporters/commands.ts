import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { resolveToken, resolveUrl } from './otlp/connection.js';
import { spoolFolder } from './spool/location.js';
import type { ScanOutcome } from './scan/run-scan.js';
import type { ShipResult } from './ship/shipment.js';

interface ConnectionOptions {
  url?: string;
  token?: string;
}

interface ScanCommandOptions extends ConnectionOptions {
  repository?: string;
  minSeverity?: string;
}

interface ShipCommandOptions extends ConnectionOptions {
  spool?: string;
  all?: true;
}

const URL_HELP = 'gateway (SHIELDWATCH_URL, default http://127.0.0.1:4000)';
const TOKEN_HELP = 'ingest token; better given as SHIELDWATCH_TOKEN, which no process list shows';

/**
 * Adds `scan`, `ship` and `hook`. What they need is loaded when they run: the SDK alone takes a quarter
 * of a second. The command line runs `hook` before it comes here (see hook/main.ts).
 */
export function registerProducerCommands(program: Command): void {
  program
    .command('scan')
    .description("scan a folder with AgentShield and send score and findings; exits with AgentShield's code")
    .argument('<dir>', 'folder to scan')
    .argument('[agentshield-args...]', 'after --: further options for `agentshield scan`')
    .option('--url <url>', URL_HELP)
    .option('--token <token>', TOKEN_HELP)
    .option('--repository <owner/name>', 'repository the scan belongs to (default: from git)')
    .option('--min-severity <severity>', 'lowest severity to report', 'info')
    .action(scan);
  program
    .command('ship')
    .description("send the hook's decisions from the local spool")
    .option('--url <url>', URL_HELP)
    .option('--token <token>', TOKEN_HELP)
    .option('--spool <dir>', 'spool folder (SHIELDWATCH_SPOOL_DIR, default ~/.shieldwatch/spool)')
    .option('--all', 'send everything in the spool again; nothing is counted twice')
    .action(ship);
  program
    .command('hook')
    .description('judge the tool call on standard input (PreToolUse hook of Claude Code and Codex, BeforeTool of Gemini)')
    .option('--policy-mode <mode>', 'safe, mended or stock (SHIELDWATCH_POLICY_MODE, default safe)')
    .action(async () => {
      const { runHook } = await import('./hook/main.js');
      await runHook(process.argv.slice(2));
    });
}

async function scan(dir: string, agentshieldArgs: string[], options: ScanCommandOptions): Promise<void> {
  const { runScan } = await import('./scan/run-scan.js');
  const url = resolveUrl(options.url, process.env);
  const outcome = await runScan({
    dir,
    url,
    token: resolveToken(options.token, process.env),
    repository: options.repository,
    minSeverity: options.minSeverity,
    agentshieldArgs,
    onScanned: printScan,
  });
  for (const warning of outcome.warnings) complain(`warning: ${warning}`);
  if (outcome.sent) say(`sent to ${new URL(url).origin}`);
  else complain('nothing was sent: no token (SHIELDWATCH_TOKEN)');
  process.exitCode = outcome.exitCode;
}

function printScan({ scan: { repository, score, grade, findings, filesScanned, agentshieldVersion } }: ScanOutcome): void {
  const total = Object.values(findings).reduce((sum, count) => sum + count, 0);
  const counts = Object.entries(findings).map(([severity, count]) => `${String(count)} ${severity}`);
  const verdict = filesScanned === 0 ? 'nothing scanned' : `score ${String(score)}/100, grade ${grade}`;
  say(`${repository}: ${verdict} (AgentShield ${agentshieldVersion})`);
  say(`${String(total)} findings in ${String(filesScanned)} files: ${counts.join(', ')}`);
}

async function ship(options: ShipCommandOptions): Promise<void> {
  const token = resolveToken(options.token, process.env);
  if (token === undefined) throw new CommandError('no token: set SHIELDWATCH_TOKEN to an ingest token');
  const { shipSpool } = await import('./ship/ship-spool.js');
  const result = await shipSpool({
    spoolDir: options.spool ?? spoolFolder(process.env),
    url: resolveUrl(options.url, process.env),
    token,
    all: options.all ?? false,
    onProgress: showProgress,
  });
  printShipment(result);
  if (result.rejected > 0) process.exitCode = 1;
}

function showProgress({ sent }: Readonly<ShipResult>): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${String(sent)} decisions sent`);
}

function printShipment({ sent, blocked, allowed, skipped, files, warnings }: ShipResult): void {
  if (process.stderr.isTTY && sent > 0) process.stderr.write('\r\u001b[K');
  say(`${String(sent)} decisions sent from ${String(files)} files: ${String(blocked)} blocked, ${String(allowed)} allowed`);
  if (skipped > 0) complain(`warning: ${String(skipped)} lines were no decisions and were skipped`);
  for (const warning of warnings) complain(`warning: ${warning}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
