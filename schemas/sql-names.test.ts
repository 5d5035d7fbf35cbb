import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import agentTelemetry from './agent-telemetry.keys.json' with { type: 'json' };
import { DIALECT_NAMES } from './dialects/dialects.js';
import { FOREIGN_NAMES } from './foreign-names.js';
import { SEVERITIES } from './records/enums.js';
import { packageRoot } from './root.js';
import * as names from './semconv.js';

/** Last parts of the names whose first part is a prefix of `semconv.ts`. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  [names.SERVER_ATTRIBUTE_PREFIX]: [],
  [names.COUNT_ATTRIBUTE_PREFIX]: ['masked.'],
  [names.ATTR_SCAN_BREAKDOWN_PREFIX]: ['secrets', 'permissions', 'hooks', 'mcp', 'agents'],
  [names.ATTR_SCAN_FINDINGS_PREFIX]: SEVERITIES,
  [names.ATTR_SCAN_RUNTIME_CONFIDENCE_PREFIX]: [
    'active-runtime',
    'project-local-optional',
    'template-example',
    'docs-example',
    'plugin-cache',
    'plugin-manifest',
    'hook-code',
  ],
  [names.ATTR_POLICY_EXCEPTIONS_PREFIX]: ['total', 'active', 'expiring_soon', 'expired'],
  [names.ATTR_BASELINE_FINDINGS_PREFIX]: ['new', 'resolved', 'unchanged', 'new_critical', 'new_high'],
  [names.ATTR_SUPPLY_CHAIN_PACKAGES_PREFIX]: ['total', 'risky', 'critical', 'high'],
};
const OURS = new Set([
  ...Object.values(names).filter((name) => !(name in SUFFIXES)),
  ...Object.entries(SUFFIXES).flatMap(([prefix, suffixes]) => suffixes.map((suffix) => prefix + suffix)),
]);
const AGENTS = new Set([
  ...Object.values(agentTelemetry.clients).flatMap((client) => Object.values(client).flat()),
  ...DIALECT_NAMES,
]);

/** Every name that SQL spells, with the files that do: subscripts of attributes, and in SQL files every literal with dots. */
function spelledNames(): Map<string, string[]> {
  const spelled = new Map<string, string[]>();
  for (const module of ['schemas', 'rollups', 'grafana', 'ingest', 'deploy']) {
    for (const file of readdirSync(join(packageRoot(), module), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(sql|ts)$/.test(file) || /\.test\.ts$|generated|testing|testdata|postgres\//.test(file)) continue;
      const text = readFileSync(join(packageRoot(), module, file), 'utf8').replace(/^\s*--.*$/gm, '');
      const subscripts = text.matchAll(/\b(?:\w*Attributes|a)\[\\?'([^'\\$]+)\\?'\]/g);
      const literals = file.endsWith('.sql') ? text.matchAll(/'([a-z_]+(?:\.[a-z_-]+)+\.?|[a-z_]+\.)'/g) : [];
      for (const [, name = ''] of [...subscripts, ...literals])
        spelled.set(name, [...(spelled.get(name) ?? []), `${module}/${file}`]);
    }
  }
  return spelled;
}

describe('names of attributes, spans and events in SQL', () => {
  const spelled = spelledNames();

  it("are names of semconv.ts, of the agents' telemetry and dialects, or foreign names with a source", () => {
    expect(spelled.size).toBeGreaterThan(80);
    const unknown = [...spelled].filter(([name]) => !OURS.has(name) && !AGENTS.has(name) && !(name in FOREIGN_NAMES));
    expect(unknown).toEqual([]);
  });

  it('use each foreign name that is listed', () => {
    expect(Object.keys(FOREIGN_NAMES).filter((name) => !spelled.has(name))).toEqual([]);
  });

  it('use each suffix that is listed', () => {
    const all = Object.entries(SUFFIXES).flatMap(([prefix, suffixes]) => suffixes.map((suffix) => prefix + suffix));
    expect(all.filter((name) => !spelled.has(name))).toEqual([]);
  });
});
