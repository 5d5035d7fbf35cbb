import { setTimeout as sleep } from 'node:timers/promises';
import { startClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse/process.js';
import type { BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { Random } from '../random.js';
import { HttpClient, startMigrated } from './server.js';

export interface KillSizes {
  readonly rounds: number;
  /** Rows per INSERT. */
  readonly rows: number;
}

const WRITERS = 4;
/** Minimum of acknowledged INSERTs between two kills. */
const ACKNOWLEDGED_A_ROUND = 8;
/** The supervisor doubles its delay after each early crash; a new supervisor starts at 0.1 s. */
const KILLS_A_SUPERVISOR = 3;
const ROUND_DEADLINE_MS = 30_000;

/**
 * Kills the engine's process with kill -9 while writers insert into the real table with all its views. Each INSERT
 * acknowledged with 200 must be stored in full after the last restart, and no INSERT may be stored in part.
 */
export async function killRounds(report: BenchReport, sizes: KillSizes = { rounds: 200, rows: 500 }): Promise<void> {
  await withFolder(async (dataDir) => {
    const random = new Random(4);
    let clickhouse = await startMigrated(dataDir);
    const { port } = clickhouse;
    const writers = new Writers(() => clickhouse.url, sizes.rows);
    let rounds = 0;
    try {
      for (; rounds < sizes.rounds; rounds++) {
        await writers.acknowledge(ACKNOWLEDGED_A_ROUND);
        // Any moment within an INSERT, which takes about as long.
        await sleep(random.integer(0, 60));
        const { pid } = clickhouse;
        process.kill(pid, 'SIGKILL');
        if (rounds % KILLS_A_SUPERVISOR === KILLS_A_SUPERVISOR - 1) {
          await clickhouse.stop();
          clickhouse = await startClickHouse({ dataDir, port });
        } else {
          await restarted(clickhouse, pid);
        }
        if ((rounds + 1) % 20 === 0)
          report.note(`${rounds + 1} kills, ${writers.acknowledged.size} inserts acknowledged`);
      }
      await writers.acknowledge(1);
      await writers.stop();
      await judge(report, sizes, rounds, writers, clickhouse.url);
    } finally {
      await writers.stop();
      await clickhouse.stop();
    }
  });
}

/** Compares acknowledged with stored INSERTs. */
async function judge(
  report: BenchReport,
  sizes: KillSizes,
  rounds: number,
  writers: Writers,
  url: string,
): Promise<void> {
  const http = new HttpClient(url);
  const answer = await http.post('SELECT TraceId, count(), uniqExact(SpanId) FROM otel_traces GROUP BY TraceId');
  http.close();
  const stored = new Map(
    answer
      .trim()
      .split('\n')
      .map((line) => {
        const [id = '', rows, distinct] = line.split('\t');
        return [id, { rows: Number(rows), distinct: Number(distinct) }] as const;
      }),
  );
  let lostRows = 0;
  for (const id of writers.acknowledged) lostRows += sizes.rows - (stored.get(id)?.distinct ?? 0);
  const partial = [...stored.values()].filter(
    ({ rows, distinct }) => rows !== sizes.rows || distinct !== sizes.rows,
  ).length;
  report.figure({ metric: 'kill_lost_acknowledged_rows', value: lostRows, better: 'lower', floor: 0, goal: 0 });
  report.figure({ metric: 'kill_partial_batches', value: partial, better: 'lower', floor: 0, goal: 0 });
  report.figure({ metric: 'kill_rounds', value: rounds, better: 'higher', floor: sizes.rounds, goal: sizes.rounds });
  const least = rounds * ACKNOWLEDGED_A_ROUND;
  report.figure({
    metric: 'kill_acknowledged_batches',
    value: writers.acknowledged.size,
    better: 'higher',
    floor: least,
    goal: least,
  });
  report.note(
    `${writers.sent} inserts of ${sizes.rows} rows sent, ${writers.acknowledged.size} acknowledged, ${stored.size} stored; a kill cut off the others`,
  );
}

async function restarted(clickhouse: EmbeddedClickHouse, killed: number): Promise<void> {
  const deadline = Date.now() + ROUND_DEADLINE_MS;
  while (clickhouse.pid === killed) {
    if (Date.now() > deadline) throw new Error('the engine did not come back');
    await sleep(5);
  }
}

/** Writers that each send one INSERT after another and ignore failures. No id is sent twice. */
class Writers {
  readonly acknowledged = new Set<string>();
  sent = 0;
  readonly #url: () => string;
  readonly #rows: number;
  readonly #running: Promise<void>[];
  #isOver = false;

  constructor(url: () => string, rows: number) {
    this.#url = url;
    this.#rows = rows;
    this.#running = Array.from({ length: WRITERS }, () => this.#write());
  }

  /** Resolves when `count` more INSERTs have been acknowledged. */
  async acknowledge(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    const deadline = Date.now() + ROUND_DEADLINE_MS;
    while (this.acknowledged.size < wanted) {
      if (Date.now() > deadline) throw new Error(`${ROUND_DEADLINE_MS / 1000} s without enough acknowledged inserts`);
      await sleep(2);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #write(): Promise<void> {
    const http = new HttpClient(this.#url());
    while (!this.#isOver) {
      const id = (++this.sent).toString(16).padStart(32, '0');
      if (await this.#insert(http, this.#body(id))) this.acknowledged.add(id);
    }
    http.close();
  }

  /**
   * Returns whether the INSERT was acknowledged. Retries only while nothing listens, when none of it can have arrived.
   */
  async #insert(http: HttpClient, body: string): Promise<boolean> {
    while (!this.#isOver) {
      try {
        await http.post(
          body,
          'INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, ResourceAttributes, SpanAttributes) FORMAT JSONEachRow',
        );
        return true;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) return false;
        await sleep(20);
      }
    }
    return false;
  }

  /** Returns decisions, which the views turn into facts in the same INSERT. */
  #body(id: string): string {
    const head =
      `{"Timestamp":"${new Date().toISOString().slice(0, 23).replace('T', ' ')}","TraceId":"${id}","SpanName":"agentshield.pre_tool_use","ServiceName":"shieldwatch",` +
      '"ResourceAttributes":{"shieldwatch.tenant.org_id":"bench","shieldwatch.tenant.repository":"bench/kill"},' +
      '"SpanAttributes":{"agentshield.decision.action":"allow","gen_ai.tool.name":"Bash"},"SpanId":"';
    return Array.from({ length: this.#rows }, (_, n) => `${head}${n.toString(16).padStart(16, '0')}"}\n`).join('');
  }
}
