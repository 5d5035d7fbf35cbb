import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { resolveToken, resolveUrl } from '../otlp/connection.js';
import type { ScanOutcome } from '../scan/run-scan.js';
import { withConnection, type ConnectionOptions } from './connection-options.js';
import { writeStderr } from './output.js';
import { environment } from '../environment.js';

interface ScanCommandOptions extends ConnectionOptions {
  repository?: string;
  minSeverity?: string;
  pack?: string;
  rest?: true;
}

/** Registers `scan`. */
export function registerScan(program: Command): void {
  withConnection(program.command('scan'))
    .description(
      'scan a folder with AgentShield and send score and findings; prints what AgentShield prints and exits with its code',
    )
    .argument('[dir]', 'folder to scan', '.')
    .argument('[agentshield-args...]', 'after --: further options for `agentshield scan`')
    .option('--repository <owner/name>', 'repository the scan belongs to (default: from git)')
    .option('--min-severity <severity>', 'lowest severity to report (default: info; with --pack, not known)')
    .option('--pack <dir>', 'send an existing evidence pack instead of scanning')
    .option('--rest', 'post to /v1/ingest/scan instead of sending OTLP')
    .action(scan);
}

async function scan(dir: string, agentshieldArgs: string[], options: ScanCommandOptions): Promise<void> {
  const { exportPack, runScan } = await import('../scan/run-scan.js');
  const url = resolveUrl(options.url, environment);
  if (options.pack !== undefined && agentshieldArgs.length > 0)
    throw new CommandError('--pack runs no scan: options for AgentShield are not allowed');
  const common = {
    url,
    token: resolveToken(options.token, environment),
    repository: options.repository,
    minSeverity: options.minSeverity,
    via: options.rest ? 'rest' : 'otlp',
    onScanned: printScan,
  } as const;
  const outcome =
    options.pack === undefined
      ? await runScan({ ...common, dir, agentshieldArgs })
      : await exportPack({ ...common, pack: options.pack });
  for (const warning of outcome.warnings) writeStderr(`warning: ${warning}`);
  if (outcome.sent) writeStderr(`sent to ${new URL(url).origin}`);
  else writeStderr('nothing was sent: no token (SHIELDWATCH_TOKEN)');
  process.exitCode = outcome.exitCode;
}

/** Prints AgentShield's output to the stream it was meant for, and ours to standard error. */
function printScan({
  stdout,
  stderr,
  scan: { repository, score, grade, findings, filesScanned, agentshieldVersion },
}: ScanOutcome): void {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  const total = Object.values(findings).reduce((sum, count) => sum + count, 0);
  const counts = Object.entries(findings).map(([severity, count]) => `${String(count)} ${severity}`);
  const verdict = filesScanned === 0 ? 'nothing scanned' : `score ${String(score)}/100, grade ${grade}`;
  writeStderr(`${repository}: ${verdict} (AgentShield ${agentshieldVersion ?? 'of an unknown version'})`);
  writeStderr(`${String(total)} findings in ${String(filesScanned)} files: ${counts.join(', ')}`);
}
