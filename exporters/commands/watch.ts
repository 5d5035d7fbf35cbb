import type { Command } from 'commander';
import type { DriftRecord } from '#schemas/mapping/drift.js';
import { resolveToken, resolveUrl } from '../otlp/connection.js';
import { withConnection, type ConnectionOptions } from './connection-options.js';
import { writeStderr, say } from './output.js';
import { environment } from '../environment.js';

interface WatchCommandOptions extends ConnectionOptions {
  repository?: string;
  minSeverity?: string;
  debounce: string;
  rest?: true;
}

/** Registers `watch`. */
export function registerWatch(program: Command): void {
  withConnection(program.command('watch'))
    .description('scan a folder now and after each change, and send new and resolved findings')
    .argument('[dir]', 'folder to watch', '.')
    .argument('[agentshield-args...]', 'after --: further options for `agentshield scan`')
    .option('--repository <owner/name>', 'repository it belongs to (default: from git)')
    .option('--min-severity <severity>', 'lowest severity to report', 'info')
    .option('--debounce <ms>', 'quiet time after a change', '500')
    .option('--rest', 'post to /v1/ingest/drift and /v1/ingest/scan instead of sending OTLP')
    .action(watchFolder);
}

async function watchFolder(dir: string, agentshieldArgs: string[], options: WatchCommandOptions): Promise<void> {
  const { startWatch } = await import('../watch/run-watch.js');
  const token = resolveToken(options.token, environment);
  const watching = await startWatch({
    dir,
    agentshieldArgs,
    url: resolveUrl(options.url, environment),
    token,
    repository: options.repository,
    minSeverity: options.minSeverity,
    via: options.rest ? 'rest' : 'otlp',
    debounceMs: Math.max(100, Number(options.debounce) || 500),
    say: writeStderr,
    onDrift: printDrift,
  });
  writeStderr(`watching ${dir}${token === undefined ? '; nothing is sent: no token (SHIELDWATCH_TOKEN)' : ''}`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        resolve();
      });
  });
  await watching.stop();
}

function printDrift({ timestamp, previousScore, currentScore, newFindings, resolvedFindings }: DriftRecord): void {
  say(
    `${timestamp} score ${String(previousScore)} -> ${String(currentScore)}: ${String(newFindings.length)} new, ${String(resolvedFindings.length)} resolved`,
  );
  for (const { severity, title, file } of newFindings) say(`  + ${severity}: ${title} (${file})`);
  for (const { severity, title, file } of resolvedFindings) say(`  - ${severity}: ${title} (${file})`);
}
