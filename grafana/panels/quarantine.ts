import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import { table } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { quarantined } from '../queries/quarantine.js';
import { column } from './look.js';

export function quarantineTable(id: number): PanelBuilder {
  return new PanelBuilder()
    .id(id)
    .title('What could not be counted?')
    .description(
      'Records that arrived in the time range but that no fact was made of: without a repository, with an unknown severity, dated in the future or before the oldest facts. They are in no number above.',
    )
    .datasource(DATASOURCE)
    .height(6)
    .span(24)
    .withTarget(table(quarantined()))
    .filterable(false)
    .overrideByName('record', column('Record', 150))
    .overrideByName('problem', column('Problem'))
    .overrideByName('repo', column('Repository', 220))
    .overrideByName('records', column('Records', 100))
    .overrideByName('last_at', column('Last arrived', 175))
    .noValue('Nothing was quarantined in this range');
}
