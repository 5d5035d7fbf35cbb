import { ALERT_RULES, dedupeKey, fillIn, type AlertRule } from '#schemas/alerts/rules.js';
import { DATASOURCE, DATASOURCE_VERSION } from '../datasource.js';

/** Grafana's id of its own expressions. */
const EXPRESSIONS = '__expr__';
/** Longest time range of a rule's query, in seconds. The SQL of each rule narrows it. */
const LOOK_BACK = 8 * 24 * 3_600;
/** Evaluation interval of the rule group, in seconds. */
const INTERVAL = '1m';

/** Grafana's expressions for the placeholders of texts. They contain no `$`: Grafana expands it in provisioning files. */
const TEMPLATE = {
  org: '{{ .Labels.org_id }}',
  repository: '{{ .Labels.repo }}',
  value: '{{ .Values.B }}',
  producer: '{{ .Labels.producer }}',
  counter: '{{ .Labels.counter }}',
  client: '{{ .Labels.client }}',
};

/** One query or expression of a rule, as Grafana's alerting files have it (`QueryV1` of its file provisioning). */
export interface RuleQuery {
  refId: string;
  relativeTimeRange: { from: number; to: number };
  datasourceUid: string;
  model: Record<string, unknown>;
}

/** A rule as Grafana's alerting files have it (`AlertRuleV1` of its file provisioning). */
export interface ProvisionedRule {
  uid: string;
  title: string;
  condition: string;
  data: RuleQuery[];
  dashboardUid: string;
  panelId: number;
  noDataState: string;
  execErrState: string;
  for: string;
  annotations: Record<string, string>;
  labels: Record<string, string>;
  isPaused: boolean;
}

/** The file `provisioning/alerting/rules.json`. */
export interface AlertFile {
  apiVersion: 1;
  groups: { orgId: number; name: string; folder: string; interval: string; rules: ProvisionedRule[] }[];
}

/**
 * Which organisations the rules cover (all that the datasource can read, with one alert per organisation, or a single
 * one), and the Grafana organisation that receives them.
 */
export interface AlertAudience {
  org?: string;
  grafanaOrgId?: number;
}

/**
 * Title of the alert folder. Rule files refer to their folder by title only, so Grafana generates its uid. The boards'
 * folder has a fixed uid: if both shared one folder, the provider that runs second would fail.
 */
const FOLDER = 'Shieldwatch alerts';

export function alertFile({ org, grafanaOrgId = 1 }: AlertAudience = {}): AlertFile {
  const scope = org === undefined ? "org_id != ''" : `org_id = ${quoted(org)}`;
  return {
    apiVersion: 1,
    groups: [
      {
        orgId: grafanaOrgId,
        name: 'shieldwatch',
        folder: FOLDER,
        interval: INTERVAL,
        rules: ALERT_RULES.map((rule) => provisioned(rule, scope)),
      },
    ],
  };
}

function provisioned(rule: AlertRule, scope: string): ProvisionedRule {
  return {
    uid: rule.uid,
    title: rule.title,
    condition: 'C',
    data: [query(rule.sql(scope)), reduce(), threshold(rule.above)],
    dashboardUid: rule.board,
    panelId: rule.panel,
    noDataState: rule.noData,
    // A failing query raises Grafana's own alert (DatasourceError), never a false alert of the rule.
    execErrState: 'Error',
    for: rule.for,
    annotations: {
      summary: fillIn(rule.summary, TEMPLATE),
      description: fillIn(rule.description, TEMPLATE),
      // Grafana expands its own address (GF_SERVER_ROOT_URL, which ends with a slash) when the alert fires.
      runbook_url: `{{ externalURL }}d/shieldwatch-runbooks?viewPanel=panel-${String(runbookPanel(rule.runbook))}`,
      dedup_key: fillIn(dedupeKey(rule), TEMPLATE),
      // Notifications take their links to board and panel from these annotations, and the link to the rule from the
      // fields above.
      __dashboardUid__: rule.board,
      __panelId__: String(rule.panel),
    },
    labels: { severity: rule.severity, product: 'shieldwatch' },
    isPaused: false,
  };
}

/**
 * Returns the runbooks, ordered by the first rule that uses each. Panel ids on the runbook board follow this order and
 * must not change.
 */
export const RUNBOOKS: readonly string[] = [...new Set(ALERT_RULES.map(({ runbook }) => runbook))];

export function runbookPanel(runbook: string): number {
  return RUNBOOKS.indexOf(runbook) + 1;
}

function query(rawSql: string): RuleQuery {
  return {
    refId: 'A',
    relativeTimeRange: { from: LOOK_BACK, to: 0 },
    datasourceUid: DATASOURCE.uid ?? '',
    model: {
      refId: 'A',
      datasource: DATASOURCE,
      pluginVersion: DATASOURCE_VERSION,
      editorType: 'sql',
      rawSql,
      queryType: 'table',
      format: 1,
      intervalMs: 1_000,
      maxDataPoints: 43_200,
    },
  };
}

/** Returns an expression that passes its input through. Grafana's rule editor requires this shape. */
function reduce(): RuleQuery {
  return {
    refId: 'B',
    relativeTimeRange: { from: LOOK_BACK, to: 0 },
    datasourceUid: EXPRESSIONS,
    model: {
      refId: 'B',
      datasource: { type: EXPRESSIONS, uid: EXPRESSIONS },
      type: 'reduce',
      expression: 'A',
      reducer: 'last',
    },
  };
}

function threshold(above: number): RuleQuery {
  return {
    refId: 'C',
    relativeTimeRange: { from: LOOK_BACK, to: 0 },
    datasourceUid: EXPRESSIONS,
    model: {
      refId: 'C',
      datasource: { type: EXPRESSIONS, uid: EXPRESSIONS },
      type: 'threshold',
      expression: 'B',
      conditions: [
        {
          type: 'query',
          evaluator: { type: 'gt', params: [above] },
          operator: { type: 'and' },
          query: { params: ['C'] },
          reducer: { type: 'last', params: [] },
        },
      ],
    },
  };
}

/** Returns a ClickHouse string literal. Organisation ids contain no `$`, which Grafana would expand. */
function quoted(org: string): string {
  if (!/^[\w.-]{1,100}$/.test(org))
    throw new Error('organisation: expected letters, digits, ".", "_" and "-", at most 100');
  return `'${org}'`;
}
