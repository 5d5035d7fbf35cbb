import {
  ConstantVariableBuilder,
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { DATASOURCE } from './datasource.js';
import { dimensionOptions, orgOptions, repoOptions } from './queries/options.js';

const ALL = { selected: true, text: ['All'], value: ['$__all'] };

/**
 * The organisation whose data the board shows: chosen, or one alone. The gateway's own page ignores what is chosen
 * and takes it from the session.
 */
export function orgVariable(org?: string): Builder<VariableModel> {
  if (org !== undefined) {
    return new ConstantVariableBuilder('org').label('Organisation').value(org);
  }
  return query('org', 'Organisation', 'Organisation the telemetry was stamped with', orgOptions());
}

/** Repositories of that organisation; all of them unless chosen. */
export function repoVariable(): QueryVariableBuilder {
  return query('repo', 'Repository', 'Repositories heard from in this organisation', repoOptions())
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

/** One repository. */
export function oneRepoVariable(): QueryVariableBuilder {
  return query('repo', 'Repository', 'Repositories heard from in this organisation', repoOptions());
}

export function agentVariable(): QueryVariableBuilder {
  return query('agent', 'Agent', 'Agents whose tool calls were decided', dimensionOptions('agent'))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

export function toolVariable(): QueryVariableBuilder {
  return query('tool', 'Tool', 'Tools whose calls were decided', dimensionOptions('tool'))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

export function categoryVariable(): QueryVariableBuilder {
  return query('category', 'Category', 'Categories of findings', dimensionOptions('category'))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

export function severityVariable(): CustomVariableBuilder {
  return fixed('severity', 'Severity', ['critical', 'high', 'medium', 'low', 'info']);
}

/** How sure AgentShield is that a finding is live; `not told` by producers that do not say. */
export function confidenceVariable(): CustomVariableBuilder {
  return fixed('confidence', 'Confidence', [
    'active-runtime',
    'project-local-optional',
    'template-example',
    'docs-example',
    'plugin-cache',
    'plugin-manifest',
    'hook-code',
    'not told',
  ]);
}

/** Asked again whenever the board refreshes: a first organisation or repository appears by itself. */
function query(name: string, label: string, description: string, sql: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATASOURCE)
    .query(sql)
    .definition(sql)
    .refresh(VariableRefresh.OnTimeRangeChanged);
}

/** All values chosen by name, not by "All": the SQL then always has a list. */
function fixed(name: string, label: string, values: string[]): CustomVariableBuilder {
  return new CustomVariableBuilder(name)
    .label(label)
    .values(values.join(','))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}
