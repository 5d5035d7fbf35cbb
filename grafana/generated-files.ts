import { alertFile } from './alerts/provisioning.js';
import { boardFiles } from './boards.js';

/** Everything that the code makes and that is committed: path from the package's root, and text. */
export function generatedFiles(): { path: string; text: string }[] {
  return [
    ...boardFiles().map(({ name, text }) => ({ path: `grafana/generated/${name}`, text })),
    { path: 'grafana/provisioning/alerting/rules.json', text: `${JSON.stringify(alertFile(), null, 2)}\n` },
  ];
}
