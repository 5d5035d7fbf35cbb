import { boardFiles, type BoardFile } from '../boards.js';
import { DATASOURCE, DATASOURCE_VERSION } from '../datasource.js';

/** Name of the datasource input that Grafana asks for when a board is imported by hand. */
const INPUT = 'DS_SHIELDWATCH';
/** Oldest Grafana version that reads this board JSON. */
const GRAFANA_VERSION = '12.0.0';

/**
 * Returns the boards for "New > Import": Grafana asks which ClickHouse datasource each board reads, and assigns its id.
 * File names are those of `grafana/generated`.
 */
export function importFiles(): BoardFile[] {
  return boardFiles().map(({ name, text }) => {
    const board = JSON.parse(text.replaceAll(JSON.stringify(DATASOURCE.uid), JSON.stringify(`\${${INPUT}}`))) as object;
    const file = {
      __inputs: [
        {
          name: INPUT,
          label: 'Shieldwatch',
          description: 'ClickHouse with the tables of Shieldwatch',
          type: 'datasource',
          pluginId: DATASOURCE.type,
          pluginName: 'ClickHouse',
        },
      ],
      __requires: [
        { type: 'grafana', id: 'grafana', name: 'Grafana', version: GRAFANA_VERSION },
        { type: 'datasource', id: DATASOURCE.type, name: 'ClickHouse', version: DATASOURCE_VERSION },
      ],
      id: null,
      ...board,
    };
    return { name, text: `${JSON.stringify(file, null, 2)}\n` };
  });
}

/**
 * Returns one ConfigMap per board (a board stays far below the limit of 1 MiB), with the default label and folder
 * annotation of the dashboards sidecar of Grafana's Helm chart.
 */
export function configMapFiles(namespace?: string): BoardFile[] {
  return boardFiles().map(({ name, text }) => {
    const title = name.replace(/\.json$/, '');
    return {
      name: `${title}.configmap.yaml`,
      text: `apiVersion: v1
kind: ConfigMap
metadata:
  name: shieldwatch-board-${title}
${namespace === undefined ? '' : `  namespace: ${namespace}\n`}  labels:
    grafana_dashboard: "1"
  annotations:
    grafana_folder: Shieldwatch
data:
  shieldwatch-${name}: |
${text.trimEnd().replace(/^/gm, '    ')}
`,
    };
  });
}
