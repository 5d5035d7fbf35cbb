import fc from 'fast-check';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { arrivalsOf, kindsOf } from './facts.js';
import { history, turns, type History } from './generate.js';
import { differences, type Difference } from './oracle.js';
import { clockOf, run } from './play.js';

export interface ManySettings {
  clickhouse: ClickHouseClient;
  /** Number of histories in all, and number that run together. */
  histories: number;
  perPlay: number;
  seed: number;
  onPlay?: (done: number) => void;
}

/** Composition of the histories, to judge whether they were demanding enough. */
export interface Distribution {
  histories: number;
  /** Events that arrived in a history, repeats counted: minimum, median, maximum. */
  events: readonly [number, number, number];
  /** Passes that crashed during a history: minimum, median, maximum. */
  crashes: readonly [number, number, number];
  organisations: number;
  repeats: number;
  late: number;
  deletions: number;
  pauses: number;
  passes: number;
  /** Buckets that the engine refused, and those that waited for them, at the end of the rounds that refuse some. */
  refused: number;
  kinds: Record<string, number>;
}

/** A history whose series differ from the oracle, with the data to reproduce it. */
export interface Failure {
  seed: number;
  play: number;
  differences: Difference[];
}

/**
 * Runs random histories, `perPlay` at once, and compares every series with the oracle after each run.
 *
 * @returns the distribution, and the failed runs.
 */
export async function playMany(settings: ManySettings): Promise<{ distribution: Distribution; failures: Failure[] }> {
  const all: History[] = [];
  const crashes: number[] = [];
  const failures: Failure[] = [];
  const counts = { pauses: 0, passes: 0, refused: 0 };
  for (let number = 0; all.length < settings.histories; number++) {
    const seed = settings.seed + number;
    const histories = fc.sample(history, {
      numRuns: Math.min(settings.perPlay, settings.histories - all.length),
      seed,
    });
    const [schedule = []] = fc.sample(turns, { numRuns: 1, seed });
    const name = `play${number}`;
    const played = await run({
      clickhouse: settings.clickhouse,
      name,
      histories,
      turns: schedule,
      newest: clockOf(seed),
    });
    const found = await differences(settings.clickhouse, `${name}-`);
    if (found.length > 0) failures.push({ seed, play: number, differences: found });
    all.push(...histories);
    crashes.push(...histories.map(() => played.crashes));
    counts.pauses += played.pauses;
    counts.passes += played.passes;
    counts.refused += played.refused;
    settings.onPlay?.(all.length);
  }
  return { distribution: { ...describe(all), crashes: spread(crashes), ...counts }, failures };
}

function describe(histories: readonly History[]): Omit<Distribution, 'crashes' | 'pauses' | 'passes' | 'refused'> {
  const events = histories.flatMap((one) => one.events);
  const arrivals = histories.map(arrivalsOf);
  const distinct = histories.reduce(
    (sum, one) => sum + new Set(one.steps.flatMap((step) => step.arrivals.map(({ event }) => event))).size,
    0,
  );
  return {
    histories: histories.length,
    events: spread(arrivals),
    organisations: 3,
    repeats: arrivals.reduce((sum, count) => sum + count, 0) - distinct,
    late: events.filter(({ secondsAgo }) => secondsAgo > 5 * 86_400).length,
    deletions: histories.filter(({ deletion }) => deletion !== undefined).length,
    kinds: kindsOf(events),
  };
}

function spread(values: readonly number[]): readonly [number, number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[0] ?? 0, sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
}
