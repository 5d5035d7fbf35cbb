import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { resolveToken, resolveUrl } from '../otlp/connection.js';
import type { ShipResult } from '../ship/shipment.js';
import { spoolFolder } from '../spool/location.js';
import { withConnection, type ConnectionOptions } from './connection-options.js';
import { writeStderr, say } from './output.js';
import { runtimeLogs, withRuntimeLogs, type RuntimeLogOptions } from './runtime-log-options.js';
import { environment } from '../environment.js';

interface ShipCommandOptions extends ConnectionOptions, RuntimeLogOptions {
  spool?: string;
  all?: true;
}

/** Adds `ship`. */
export function registerShip(program: Command): void {
  withRuntimeLogs(withConnection(program.command('ship')))
    .description("send the hook's decisions from the local spool, once; `agent` does it all the time")
    .option('--spool <dir>', 'spool folder (SHIELDWATCH_SPOOL_DIR, default ~/.shieldwatch/spool)')
    .option('--all', 'send everything in the spool again; nothing is counted twice')
    .action(ship);
}

async function ship(options: ShipCommandOptions): Promise<void> {
  const token = resolveToken(options.token, environment);
  if (token === undefined) throw new CommandError('no token: set SHIELDWATCH_TOKEN to an ingest token');
  const { shipSpool } = await import('../ship/ship-spool.js');
  const result = await shipSpool({
    spoolDir: options.spool ?? spoolFolder(environment),
    url: resolveUrl(options.url, environment),
    token,
    runtimeLogs: runtimeLogs(options, environment),
    all: options.all ?? false,
    onProgress: showProgress,
  });
  printShipment(result);
  if (result.rejected > 0) process.exitCode = 1;
}

function showProgress({ sent }: Readonly<ShipResult>): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${String(sent)} decisions sent`);
}

function printShipment({ sent, blocked, allowed, skipped, dropped, files, warnings }: ShipResult): void {
  if (process.stderr.isTTY && sent > 0) process.stderr.write('\r\u001b[K');
  say(
    `${String(sent)} decisions sent from ${String(files)} files: ${String(blocked)} blocked, ${String(allowed)} allowed`,
  );
  if (skipped > 0) writeStderr(`warning: ${String(skipped)} lines were not decisions and were skipped`);
  if (dropped > 0) writeStderr(`warning: ${String(dropped)} decisions were dropped: the spool or the disk was full`);
  for (const warning of warnings) writeStderr(`warning: ${warning}`);
}
