import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import type { BoardLibrary } from '#ingest/boards/board-library.js';
import { fieldOf } from '#ingest/queries/read-series.js';
import { METRIC_NAMES } from '#ingest/metrics/collect.js';
import { SERIES_TABLE } from '#ingest/queries/series-table.js';
import { packageRoot } from '#schemas/root.js';

/*
 * Every place that may show a quantity, found where the place itself is defined: the API's document, the table of series,
 * the boards and alert rules as Grafana gets them, the commands, the metrics of the gateway.
 */

/** Places that show a quantity that no other place shows, or no quantity of what producers sent, with the reason. `*` stands for anything but a blank. */
export const OTHER_PLACES: Readonly<Record<string, readonly string[]>> = {
  'words of a rule, and what a request said of itself': [
    'GET /v1/* *.priority',
    'GET /v1/* *.severity',
    'GET /v1/* .bucket',
    'GET /v1/explain .version',
    'GET /v1/explain .computed[].formula',
    'GET /v1/explain .computed[].run.durationMs',
    'GET /v1/explain .computed[].run.rowsRead',
    'GET /v1/series .*',
    'GET /v1/series/{name} .bucket',
  ],
  'columns of a series, which are places of their own, and rows of the facts as they were stored': [
    'GET /v1/series/{name} .points[].*',
    'GET /v1/explain .facts[].*',
    'series:open_review_item_org*.route',
  ],
  "the boards' pictures: readings.test.ts reads their panels once more out of the report": ['cli:report'],
  'what people set, and rights: kept in Postgres alone': [
    'GET /v1/org/{orgId} .*',
    'GET /v1/members .*',
    'GET /v1/policy-promotions .*',
    'GET /v1/alerts/routes .*',
    'cli:org *',
    'cli:member *',
    'cli:token *',
    'cli:promotion *',
    'GET /v1/alerts/destinations .*',
    'GET /v1/alerts/deliveries* .*',
    'GET /v1/repos .repos[].defaultProvider',
    'GET /v1/repo/{repoId}/review-items [].commentCount',
    'cli:review comments',
  ],
  'work of the machine: purges, merges, the audit trail, runs of jobs': [
    'GET /v1/purges* .*',
    'GET /v1/repos/merges .*',
    'GET /v1/audit* .*',
    'cli:audit *',
    'cli:repo purges',
    'cli:repo merges',
    'cli:repo purge',
    'cli:rollup *',
    'cli:facts *',
    'cli:stack',
    'cli:boards',
    'cli:start',
    'cli:demo',
    'cli:doctor',
    'cli:grafana *',
    'cli:set-aside *',
    'metric:*',
  ],
  'what fired, as the evaluation found it: alert-episodes.test.ts compares it with the rules': [
    'GET /v1/alerts .*',
    'GET /v1/alerts/{alertId} .*',
    'cli:alerts *',
  ],
  'commands that change something and print what they did': [
    'cli:repo add',
    'cli:repo remove',
    'cli:repo baseline',
    'cli:repo merge',
    'cli:review approve',
    'cli:review dismiss',
    'cli:review reopen',
    'cli:review assign',
    'cli:review comment',
    'cli:repo link',
    'cli:backup',
    'cli:verify-backup',
    'cli:restore',
  ],
  'comparison with the baseline that people set (control-plane.test.ts)': [
    'GET /v1/findings .findings[].isNewSinceBaseline',
    'cli:repo compare',
    'panel:repository/14',
    'panel:repository/15',
  ],
  'commands of producers: what lies on their own machine, before it is sent': [
    'cli:scan',
    'cli:watch',
    'cli:hook',
    'cli:agent',
    'cli:ship',
    'cli:install',
    'cli:uninstall',
    'cli:status',
    'cli:policy *',
  ],
  'of the evidence pack, each sent once and shown once; scan-ways.test.ts and posture.test.ts compare it with what was sent':
    [
      'GET /v1/repo/{repoId}/posture .latestScan.redacted',
      'GET /v1/repo/{repoId}/posture .latestScan.artifactCount',
      'GET /v1/repo/{repoId}/posture .latestScan.verifiedArtifactCount',
      'GET /v1/repo/{repoId}/posture .latestScan.remediation.*',
      'GET * *.autoFixable',
      'GET * *.manualReview',
      'panel:ledger/10',
    ],
  'how facts arrive, where the store is and how old: depends on the clock and on no history; boards.test.ts and alerts.test.ts have their numbers':
    [
      'panel:pipeline/1',
      'panel:pipeline/2',
      'panel:pipeline/3',
      'panel:pipeline/7',
      'panel:pipeline/8',
      'panel:pipeline/9',
      'panel:pipeline/12',
      'panel:pipeline/13',
      'prometheus:shieldwatch_rollup_lag_seconds',
      'prometheus:shieldwatch_collector_undelivered_records',
      'prometheus:shieldwatch_read_timestamp_seconds',
      'alert:shieldwatch-rollup-lag',
      'alert:shieldwatch-dropping',
    ],
  'records that are no facts: quarantine (boards.test.ts, metrics.test.ts)': [
    'prometheus:shieldwatch_quarantined_records',
    'panel:pipeline/4',
    'panel:pipeline/10',
    'panel:pipeline/11',
    'panel:posture/10',
  ],
  "values masked on the way in (the rollups' own histories; boards.test.ts, alerts.test.ts)": [
    'series:masked_value*',
    'series:secret_exposure_events/*.masked',
    'panel:pipeline/5',
    'panel:secrets/4',
    'panel:secrets/7',
    'panel:secrets/8',
    'alert:shieldwatch-masked-spike',
  ],
  "sessions and versions of agents that report themselves, and lanes of who was heard when (the rollups' own histories; boards.test.ts)":
    [
      'series:coverage*',
      'series:session_coverage*',
      'panel:coverage/7',
      'panel:coverage/8',
      'panel:coverage/9',
      'panel:coverage/10',
      'panel:coverage/11',
    ],
  'drills, which are in no other number (drills.test.ts, boards.test.ts, alerts.test.ts)': [
    'GET /v1/drills .*',
    'cli:drill',
    'panel:coverage/12',
    'panel:coverage/13',
    'alert:shieldwatch-drill-overdue',
    'prometheus:shieldwatch_drill_overdue_ratio',
  ],
  'marks of what people decided and of rules met for the first time (boards.test.ts)': [
    'annotation:runtime/Rule*changes',
    'annotation:enforcement/Rule*changes',
    'variable:*/org',
  ],
  "what became of tool calls, and of sessions (the ledger's own histories against the naive query; tool-calls.test.ts, boards.test.ts)":
    [
      'prometheus:shieldwatch_ran_calls',
      'prometheus:shieldwatch_judged_ran_calls',
      'prometheus:shieldwatch_judged_ratio',
      'prometheus:shieldwatch_tool_calls',
      'GET /v1/tool-calls .*',
      'GET /v1/sessions .*',
      'GET /v1/sessions/{sessionId} .*',
      'GET /v1/sessions/{sessionId}/timeline .*',
      'series:agent_usage*',
      'panel:sessions/*',
      'panel:agents/*',
      'panel:mcp/*',
      'variable:sessions/session',
      'variable:sessions/agent',
      'variable:agents/agent',
      'series:tool_call_outcomes*',
      'series:judged_share*',
      'panel:enforcement/*',
      'alert:shieldwatch-guard-passed',
      'prometheus:shieldwatch_sessions_too_large',
      'alert:shieldwatch-session-too-large',
    ],
  "review items that were opened by rows of the control plane, beside the newest scans: the rollups' own histories": [
    'series:cross_repo_org_rollup*.open*',
  ],
};

const schemaOf = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  get properties() {
    return z.record(z.string(), schemaOf).optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), schemaOf]).optional();
  },
  get items() {
    return schemaOf.optional();
  },
  get anyOf() {
    return z.array(schemaOf).optional();
  },
});
type Schema = z.infer<typeof schemaOf>;
const documentOf = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        responses: z.record(
          z.string(),
          z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: schemaOf.optional() })).optional() }),
        ),
      }),
    ),
  ),
  components: z.looseObject({ schemas: z.record(z.string(), schemaOf) }).optional(),
});

/** Numbers, truths and words of a list in the answers of every GET: `GET <route> <path>`. */
export function apiPlaces(document: unknown): string[] {
  const { paths, components } = documentOf.parse(document);
  const places = new Set<string>();
  function walk(schema: Schema | undefined, url: string, path: string): void {
    if (schema === undefined || path.length > 200) return;
    if (schema.$ref !== undefined) {
      walk(components?.schemas[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)], url, path);
      return;
    }
    for (const each of schema.anyOf ?? []) walk(each, url, path);
    for (const [name, each] of Object.entries(schema.properties ?? {})) walk(each, url, `${path}.${name}`);
    if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties, url, `${path}.*`);
    if (schema.items !== undefined) walk(schema.items, url, `${path}[]`);
    const types = [schema.type ?? []].flat();
    if (schema.enum !== undefined || types.some((type) => ['integer', 'number', 'boolean'].includes(type)))
      places.add(`GET ${url} ${path}`);
  }
  for (const [url, methods] of Object.entries(paths))
    walk(methods['get']?.responses['200']?.content?.['application/json']?.schema, url, '');
  return [...places];
}

const WORDS = ['status', 'route', 'triage', 'grade', 'grade_last'];

/** Columns of every series that hold a number, a truth or a verdict: `series:<name>/<bucket>.<field>`. */
export function seriesPlaces(): string[] {
  return [...SERIES_TABLE.values()].flatMap(({ name, views }) =>
    views.flatMap(({ bucket, types }) =>
      Object.entries(types).flatMap(([column, type]) =>
        WORDS.includes(column) || (column !== 'route' && /Int|Float|Bool/.test(type))
          ? [`series:${name}${bucket === null ? '' : `/${bucket}`}.${fieldOf(column)}`]
          : [],
      ),
    ),
  );
}

/** Panels with a query, annotations with one, and variables whose options are asked for. */
export function boardPlaces(library: BoardLibrary): string[] {
  return library.all().flatMap(({ uid, panels, annotations, templating }) => {
    const board = uid.replace('shieldwatch-', '');
    return [
      ...panels
        .flatMap((panel) => [panel, ...(panel.panels ?? [])])
        .flatMap(({ id, targets }) => (targets === undefined ? [] : [`panel:${board}/${String(id)}`])),
      ...annotations.list.flatMap(({ name, target }) =>
        target?.rawSql === undefined ? [] : [`annotation:${board}/${name}`],
      ),
      ...templating.list.flatMap(({ name, type }) => (type === 'query' ? [`variable:${board}/${name}`] : [])),
    ];
  });
}

const rulesOf = z.looseObject({
  groups: z.array(z.looseObject({ rules: z.array(z.looseObject({ uid: z.string() })) })),
});

/** Alert rules as Grafana is provisioned with them. */
export async function alertPlaces(): Promise<string[]> {
  const { groups } = rulesOf.parse(
    JSON.parse(await readFile(join(packageRoot(), 'grafana/provisioning/alerting/rules.json'), 'utf8')),
  );
  return groups.flatMap(({ rules }) => rules.map(({ uid }) => `alert:${uid}`));
}

/** Metrics for Prometheus. */
export function prometheusPlaces(): string[] {
  return METRIC_NAMES.map((name) => `prometheus:${name}`);
}

/** Commands that have no commands of their own. */
export function commandPlaces(command: Command, name = ''): string[] {
  if (command.commands.length === 0) return [`cli:${name}`];
  return command.commands.flatMap((each) => commandPlaces(each, `${name} ${each.name()}`.trim()));
}

/** Names in the text of `GET /metrics`. */
export function metricPlaces(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => `metric:${name ?? ''}`);
}

/** Whether a place is what a pattern of a reading or of {@link OTHER_PLACES} names. */
export function isNamedBy(pattern: string): (place: string) => boolean {
  const expression = new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^\\n]*')}$`,
  );
  return (place) => expression.test(place);
}
