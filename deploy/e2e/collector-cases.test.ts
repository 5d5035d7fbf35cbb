import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import { packageRoot } from '#schemas/root.js';
import { startCollectorUnderTest, TENANT, type CollectorUnderTest, type Row } from '../testing/collector.js';

/** A folder of collector/cases: what is sent, what is asked, what is answered. */
interface Input {
  readonly signal: 'traces' | 'logs' | 'metrics';
  readonly body: object;
  /** Headers in addition to the tenant's. */
  readonly headers?: Readonly<Record<string, string>>;
}

const CASES = join(packageRoot(), 'collector', 'cases');
const read = (name: string, file: string): string => readFileSync(join(CASES, name, file), 'utf8');

describe.skipIf(!hasGo())(`collector/cases ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  let under: CollectorUnderTest;
  beforeAll(async () => {
    under = await startCollectorUnderTest();
  }, 900_000);
  afterAll(() => under.close());

  it.each(readdirSync(CASES).filter((name) => existsSync(join(CASES, name, 'input.json'))))('%s', async (name) => {
    const { signal, body, headers = {} } = JSON.parse(read(name, 'input.json')) as Input;
    expect(await under.post(signal, body, { ...TENANT, ...headers })).toBe(200);
    const expected = JSON.parse(read(name, 'expected.json')) as Row[];
    await expect.poll(() => under.select(read(name, 'query.sql')), { interval: 100 }).toEqual(expected);
  });
});
