import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio } from '../measure.js';
import { Child, postMany, startSink } from './child.js';
import { otlpTraces } from './bodies.js';

export interface PassThroughSizes {
  /** Requests per measurement. */
  readonly requests: number;
  readonly spans: number;
  readonly repeats: number;
}

export const PASS_THROUGH_SIZES: PassThroughSizes = { requests: 1_000, spans: 20, repeats: 7 };

/**
 * Measures the CPU of a request through the gateway to a collector, over that of one through a bare node:http proxy.
 */
export async function passThrough(report: BenchReport, sizes: PassThroughSizes = PASS_THROUGH_SIZES): Promise<void> {
  const sink = await startSink();
  const [gateway, proxy] = [await Child.start('gateway', sink.url), await Child.start('proxy', sink.url)];
  try {
    const body = otlpTraces(sizes.spans);
    report.note(`requests of ${sizes.spans} spans, ${body.length} bytes`);
    const cpuOf = (child: Child) => async (): Promise<number> => {
      const before = await child.cpuUs();
      await postMany(child.url, '/v1/traces', child.token, body, sizes.requests);
      return ((await child.cpuUs()) - before) / sizes.requests;
    };
    const pairs = await alternate(sizes.repeats, cpuOf(gateway), cpuOf(proxy));
    report.figure({
      metric: 'pass_through_cpu_ratio',
      value: medianRatio(pairs),
      better: 'lower',
      floor: 1.6,
      goal: 1.2,
    });
    report.note(
      `gateway ${median(pairs.map(({ a }) => a)).toFixed(0)} µs, proxy ${median(pairs.map(({ b }) => b)).toFixed(0)} µs of CPU a request`,
    );
  } finally {
    await gateway.stop();
    await proxy.stop();
    sink.close();
  }
}
