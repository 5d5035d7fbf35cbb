import { DATASOURCE, DATASOURCE_VERSION } from '../datasource.js';
import { ALERT_RULES, type AlertRule } from './rules.js';

/** Grafana's id of its own expressions. */
const EXPRESSIONS = '__expr__';
/** Rules look back at most this far, in seconds; their SQL says how far by itself. */
const LOOK_BACK = 8 * 24 * 3_600;
/** Evaluated once a minute. */
const INTERVAL = '1m';

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

/** For whom: every organisation the datasource may read (each row says which), or one; and the Grafana organisation it goes to. */
export interface AlertAudience {
  org?: string;
  grafanaOrgId?: number;
}

/**
 * Title of a folder of its own. Rule files name their folder by title alone, so Grafana chooses its uid; in the boards'
 * folder, which has a uid of ours, whichever provider came second would fail.
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
    // A failing query is an alert of its own (DatasourceError), never a false one of the rule.
    execErrState: 'Error',
    for: rule.for,
    annotations: {
      summary: rule.summary,
      description: rule.description,
      // Grafana expands its own address (GF_SERVER_ROOT_URL, which ends with a slash) when the alert fires.
      runbook_url: `{{ externalURL }}d/shieldwatch-runbooks?viewPanel=panel-${String(runbookPanel(rule.runbook))}`,
      // Notifications take their links to board and panel from these annotations, the rule's page from the fields above.
      __dashboardUid__: rule.board,
      __panelId__: String(rule.panel),
    },
    labels: { severity: rule.severity, product: 'shieldwatch' },
    isPaused: false,
  };
}

/** Runbooks in the order of the first rule that names each; their ids on the board follow from it and stay. */
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

/** A number stays what it is; Grafana's editor shows rules in this shape. */
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

/** A string literal of ClickHouse. Organisations have no `$`: Grafana would read it. */
function quoted(org: string): string {
  if (!/^[\w.-]{1,100}$/.test(org))
    throw new Error('organisation: expected letters, digits, ".", "_" and "-", at most 100');
  return `'${org}'`;
}
