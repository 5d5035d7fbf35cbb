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
import { agentOptions, sessionOptions } from './queries/sessions.js';

const ALL = { selected: true, text: ['All'], value: ['$__all'] };

/**
 * The organisation variable: a choice, or a single organisation. The gateway's page ignores the choice and uses the
 * session's organisation.
 */
export function orgVariable(org?: string): Builder<VariableModel> {
  if (org !== undefined) {
    return new ConstantVariableBuilder('org').label('Organisation').value(org);
  }
  return query('org', 'Organisation', 'Organisation id on the telemetry', orgOptions());
}

/** Repositories of that organisation; all unless chosen. */
export function repoVariable(): QueryVariableBuilder {
  return query('repo', 'Repository', 'Repositories of this organisation that reported', repoOptions())
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

/** A single repository. */
export function oneRepoVariable(): QueryVariableBuilder {
  return query('repo', 'Repository', 'Repositories of this organisation that reported', repoOptions());
}

export function agentVariable(): QueryVariableBuilder {
  return query('agent', 'Agent', 'Agents with decided tool calls', dimensionOptions('agent'))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

/** Agents of sessions, judged or not. */
export function sessionAgentVariable(): QueryVariableBuilder {
  return query('agent', 'Agent', 'Agents whose sessions were active in the range', agentOptions())
    .multi(true)
    .includeAll(true)
    .current(ALL);
}

/** A single session; the newest unless chosen. */
export function sessionVariable(): QueryVariableBuilder {
  return query('session', 'Session', 'Sessions that were active in the range, the newest first', sessionOptions());
}

export function toolVariable(): QueryVariableBuilder {
  return query('tool', 'Tool', 'Tools with decided calls', dimensionOptions('tool'))
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

/** AgentShield's confidence that a finding is live; `not told` for producers that do not report it. */
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

/** Reloaded on each refresh of the board, so that a first organisation or repository appears by itself. */
function query(name: string, label: string, description: string, sql: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATASOURCE)
    .query(sql)
    .definition(sql)
    .refresh(VariableRefresh.OnTimeRangeChanged);
}

/** Selects all values by name instead of "All", so that the SQL always has a list. */
function fixed(name: string, label: string, values: string[]): CustomVariableBuilder {
  return new CustomVariableBuilder(name)
    .label(label)
    .values(values.join(','))
    .multi(true)
    .includeAll(true)
    .current(ALL);
}
