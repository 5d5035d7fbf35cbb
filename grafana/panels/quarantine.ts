import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { quarantined } from '../queries/quarantine.js';
import { rows } from './kit.js';
import { column, REPOSITORY_LINK, timeColumn } from './look.js';

export function quarantineTable(id: number): Builder<Panel> {
  return rows(
    {
      id,
      title: 'Quarantined records',
      description:
        'What could not be counted? Records that arrived in the time range but did not become facts: without a repository, with an unknown severity, dated in the future or before the oldest facts. No number above includes them.',
      sql: quarantined(),
      noValue: 'Nothing was quarantined in this range',
      w: 24,
      h: 6,
    },
    {
      record: column('Record', 150),
      problem: column('Problem'),
      repo: [...column('Repository', 250), REPOSITORY_LINK],
      records: column('Records', 100),
      last_at: timeColumn('Last arrived'),
    },
  );
}
