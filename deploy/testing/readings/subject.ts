import type { BoardLibrary } from '#ingest/boards/board-library.js';
import type { VariableValue } from '#ingest/boards/macros.js';
import { panelData } from '#ingest/boards/panel-data.js';
import { expandMacros } from '#ingest/boards/macros.js';
import { runQuery } from '#ingest/boards/run-query.js';
import { collectMetrics } from '#ingest/metrics/collect.js';
import type { QueryResult, TimeRange } from '#schemas/http/boards.js';
import { ALERT_RULES } from '#schemas/alerts/rules.js';
import type { TestGateway } from '#ingest/testing/gateway.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { SEVERITIES, type Sender, type Stage } from './history.js';

export type Row = Readonly<Record<string, unknown>>;

const DAY = 86_400_000;

/**
 * What a range is drawn from: facts up to 6 hours, the hours of the series up to 14 days, then its days. Ranges begin
 * with a whole bucket, so that a panel that counts whole buckets counts what is in the range.
 */
export const RANGES = ['short', 'hours', 'days'] as const;
export type RangeName = (typeof RANGES)[number];

export function rangeOf({ from, to }: Stage, name: RangeName): TimeRange {
  if (name === 'short') return { from: to - 5 * 3_600_000 - 60_000, to };
  return { from: name === 'hours' ? from : Math.floor((to - 20 * DAY) / DAY) * DAY, to };
}

/** An organisation as its readers see it. Answers are kept: several readings look at one. */
export class Subject {
  readonly id: string;
  readonly stage: Stage;
  /** When people have decided: after the history, maybe in another hour. */
  readonly decidedAt = Date.now();
  readonly #gateway: TestGateway;
  readonly #library: BoardLibrary;
  readonly #token: string;
  readonly #answers = new Map<string, Promise<unknown>>();

  constructor(gateway: TestGateway, library: BoardLibrary, sender: Sender, stage: Stage) {
    this.#gateway = gateway;
    this.#library = library;
    this.id = sender.id;
    this.#token = sender.token;
    this.stage = stage;
  }

  #once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key);
    if (known !== undefined) return known as Promise<T>;
    const asked = ask();
    this.#answers.set(key, asked);
    return asked;
  }

  get<T>(url: string): Promise<T> {
    return this.#once(url, async () => {
      const answer = await this.#gateway.app.inject({ url, headers: { authorization: `Bearer ${this.#token}` } });
      if (answer.statusCode !== 200)
        throw new Error(`GET ${url} answered ${String(answer.statusCode)}: ${answer.body}`);
      return answer.json<T>();
    });
  }

  /** Entries of a list, all pages of it. */
  async list(url: string, field: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Record<string, unknown> = await this.get(
        `${url}${url.includes('?') ? '&' : '?'}limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      rows.push(...(page[field] as Row[]));
      cursor = page['nextCursor'] as string | null;
    }
    return rows;
  }

  /** Rows of a series over the whole history, by bucket or without; `to` is its end unless given. */
  series(name: string, bucket?: string, to = this.stage.to): Promise<Row[]> {
    const window = `from=${new Date(this.stage.from).toISOString()}&to=${new Date(to).toISOString()}`;
    return this.list(`/v1/series/${name}?${window}${bucket === undefined ? '' : `&bucket=${bucket}`}`, 'points');
  }

  /** Rows of a panel, by column; of all repositories unless some are chosen. */
  panel(place: string, range: RangeName = 'hours', repo: VariableValue = 'all'): Promise<Row[]> {
    const [board = '', id = ''] = place.split('/');
    return this.#once(JSON.stringify([place, range, repo]), async () =>
      rowsOf(
        await panelData(this.#gateway.store.client, this.#library.panel(`shieldwatch-${board}`, id), {
          range: rangeOf(this.stage, range),
          variables: this.#variables(repo),
        }),
      ),
    );
  }

  /** The one row of a panel, as its values in order; empty where it has none. */
  async stat(place: string, range: RangeName = 'hours', repo: VariableValue = 'all'): Promise<unknown[]> {
    return Object.values((await this.panel(place, range, repo))[0] ?? {});
  }

  async annotation(board: string, name: string): Promise<Row[]> {
    const sql = this.#library.annotationSql(`shieldwatch-${board}`, name);
    return rowsOf(
      await runQuery(
        this.#gateway.store.client,
        expandMacros(sql, {
          range: rangeOf(this.stage, 'hours'),
          intervalMs: 60_000,
          variables: this.#variables('all'),
        }),
      ),
    );
  }

  async variable(board: string, name: string): Promise<unknown[]> {
    const sql = this.#library.board(`shieldwatch-${board}`).templating.list.find((each) => each.name === name)?.query;
    const text = typeof sql === 'string' ? sql : ((sql as { rawSql?: string } | undefined)?.rawSql ?? '');
    const { rows } = await runQuery(
      this.#gateway.store.client,
      expandMacros(text, {
        range: rangeOf(this.stage, 'hours'),
        intervalMs: 60_000,
        variables: this.#variables('all'),
      }),
    );
    return rows.map(([value]) => value);
  }

  /** Samples of a metric for Prometheus at the end of the history: labels and value. */
  async metric(name: string): Promise<{ labels: Row; value: number }[]> {
    const families = await this.#once('metrics', () =>
      collectMetrics(
        { clickhouse: this.#gateway.store.client, plane: this.#gateway.app.plane },
        { orgId: this.id, repository: null },
        this.stage.to,
      ),
    );
    const { samples } = families.find((family) => family.name === name) ?? { samples: [] };
    return samples;
  }

  /** Rows of an alert rule, evaluated at the end of the history. */
  async alert(uid: string): Promise<Row[]> {
    const rule = ALERT_RULES.find((each) => each.uid === uid);
    if (rule === undefined) throw new Error(`there is no alert rule ${uid}`);
    const sql = rule.sql(
      'org_id = {org:String}',
      `toDateTime64(${String(Math.floor(this.stage.to / 1_000))}, 3, 'UTC')`,
    );
    return selectRows<Record<string, unknown>>(this.#gateway.store.client, sql, { org: this.id });
  }

  #variables(repo: VariableValue): Map<string, VariableValue> {
    return new Map<string, VariableValue>([
      ['org', [this.id]],
      ['repo', repo],
      ['agent', 'all'],
      ['tool', 'all'],
      ['severity', [...SEVERITIES]],
      ['confidence', ['active-runtime', 'not told']],
      ['category', 'all'],
    ]);
  }
}

function rowsOf({ columns, rows }: QueryResult): Row[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index]])));
}

/** An organisation as its report has it: the panels are what was written there. */
export class ReportSubject extends Subject {
  readonly #panels: ReadonlyMap<string, unknown>;

  constructor(
    gateway: TestGateway,
    library: BoardLibrary,
    sender: Sender,
    stage: Stage,
    panels: ReadonlyMap<string, unknown>,
  ) {
    super(gateway, library, sender, stage);
    this.#panels = panels;
  }

  override panel(place: string): Promise<Row[]> {
    const answer = this.#panels.get(place);
    if (typeof answer !== 'object' || answer === null)
      throw new Error(`the report has no rows of ${place}: ${String(answer)}`);
    return Promise.resolve(rowsOf(answer as QueryResult));
  }
}
