import { QueryVariableBuilder, VariableRefresh } from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from './datasource.js';
import { orgOptions, repoOptions } from './queries/options.js';

/** The organisation whose data the board shows. The gateway's own page ignores what is chosen and takes it from the session. */
export function orgVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('org')
    .label('Organisation')
    .description('Organisation the telemetry was stamped with')
    .datasource(DATASOURCE)
    .query(orgOptions())
    .definition(orgOptions())
    .refresh(VariableRefresh.OnDashboardLoad);
}

/** Repositories of that organisation; all of them unless chosen. */
export function repoVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('repo')
    .label('Repository')
    .description('Repositories heard from in this organisation')
    .datasource(DATASOURCE)
    .query(repoOptions())
    .definition(repoOptions())
    .refresh(VariableRefresh.OnDashboardLoad)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}
