import { join } from 'node:path';
import { alertFile } from '../alerts/provisioning.js';
import { boardFiles } from '../boards.js';
import { DATASOURCE } from '../datasource.js';
import { readableRelations, readerStatements } from './reader.js';

/** Settings of one organisation's Grafana. */
export interface ProvisionSettings {
  /** Organisation id on the telemetry. */
  org: string;
  /** Absolute path of the folder on the machine on which Grafana runs. */
  folder: string;
  /** HTTP address of the store, without credentials. */
  clickhouseUrl: string;
  database: string;
  /** Password of the reader. Written to `grafana.env` in plain text, and to `reader.sql` as a hash. */
  password: string;
  /** Id of the Grafana organisation that receives boards, alerts and datasource. */
  grafanaOrgId: number;
}

/** One file: path inside the folder, text, and whether only its owner may read it. */
export interface ProvisionFile {
  path: string;
  text: string;
  mode: 0o644 | 0o600;
}

/** Names that need no escaping in SQL, YAML and Grafana's variables. */
export const ORG_PATTERN = /^[\w.-]{1,100}$/;

/** Returns the ClickHouse user name of an organisation's reader. */
export function readerUser(org: string): string {
  return `shieldwatch_reader_${org}`;
}

/**
 * Returns all provisioning files for the Grafana of one organisation: a datasource that logs in as that organisation's
 * reader, boards and rules restricted to that organisation, and the SQL that creates the reader.
 */
export async function provisionFiles({
  org,
  folder,
  clickhouseUrl,
  database,
  password,
  grafanaOrgId,
}: ProvisionSettings): Promise<ProvisionFile[]> {
  const { protocol, hostname, port } = new URL(clickhouseUrl);
  const isSecure = protocol === 'https:';
  const user = readerUser(org);
  const statements = readerStatements({ org, database, user, password }, await readableRelations());
  const file = (path: string, text: string): ProvisionFile => ({ path, text, mode: 0o644 });
  return [
    file(
      'provisioning/datasources/shieldwatch.yaml',
      `# The reader of organisation ${org}, and nobody else. Its password is in grafana.env.
apiVersion: 1
datasources:
  - name: Shieldwatch
    orgId: ${String(grafanaOrgId)}
    uid: ${DATASOURCE.uid ?? ''}
    type: ${DATASOURCE.type ?? ''}
    access: proxy
    isDefault: true
    editable: false
    jsonData:
      protocol: http
      host: ${text(hostname)}
      port: ${port === '' ? (isSecure ? '8443' : '8123') : port}
      secure: ${String(isSecure)}
      username: ${text(user)}
      defaultDatabase: ${text(database)}
      queryTimeout: "30"
    secureJsonData:
      password: \${SHIELDWATCH_CLICKHOUSE_PASSWORD}
`,
    ),
    file(
      'provisioning/dashboards/shieldwatch.yaml',
      `apiVersion: 1
providers:
  - name: shieldwatch
    orgId: ${String(grafanaOrgId)}
    folder: Shieldwatch
    folderUid: shieldwatch
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: ${text(join(folder, 'boards'))}
`,
    ),
    // Grafana logs an error if the folder does not exist.
    file('provisioning/plugins/.gitkeep', ''),
    file('provisioning/alerting/rules.json', `${JSON.stringify(alertFile({ org, grafanaOrgId }), null, 2)}\n`),
    ...boardFiles({ org }).map(({ name, text: board }) => file(`boards/${name}`, board)),
    file(
      'reader.sql',
      `-- Makes the reader of organisation ${org} on a real ClickHouse server. Run it as an administrator, with the tables in place:
--   clickhouse client --multiquery < reader.sql
-- Checked by ClickHouse's own parser; no server ran it. The embedded store takes none of it: it serves one organisation.
-- Where users_without_row_policies_can_read_rows (access_control_improvements in the server's configuration) is off,
-- users without a policy of their own would then read no row of these tables, our writer too: turn it on before.
${statements.map((statement) => `${statement};\n`).join('')}`,
    ),
    {
      path: 'grafana.env',
      text: `# Environment of Grafana: its own settings, and the variable that the files read.
GF_PATHS_PROVISIONING=${join(folder, 'provisioning')}
SHIELDWATCH_CLICKHOUSE_PASSWORD=${password}
# Address of this Grafana as people reach it, for the links in notifications.
GF_SERVER_ROOT_URL=http://127.0.0.1:3000/
`,
      mode: 0o600,
    },
  ];
}

/** Returns a quoted YAML value in which Grafana expands no variable. */
function text(value: string): string {
  return JSON.stringify(value.replaceAll('$', '$$$$'));
}
