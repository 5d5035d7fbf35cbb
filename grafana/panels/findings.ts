import { TableCellDisplayMode } from '@grafana/grafana-foundation-sdk/common';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import { table } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { latestFindings } from '../queries/latest-findings.js';
import { column, severityMapping } from './look.js';

export function openFindings(): PanelBuilder {
  return new PanelBuilder()
    .id(9)
    .title('What is open right now?')
    .description(
      'Findings of the newest scan of each repository, worst first, 500 at most. First seen: the oldest scan that had the same finding (id without its offset, file and evidence), so lines added above it do not make it new.',
    )
    .datasource(DATASOURCE)
    .height(12)
    .span(24)
    .withTarget(table(latestFindings()))
    .filterable(false)
    .overrideByName('severity', [
      ...column('Severity', 95),
      { id: 'mappings', value: severityMapping() },
      { id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorBackground, mode: 'basic' } },
    ])
    .overrideByName('category', column('Category', 110))
    .overrideByName('title', column('Finding'))
    .overrideByName('location', column('File', 200))
    .overrideByName('repo', column('Repository', 165))
    .overrideByName('first_seen', column('First seen', 175))
    .overrideByName('last_seen', column('Last scan', 175))
    .noValue('No open findings, or nothing scanned by the end of this range');
}
