import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DATASOURCE, DATASOURCE_VERSION } from '#grafana/datasource.js';
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
  const grafana = root.command('grafana').description('files for a Grafana of your own');
  grafana
    .command('boards')
    .description('write the boards for a Grafana that is not provisioned from this folder')
    .requiredOption('--out <folder>', 'where to write; made if missing')
    .option(
      '--format <format>',
      `import (one file a board, for "New > Import") or configmap (one ConfigMap a board, for the dashboards sidecar of Grafana's Helm chart)`,
      'import',
    )
    .option('--namespace <name>', 'Kubernetes namespace of the ConfigMaps')
    .action(async ({ out: folder, format, namespace }: { out: string; format: string; namespace?: string }) => {
      if (format !== 'import' && format !== 'configmap')
        throw new CommandError('--format: expected "import" or "configmap"');
      if (namespace !== undefined && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace))
        throw new CommandError(
          '--namespace: expected a name of Kubernetes: lower-case letters, digits and "-", at most 63',
        );
      if (namespace !== undefined && format === 'import')
        throw new CommandError('--namespace goes with --format configmap');
      const { configMapFiles, importFiles } = await import('#grafana/provision/board-files.js');
      const target = resolve(folder);
      await mkdir(target, { recursive: true });
      const files = format === 'import' ? importFiles() : configMapFiles(namespace);
      for (const { name, text } of files) await writeFile(join(target, name), text);
      out(
        `${target}: ${String(files.length)} files. They need the ClickHouse datasource ${DATASOURCE_VERSION} or later${format === 'import' ? ', which Grafana asks for at each import' : `, with the uid ${DATASOURCE.uid ?? ''}`}.`,
      );
    });
  grafana
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

/**
 * True when the embedded store answers there: it alone knows `/processes`, a ClickHouse server says 404. A store that
 * cannot be reached from here is taken for a server.
 */
async function isEmbeddedStore(clickhouseUrl: string): Promise<boolean> {
  try {
    const statusOf = async (path: string): Promise<number> =>
      (await fetch(new URL(path, clickhouseUrl), { signal: AbortSignal.timeout(3_000), redirect: 'manual' })).status;
    return (await statusOf('/ping')) === 200 && (await statusOf('/processes')) !== 404;
  } catch {
    return false;
  }
}

async function provision(
  { org, out: folder, clickhouseUrl, database, grafanaOrg }: ProvisionFlags,
  out: (line: string) => void,
): Promise<void> {
  const { ORG_PATTERN, provisionFiles, readerUser } = await import('#grafana/provision/files.js');
  if (!ORG_PATTERN.test(org)) throw new CommandError('--org: expected letters, digits, ".", "_" and "-", at most 100');
  const url = URL.canParse(clickhouseUrl) ? new URL(clickhouseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new CommandError('--clickhouse-url: expected an http or https address without user and password');
  if (!/^\w{1,100}$/.test(database)) throw new CommandError('--database: expected letters, digits and "_"');
  if (!/^[1-9]\d{0,8}$/.test(grafanaOrg)) throw new CommandError('--grafana-org: expected a whole number from 1');

  if (await isEmbeddedStore(clickhouseUrl)) {
    throw new CommandError(
      `${url.origin} is the embedded store, which has no users of organisations: every rule and board of such a Grafana would fail. Use the boards of the gateway (shieldwatch boards), or name a ClickHouse server with --clickhouse-url`,
    );
  }

  const root = resolve(folder);
  const password = randomBytes(32).toString('base64url');
  for (const { path, text, mode } of await provisionFiles({
    org,
    folder: root,
    clickhouseUrl,
    database,
    password,
    grafanaOrgId: Number(grafanaOrg),
  })) {
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
