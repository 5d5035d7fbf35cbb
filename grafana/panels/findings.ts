import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { openFindingRows } from '../queries/open-findings.js';
import { rows } from './kit.js';
import { colored, column, REPOSITORY_LINK, severityMapping, timeColumn } from './look.js';

export function openFindings(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'Open findings',
      description:
        'What is open right now? Findings that are open at the end of the range, most severe first, 500 at most: present in the newest scan that reports their severity and lists its findings. First seen: the oldest scan with the same finding (id without its offset, file and evidence), so that lines added above a finding do not make it new.',
      sql: openFindingRows(),
      noValue: 'No open findings, or nothing scanned by the end of this range',
      w: 24,
      h: 12,
    },
    {
      severity: [...column('Severity', 95), ...colored(severityMapping())],
      category: column('Category', 110),
      title: column('Finding'),
      location: column('File', 200),
      repo: [...column('Repository', 190), REPOSITORY_LINK],
      first_seen: timeColumn('First seen'),
      last_seen: timeColumn('Last scan'),
    },
  );
}
