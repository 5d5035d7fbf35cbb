import { join } from 'node:path';
import { alertFile } from '../alerts/provisioning.js';
import { boardFiles } from '../boards.js';
import { DATASOURCE } from '../datasource.js';
import { readableRelations, readerStatements } from './reader.js';

/** What one organisation's Grafana needs to know. */
export interface ProvisionSettings {
  /** Organisation the telemetry is stamped with. */
  org: string;
  /** Absolute path of the folder on the machine that Grafana runs on. */
  folder: string;
  /** HTTP address of the store, without credentials. */
  clickhouseUrl: string;
  database: string;
  /** Password of the reader; goes into `grafana.env` alone, and as a hash into `reader.sql`. */
  password: string;
  /** Grafana's own organisation that boards, alerts and datasource go to. */
  grafanaOrgId: number;
}

/** One file of the folder: its path in it, its text, and who may read it. */
export interface ProvisionFile {
  path: string;
  text: string;
  mode: 0o644 | 0o600;
}

/** Names that go into SQL, YAML and Grafana's own variables unescaped. */
export const ORG_PATTERN = /^[\w.-]{1,100}$/;

/** User of an organisation's reader on a real server. */
export function readerUser(org: string): string {
  return `shieldwatch_reader_${org}`;
}

/**
 * Everything that a Grafana of one organisation is provisioned with: a datasource that logs in as that
 * organisation's reader, boards and rules that name no other, and the SQL that makes the reader.
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
    // Grafana logs an error for a folder that is missing.
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

/** A value for Grafana's YAML: quoted, and with no variable in it. */
function text(value: string): string {
  return JSON.stringify(value.replaceAll('$', '$$$$'));
}
