import { CommandError } from '#schemas/errors.js';
import { resolveStackConfig, type StackFlags } from '../embedded/config.js';
import { callStack } from '../embedded/data-folder.js';
import { startStack, type Stack, type StackStatus } from '../embedded/stack.js';
import { untilInterrupted } from '../embedded/until-interrupted.js';
import { runDemo, type DemoTarget } from './demo.js';
import { picture } from './picture.js';

export interface DemoFlags {
  calls: string;
  exit?: boolean;
  json?: boolean;
}

/**
 * Runs `shieldwatch demo` against the stack on the data folder, or against one that it starts there. A stack that it
 * started keeps running so that the boards can be viewed, unless `--exit` is given or there is no terminal.
 *
 * @throws CommandError if the API's numbers differ from the expected ones.
 */
export async function runDemoCommand(
  flags: StackFlags & DemoFlags,
  out: (line: string) => void,
  progress: (line: string) => void,
): Promise<void> {
  const calls = Number(flags.calls);
  if (!Number.isInteger(calls) || calls < 1 || calls > 100_000)
    throw new CommandError('--calls must be a whole number from 1 to 100000');
  const config = resolveStackConfig(flags);
  const running = await callStack<StackStatus>(config.dataDir, 'GET', '/status');
  let own: Stack | undefined;
  try {
    if (running === undefined) own = await startStack(config, progress);
    const target = await demoTarget(config.dataDir, own?.status ?? running);
    const report = await runDemo({ target, calls, progress });
    const staysOn = own === undefined || (flags.exit !== true && process.stdout.isTTY);
    if (flags.json === true) out(JSON.stringify(report));
    else {
      out(picture(report));
      if (report.differences.length === 0)
        out(`Every number above was read back through the API, ${report.seconds.toFixed(0)} s after the start.`);
      const link = await callStack<{ url: string }>(config.dataDir, 'POST', '/boards-link');
      out(
        staysOn && link !== undefined
          ? `Boards: ${link.url.replace('#', '&from=now-5m#')}`
          : 'Boards: `npm start` prints a link to them.',
      );
    }
    if (report.differences.length > 0) throw new CommandError(report.differences.join('\n'));
    if (own !== undefined && staysOn) {
      out('The stack stays on; Ctrl-C stops it.');
      await untilInterrupted();
    }
  } finally {
    await own?.stop();
  }
}

/** Creates tokens for this demo, through the data folder's control socket. */
async function demoTarget(dataDir: string, status: StackStatus | undefined): Promise<DemoTarget> {
  const mint = (name: string, scopes: string[]): Promise<{ token: string } | undefined> =>
    callStack<{ token: string }>(dataDir, 'POST', '/tokens', { name, scopes });
  const ingest = await mint('demo ingest', ['ingest:scan', 'ingest:runtime']);
  const read = await mint('demo read', ['read']);
  if (status === undefined || ingest === undefined || read === undefined)
    throw new CommandError('the stack has stopped');
  return { url: status.gateway, orgId: status.orgId, ingestToken: ingest.token, readToken: read.token };
}
