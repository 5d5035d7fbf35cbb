import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { field, nested } from '#ingest/testing/protobuf-bytes.js';
import { startCollectorUnderTest, TENANT, type CollectorUnderTest } from '../testing/collector.js';

/** Where an AnyValue may stand, as the field numbers from the request down to it. */
const PLACES: Readonly<Record<string, readonly (readonly number[])[]>> = {
  traces: [
    [1, 1, 1, 2],
    [1, 2, 1, 3, 2],
    [1, 2, 2, 9, 2],
    [1, 2, 2, 11, 3, 2],
    [1, 2, 2, 13, 4, 2],
  ],
  logs: [
    [1, 1, 1, 2],
    [1, 2, 1, 3, 2],
    [1, 2, 2, 5],
    [1, 2, 2, 6, 2],
  ],
  metrics: [
    [1, 1, 1, 2],
    [1, 2, 1, 3, 2],
    [1, 2, 2, 12, 2],
    [1, 2, 2, 5, 1, 7, 2],
    [1, 2, 2, 5, 1, 5, 7, 2],
    [1, 2, 2, 7, 1, 7, 2],
    [1, 2, 2, 9, 1, 9, 2],
    [1, 2, 2, 9, 1, 8, 7, 2],
    [1, 2, 2, 10, 1, 1, 2],
    [1, 2, 2, 10, 1, 11, 7, 2],
    [1, 2, 2, 11, 1, 7, 2],
  ],
};
const at = (place: readonly number[], value: Buffer): Buffer =>
  place.reduceRight((content, number) => field(number, content), value);

describe.skipIf(!hasGo())(`the collector by itself ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  let under: CollectorUnderTest;
  beforeAll(async () => {
    under = await startCollectorUnderTest();
  }, 900_000);
  afterAll(() => under.close());

  it('refuses excessive nesting with 400 in every kind of value, and accepts the allowed depth', async () => {
    for (const [signal, places] of Object.entries(PLACES)) {
      for (const place of places) {
        expect([signal, place, await under.post(signal, at(place, nested(20)))]).toEqual([signal, place, 200]);
        expect([signal, place, await under.post(signal, at(place, nested(50)))]).toEqual([signal, place, 400]);
      }
    }
  });

  it('survives bodies that would overflow the stack of a parser or serializer', async () => {
    const { pid } = under.collector;
    // A million levels overflow the writer of JSON in the exporter, two million the reader of the receiver.
    for (const levels of [1_000_000, 2_000_000])
      expect(await under.post('logs', at([1, 2, 2, 5], nested(levels)))).toBe(400);
    const response = await fetch(`${under.collector.url}/v1/logs`, {
      method: 'POST',
      headers: { ...TENANT, 'content-type': 'application/json' },
      body: '{"a":'.repeat(1_000_000),
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(under.collector.pid).toBe(pid);
  });

  it('refuses with 400 more entries than fit into memory', async () => {
    expect(await under.post('traces', Buffer.alloc(2_000_002, Buffer.from([0x0a, 0])))).toBe(400);
  });
});
