import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ORG_PATTERN, provisionFiles, readerUser } from '#grafana/provision/files.js';
import { DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { CommandError } from '#schemas/errors.js';

interface ProvisionFlags {
  org: string;
  out: string;
  clickhouseUrl: string;
  database: string;
  grafanaOrg: string;
}

/** `shieldwatch grafana provision`: writes what a Grafana of one organisation is provisioned with. */
export function registerGrafanaCommand(root: Command, out: (line: string) => void): void {
  root
    .command('grafana')
    .description('Grafana for one organisation')
    .command('provision')
    .description("write datasource, boards, alert rules and the SQL of the reader of one organisation's Grafana")
    .requiredOption('--org <id>', 'organisation the telemetry is stamped with')
    .requiredOption('--out <folder>', 'where to write; made if missing')
    .option('--clickhouse-url <url>', 'HTTP address of the store, without credentials', 'http://127.0.0.1:8123')
    .option('--database <name>', 'database of the tables', DEFAULT_DATABASE)
    .option('--grafana-org <number>', "Grafana's own organisation", '1')
    .action(async (flags: ProvisionFlags) => {
      await provision(flags, out);
    });
}

async function provision({ org, out: folder, clickhouseUrl, database, grafanaOrg }: ProvisionFlags, out: (line: string) => void): Promise<void> {
  if (!ORG_PATTERN.test(org)) throw new CommandError('--org: expected letters, digits, ".", "_" and "-", at most 100');
  const url = URL.canParse(clickhouseUrl) ? new URL(clickhouseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '') throw new CommandError('--clickhouse-url: expected an http or https address without user and password');
  if (!/^\w{1,100}$/.test(database)) throw new CommandError('--database: expected letters, digits and "_"');
  if (!/^[1-9]\d{0,8}$/.test(grafanaOrg)) throw new CommandError('--grafana-org: expected a whole number from 1');

  const root = resolve(folder);
  const password = randomBytes(32).toString('base64url');
  for (const { path, text, mode } of await provisionFiles({ org, folder: root, clickhouseUrl, database, password, grafanaOrgId: Number(grafanaOrg) })) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text, { mode });
    // A file that was there keeps its own mode otherwise.
    await chmod(target, mode);
  }
  out(`${root} is what Grafana is provisioned with. Next:`);
  out(`  clickhouse client --multiquery < ${join(root, 'reader.sql')}     makes the user ${readerUser(org)}`);
  out(`  set -a; . ${join(root, 'grafana.env')}; set +a; grafana server     or give grafana.env to your Grafana`);
}
