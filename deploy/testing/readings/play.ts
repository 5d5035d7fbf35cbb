import { isDeepStrictEqual } from 'node:util';
import type { BoardLibrary } from '#ingest/boards/board-library.js';
import { drainOutbox } from '#ingest/control/outbox.js';
import { openReviewItems } from '#ingest/fleet/review-items.js';
import type { TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { Sender, type History, type HistoryEvent, type Stage, type Telemetry } from './history.js';
import { READINGS, type Reading } from './quantities.js';
import { Reference } from './reference.js';
import { Subject } from './subject.js';

/** A place that shows something else than the history says. */
export interface Disagreement {
  org: string;
  of: string;
  shows: readonly string[];
  /** What is shown and should not be, and the other way round, as JSON: the rows that differ. */
  surplus: string;
  missing: string;
}

/** Rows of the one that the other has not; all of it where they are no rows. */
function beyond(one: unknown, other: unknown): string {
  const texts = Array.isArray(other) ? other.map((row) => JSON.stringify(row)) : [];
  return JSON.stringify(Array.isArray(one) ? one.filter((row) => !texts.includes(JSON.stringify(row))) : one);
}

const isTelemetry = (each: HistoryEvent): each is Telemetry =>
  each.kind === 'scan' || each.kind === 'call' || each.kind === 'drift';

/** Histories that were sent, and what reads them. */
export interface Played {
  readonly gateway: TestGateway;
  readonly library: BoardLibrary;
  readonly stage: Stage;
  readonly histories: readonly History[];
  readonly senders: readonly Sender[];
}

/** Sends every history to an organisation of its own: the later half of it first, and a seventh twice. Then people decide. */
export async function playHistories(
  gateway: TestGateway,
  library: BoardLibrary,
  stage: Stage,
  histories: readonly History[],
  name: string,
): Promise<Played> {
  const worker = createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 });
  const senders = histories.map((_, index) => new Sender(gateway, stage, `org_${name}_${String(index)}`));
  for (const sender of senders) await sender.create();
  const sendSome = async (isChosen: (index: number, half: number) => boolean): Promise<void> => {
    for (const [number, sender] of senders.entries()) {
      const events = [...(histories[number] ?? []).entries()];
      await sender.send(
        events.filter(
          (each): each is [number, Telemetry] =>
            isTelemetry(each[1]) && isChosen(each[0], Math.floor(events.length / 2)),
        ),
      );
    }
    await worker.tick();
  };
  await sendSome((index, half) => index >= half);
  // What is earlier is late for what was computed.
  await sendSome((index, half) => index < half || index % 7 === 0);
  await worker.tick();
  const settle = async (): Promise<void> => {
    while ((await drainOutbox(gateway.postgres, gateway.store.client)) > 0);
  };
  for (const [number, sender] of senders.entries())
    for (const each of histories[number] ?? []) if (each.kind === 'triage') await sender.triage(each);
  await settle();
  for (const [number, sender] of senders.entries()) {
    await openReviewItems(gateway.app.plane, gateway.store.client, sender.id);
    for (const each of histories[number] ?? []) if (each.kind === 'review') await sender.review(each);
  }
  await settle();
  return { gateway, library, stage, histories, senders };
}

/** Holds readings to the reference, organisation by organisation; `most`: how many disagreements are enough. */
export async function disagreements(
  { gateway, library, stage, histories, senders }: Played,
  options: { readings?: readonly Reading[]; most?: number; subjectOf?: (sender: Sender) => Subject } = {},
): Promise<Disagreement[]> {
  const {
    readings = READINGS,
    most = Number.POSITIVE_INFINITY,
    subjectOf = (sender: Sender) => new Subject(gateway, library, sender, stage),
  } = options;
  const found: Disagreement[] = [];
  for (const [number, sender] of senders.entries()) {
    const subject = subjectOf(sender);
    const reference = new Reference(histories[number] ?? [], stage);
    for (const reading of readings) {
      if (found.length >= most) return found;
      const expected = reading.expect(reference);
      const shown = await reading
        .read(subject)
        .catch(
          (error: unknown) =>
            `not readable: ${String(error instanceof Error && error.cause instanceof Error ? error.cause : error)}`,
        );
      if (!isDeepStrictEqual(shown, expected))
        found.push({
          org: sender.id,
          of: reading.of,
          shows: reading.shows,
          surplus: beyond(shown, expected),
          missing: beyond(expected, shown),
        });
    }
  }
  return found;
}
