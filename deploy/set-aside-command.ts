import type { Command } from 'commander';
import type { Replay } from '#ingest/telemetry/replay.js';
import { CommandError, ShieldwatchError } from '#schemas/errors.js';
import { call, DATA_DIR, table, type Out } from './control-commands.js';
import { resolveDataDir } from './embedded/config.js';
import type { SetAsideFile } from './embedded/set-aside.js';

interface Flags {
  dataDir?: string;
}

/** `shieldwatch set-aside list | show | replay | drop`: what the store refused for its content, for users with access to the data folder. */
export function registerSetAsideCommands(root: Command, out: Out): void {
  const setAside = root
    .command('set-aside')
    .description('telemetry that the store would never take: list, show, replay, drop');

  setAside
    .command('list')
    .description('files, oldest first')
    .option(...DATA_DIR)
    .action(async (flags: Flags) => {
      const { listSetAside } = await import('./embedded/set-aside.js');
      const { files, unfinished } = await listSetAside(resolveDataDir(flags.dataDir));
      table(
        files.map(({ name, signal, reason, bytes, setAsideAt }) => [
          setAsideAt,
          signal,
          reason,
          `${bytes} bytes`,
          name,
        ]),
        out,
      );
      if (files.length === 0 && unfinished === 0) out('nothing is set aside');
      if (unfinished > 0)
        out(
          `${unfinished} unfinished: a collector ended while writing; the records are in its queue, and it removes the file at its next start`,
        );
    });

  setAside
    .command('show <file>')
    .description('one of them as JSON')
    .option(...DATA_DIR)
    .action(async (name: string, flags: Flags) => {
      const { readSetAside } = await import('./embedded/set-aside.js');
      const { signal, body } = await readSetAside(resolveDataDir(flags.dataDir), name);
      const { readOtlp } = await import('#ingest/landing/otlp-work.js');
      out(
        JSON.stringify(
          refusalAsLine(name, () => readOtlp(signal, body)),
          jsonValue,
          2,
        ),
      );
    });

  setAside
    .command('replay [file...]')
    .description(
      'send records again, once the cause is fixed at the store; a file is deleted when its records are in the queue',
    )
    .option('--all', 'every file')
    .option(...DATA_DIR)
    .action(async (names: string[], flags: Flags & { all?: true }) => {
      await each(flags, names, async (name) => {
        const { delivered, deleted } = await call<Replay>(flags, '/set-aside/replay', 'POST', { name });
        out(
          `${name}: sent again${deleted.length === 0 ? '' : `, without what was of ${deleted.length} deleted organisations`}${delivered.length > 1 ? `, for ${delivered.length} organisations` : ''}`,
        );
      });
    });

  setAside
    .command('drop [file...]')
    .description('remove files for good: their records are counted nowhere')
    .option('--all', 'every file')
    .option('--yes', 'really: nothing brings them back')
    .option(...DATA_DIR)
    .action(async (names: string[], flags: Flags & { all?: true; yes?: true }) => {
      if (flags.yes !== true) throw new CommandError('this removes records for good; add --yes to do it');
      await each(flags, names, async (name) => {
        await call(flags, '/set-aside/drop', 'POST', { name });
        out(`${name}: dropped`);
      });
    });
}

/** One file after the other; one that fails does not keep the others from their turn. */
async function each(
  flags: Flags & { all?: true },
  names: readonly string[],
  work: (name: string) => Promise<void>,
): Promise<void> {
  if ((flags.all === true) === names.length > 0) throw new CommandError('name files, or all of them with --all');
  const wanted =
    flags.all === true
      ? (await call<{ files: SetAsideFile[] }>(flags, '/set-aside/list', 'POST')).files.map(({ name }) => name)
      : names;
  const failed: string[] = [];
  for (const name of wanted) {
    try {
      await work(name);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failed.push(error.message);
    }
  }
  if (failed.length > 0) throw new CommandError(failed.join('\n'));
}

function refusalAsLine<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ShieldwatchError ? new CommandError(`${name} cannot be read: ${error.message}`) : error;
  }
}

/** Times and ids as OTLP/JSON has them. */
function jsonValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (
    typeof value !== 'object' ||
    value === null ||
    !('type' in value) ||
    value.type !== 'Buffer' ||
    !('data' in value)
  )
    return value;
  return Buffer.from(value.data as number[]).toString('hex');
}
