import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { resolveDataDir } from '../embedded/config.js';
import type { Manifest } from './format.js';

interface BackupFlags {
  dataDir?: string;
  keyFile?: string;
  newKey?: string;
  withKeys?: true;
  incrementalFrom?: string;
  keep?: string;
}
interface RestoreFlags {
  dataDir?: string;
  keyFile?: string;
  keysFrom?: string;
  drill?: true;
}

const KEY_FILE = [
  '--key-file <file>',
  'key of the encryption: 32 bytes, or 64 hexadecimal digits (mode 0600)',
] as const;

/** `shieldwatch backup | verify-backup | restore`. */
export function registerBackupCommands(
  root: Command,
  { version, out, err }: { version: () => string; out: (line: string) => void; err: (line: string) => void },
): void {
  root
    .command('backup')
    .description('back up both stores while the stack runs, into a new folder')
    .argument('[folder]', 'folder to make')
    .option('--data-dir <folder>', 'data folder of the running stack')
    .option(...KEY_FILE)
    .option('--new-key <file>', 'make a key file first, and encrypt with it')
    .option('--with-keys', "include the data folder's own keys and passwords; encrypted only")
    .option('--incremental-from <folder>', 'an earlier backup, whose unchanged files are linked instead of written')
    .option('--keep <count>', 'afterwards remove the oldest backups beside this one, so that so many remain')
    .action(async (path: string | undefined, flags: BackupFlags) => {
      const { readKey, writeNewKey } = await import('./seal.js');
      if (flags.keyFile !== undefined && flags.newKey !== undefined)
        throw new CommandError('name one of --key-file and --new-key');
      if (flags.newKey !== undefined) {
        writeNewKey(flags.newKey);
        err(`wrote a new key to ${flags.newKey}; without it nobody reads the backup: keep a copy apart from it`);
      }
      if (path === undefined) {
        if (flags.newKey === undefined) throw new CommandError('name the folder to make');
        return;
      }
      const keep = flags.keep === undefined ? undefined : Number(flags.keep);
      if (keep !== undefined && (!Number.isInteger(keep) || keep < 1))
        throw new CommandError('--keep: expected a number from 1 on');
      const keyFile = flags.keyFile ?? flags.newKey;
      const key = keyFile === undefined ? undefined : readKey(keyFile);
      const { makeBackup, removeOld } = await import('./backup.js');
      const manifest = await makeBackup({
        path: resolve(path),
        dataDir: resolveDataDir(flags.dataDir),
        product: version(),
        key,
        withKeys: flags.withKeys === true,
        incrementalFrom: flags.incrementalFrom === undefined ? undefined : resolve(flags.incrementalFrom),
        onProgress: err,
      });
      out(summaryOf(manifest));
      if (key === undefined)
        err('not encrypted; add --key-file (or --new-key) where others may come by the folder, or change it');
      if (flags.withKeys !== true)
        err(
          "without the data folder's own keys (audit-key.pem, pseudonym.key, secrets.key): keep them elsewhere, or add --with-keys",
        );
      if (keep !== undefined) for (const folder of await removeOld(resolve(path), keep, key)) out(`removed ${folder}`);
    });

  root
    .command('verify-backup')
    .description('check a backup without a store: completeness, checksums, decryption, versions, audit trails')
    .argument('<folder>')
    .option(...KEY_FILE)
    .action(async (path: string, flags: { keyFile?: string }) => {
      const { verifyBackup } = await import('./verify.js');
      const { manifest, problems, unchecked } = await verifyBackup(resolve(path), await keyOf(flags.keyFile), err);
      for (const problem of problems) out(`wrong: ${problem}`);
      for (const what of unchecked) out(`not checked: ${what}`);
      if (problems.length > 0) throw new CommandError(`${problems.length} problems; do not rely on this backup`);
      out(`sound: ${summaryOf(manifest)}`);
    });

  root
    .command('restore')
    .description('restore a backup into a new data folder')
    .argument('<folder>', 'the backup')
    .option('--data-dir <folder>', 'data folder to make; missing or empty')
    .option(...KEY_FILE)
    .option('--keys-from <folder>', 'data folder to copy audit-key.pem, pseudonym.key and secrets.key from')
    .option('--drill', 'restore into a temporary folder, compare counts, series and audit trails, and remove it')
    .action(async (path: string, flags: RestoreFlags) => {
      const key = await keyOf(flags.keyFile);
      if (flags.drill === true) {
        if (flags.dataDir !== undefined)
          throw new CommandError('--drill uses a temporary folder; leave out --data-dir');
        const { drill } = await import('./drill.js');
        const result = await drill(resolve(path), key, err);
        for (const problem of result.problems) out(`wrong: ${problem}`);
        for (const what of result.unchecked) out(`not checked: ${what}`);
        if (result.problems.length > 0) throw new CommandError(`${result.problems.length} problems`);
        out(
          `restored ${result.rows} rows in ${(result.restoreMs / 1_000).toFixed(1)} s; every count is the manifest's, ${result.series} series equal a recomputation, audit trails verified; removed`,
        );
        return;
      }
      if (flags.dataDir === undefined) throw new CommandError('name the data folder to make: --data-dir');
      const { restoreBackup } = await import('./restore.js');
      const { manifest, rows, missingSecrets } = await restoreBackup({
        path: resolve(path),
        key,
        dataDir: resolve(flags.dataDir),
        keysFrom: flags.keysFrom,
        onProgress: err,
      });
      out(`restored ${rows} rows into ${resolve(flags.dataDir)}, as of ${manifest.startedAt}`);
      out('organisations, as of then; delete again what was deleted since:');
      for (const { id, isDeleted } of manifest.orgs) out(`  ${id}${isDeleted ? ' (deleted)' : ''}`);
      for (const name of missingSecrets)
        out(`missing: ${name}; copy it from where you keep it into the data folder before you start it`);
    });
}

async function keyOf(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  const { readKey } = await import('./seal.js');
  return readKey(file);
}

function summaryOf({ startedAt, finishedAt, files, orgs }: Manifest): string {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  return `${rows} rows of ${orgs.length} organisations as of ${startedAt} in ${files.length} files, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${seconds.toFixed(1)} s`;
}
