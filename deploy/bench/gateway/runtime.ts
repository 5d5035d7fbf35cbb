import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio } from '../measure.js';
import { runtimeBatch } from './bodies.js';
import { Child, postMany, startSink } from './child.js';

export interface RuntimeSizes {
  readonly entries: number;
  readonly requests: number;
  readonly repeats: number;
  /**
   * Rounds of either before the first that counts: a gateway runs for weeks, so the first second of JIT compilation
   * must not count.
   */
  readonly warmUp: number;
}

export const RUNTIME_SIZES: RuntimeSizes = { entries: 1_000, requests: 400, repeats: 9, warmUp: 5 };

/**
 * Measures events per CPU second that the gateway receives by REST and forwards as OTLP, over those that JSON.parse and
 * zod alone process.
 */
export async function runtimeEvents(report: BenchReport, sizes: RuntimeSizes = RUNTIME_SIZES): Promise<void> {
  const sink = await startSink();
  const [gateway, parser] = [await Child.start('gateway', sink.url), await Child.start('parser')];
  try {
    const body = runtimeBatch(sizes.entries);
    const events = sizes.entries * sizes.requests;
    const perSecond = (cpuUs: number): number => events / (cpuUs / 1e6);
    const throughGateway = async (): Promise<number> => {
      const before = await gateway.cpuUs();
      await postMany(gateway.url, '/v1/ingest/runtime', gateway.token, body, sizes.requests);
      return perSecond((await gateway.cpuUs()) - before);
    };
    const parsedOnly = async (): Promise<number> => {
      const before = await parser.cpuUs();
      return perSecond((await parser.cpuUs({ parse: body.toString(), times: sizes.requests })) - before);
    };
    const pairs = await alternate(sizes.repeats, throughGateway, parsedOnly, sizes.warmUp);
    report.figure({
      metric: 'runtime_events_per_cpu_second_ratio',
      value: medianRatio(pairs),
      better: 'higher',
      floor: 0.4,
      goal: 0.7,
    });
    report.note(
      `gateway ${median(pairs.map(({ a }) => a)).toFixed(0)}, parser ${median(pairs.map(({ b }) => b)).toFixed(0)} events a CPU-second`,
    );
  } finally {
    await gateway.stop();
    await parser.stop();
    sink.close();
  }
}
