import type { Command } from 'commander';

/** Options of every command that sends. */
export interface ConnectionOptions {
  url?: string;
  token?: string;
}

/** Adds `--url` and `--token`. */
export function withConnection(command: Command): Command {
  return command
    .option('--url <url>', 'gateway (SHIELDWATCH_URL, default http://127.0.0.1:4000)')
    .option('--token <token>', 'ingest token; better given as SHIELDWATCH_TOKEN, which no process list shows');
}
