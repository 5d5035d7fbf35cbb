import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext } from 'vitest';
import { buildCollector, hasGo } from '#collector/binary.js';
import { startCollector } from '#deploy/embedded/collector.js';
import { decisionAttributes, decisionSpanIds } from '#schemas/records/decision.js';
import { SPAN_DECISION } from '#schemas/semconv.js';
import {
  DATABASE,
  KEY,
  startCollectorUnderTest,
  TENANT,
  type CollectorUnderTest,
  type CollectorUnderTestSettings,
} from '../testing/collector.js';
import { startFaultProxy, type Fault, type FaultProxy } from '../testing/fault-proxy.js';

/** Decisions that were acknowledged, and must be facts in the end, once each. */
class Ledger {
  readonly acknowledged = new Set<string>();
  /** Sent and not acknowledged: they may be there or not. */
  readonly open = new Set<string>();
  #next = 0;

  /** Sends requests of 20 decisions, a few at a time, until `count` were acknowledged or `isDone`. */
  async send(url: string, count: number, isDone: () => boolean = () => false, reason = 'none'): Promise<void> {
    const goal = this.acknowledged.size + count;
    const client = async (): Promise<void> => {
      while (this.acknowledged.size < goal && !isDone()) {
        const ids = Array.from({ length: 20 }, () => `event-${this.#next++}`);
        for (const id of ids) this.open.add(id);
        const response = await fetch(`${url}/v1/traces`, {
          method: 'POST',
          headers: { ...TENANT, 'content-type': 'application/json' },
          body: JSON.stringify(decisions(ids, reason)),
          signal: AbortSignal.timeout(5_000),
        }).catch(() => undefined);
        await response?.text().catch(() => undefined);
        if (response?.status !== 200) {
          await sleep(50);
          continue;
        }
        for (const id of ids) {
          this.open.delete(id);
          this.acknowledged.add(id);
        }
      }
    };
    await Promise.all([client(), client(), client()]);
  }
}

const BEGIN = Date.now();

/** The same ids make the same decisions, so that what is sent twice is the same. */
function decisions(ids: readonly string[], reason: string): object {
  const text = (key: string, value: string | number) => ({ key, value: { stringValue: String(value) } });
  const spans = ids.map((eventId) => {
    const at = BEGIN - Number(/\d+$/.exec(eventId)?.[0]);
    const record = {
      eventId,
      timestamp: new Date(at).toISOString(),
      repository: 'acme/shop',
      sessionId: 's',
      agent: '',
      tool: 'Bash',
      decision: 'allow',
      reason,
      durationMs: 1,
      source: 'hook',
    } as const;
    const attributes = Object.entries(decisionAttributes(record)).map(([key, value]) => text(key, value));
    return {
      ...decisionSpanIds(eventId),
      name: SPAN_DECISION,
      startTimeUnixNano: `${at}000000`,
      endTimeUnixNano: `${at}000000`,
      attributes,
    };
  });
  return { resourceSpans: [{ resource: { attributes: [text('service.name', 'faults')] }, scopeSpans: [{ spans }] }] };
}

const CAN_MOUNT = hasGo() && canMount();
const NO_MOUNT = '(NOT RUN: no right to mount a small disk)';

/** What a test starts is its own, and is stopped when the test ends. */
type Own = Pick<TestContext, 'expect' | 'onTestFinished'>;

describe.skipIf(!hasGo())(
  `acknowledged records are stored and counted once ${hasGo() ? '' : '(NOT RUN: no Go)'}`,
  () => {
    async function start(
      { onTestFinished }: Own,
      settings: CollectorUnderTestSettings = {},
    ): Promise<CollectorUnderTest> {
      const under = await startCollectorUnderTest(settings);
      onTestFinished(() => under.close());
      return under;
    }

    async function startThroughProxy(
      own: Own,
      settings: CollectorUnderTestSettings = {},
    ): Promise<{ under: CollectorUnderTest; proxy: FaultProxy }> {
      const proxies: FaultProxy[] = [];
      const through = async (url: string): Promise<string> => {
        const proxy = await startFaultProxy(url);
        proxies.push(proxy);
        own.onTestFinished(() => proxy.close());
        return proxy.url;
      };
      const under = await start(own, { ...settings, through });
      const [proxy] = proxies;
      if (proxy === undefined) throw new Error('no proxy');
      return { under, proxy };
    }

    /** Every acknowledged decision is a fact, none twice, and nothing else is but what was under way. */
    async function settles({ expect }: Own, under: CollectorUnderTest, ledger: Ledger): Promise<void> {
      const facts = async (): Promise<string[]> =>
        (await under.select('SELECT event_id FROM runtime_event')).map((row) => String(row['event_id']));
      await expect
        .poll(
          async () => {
            const stored = new Set(await facts());
            return [...ledger.acknowledged].filter((id) => !stored.has(id)).length;
          },
          { timeout: 120_000, interval: 250 },
        )
        .toBe(0);
      const all = await facts();
      expect(new Set(all).size).toBe(all.length);
      expect(all.filter((id) => !ledger.acknowledged.has(id) && !ledger.open.has(id))).toEqual([]);
    }

    it('when the collector is killed with a full queue', async (own) => {
      const under = await start(own, { env: { SHIELDWATCH_COLLECTOR_QUEUE_BYTES: '8388608' } });
      await under.stopStore();
      const ledger = new Ledger();
      // It takes what fits, then makes clients wait; none of what does not fit is acknowledged.
      await ledger.send(under.collector.url, 1e6, () => ledger.open.size > 100, 'x'.repeat(2_000));
      own.expect(ledger.acknowledged.size).toBeGreaterThan(1_000);
      process.kill(under.collector.pid, 'SIGKILL');
      await under.startStore();
      await settles(own, under, ledger);
    }, 300_000);

    it('when the store is down for a minute and returns', async (own) => {
      const { under, proxy } = await startThroughProxy(own);
      const ledger = new Ledger();
      const away = Date.now() + 60_000;
      proxy.fault = () => (Date.now() < away ? 'reset' : 'pass');
      await ledger.send(under.collector.url, 2_000);
      await settles(own, under, ledger);
      own.expect(Date.now()).toBeGreaterThan(away);
      // More than the default of 10 attempts in 60 s would be, fewer than a loop without pauses.
      own.expect(proxy.happened.get('reset')).toBeGreaterThan(10);
      own.expect(proxy.happened.get('reset')).toBeLessThan(300);
    }, 300_000);

    it('when the store is slow, returns a wrong status, cuts connections, or stores without acknowledging', async (own) => {
      const { under, proxy } = await startThroughProxy(own);
      const ledger = new Ledger();
      const faults: Fault[] = ['slow', 500, 'lost-answer', 400, 'reset', 429, 'lost-answer', 503, 404, 'slow'];
      proxy.fault = () => faults.shift() ?? 'pass';
      while (faults.length > 0) {
        await ledger.send(under.collector.url, 200);
        await sleep(200);
      }
      await ledger.send(under.collector.url, 200);
      await settles(own, under, ledger);
      own
        .expect([...proxy.happened.keys()])
        .toEqual(own.expect.arrayContaining(['slow', 'lost-answer', 'reset', 500, 400, 429, 503, 404]));
      // Stored and not said: landing may have them twice, which is what facts are for.
      const [landing] = await under.select('SELECT count() AS n FROM otel_traces');
      own.expect(Number(landing?.['n'])).toBeGreaterThanOrEqual(ledger.acknowledged.size);
    }, 300_000);

    it('when two collectors send the same records to one store', async (own) => {
      const under = await start(own);
      const dataDir = mkdtempSync(join(tmpdir(), 'shieldwatch-second-'));
      const second = await startCollector({
        binary: await buildCollector(),
        dataDir,
        port: 0,
        clickhouseUrl: under.storeUrl,
        database: DATABASE,
        key: KEY,
      });
      own.onTestFinished(async () => {
        await second.stop();
        rmSync(dataDir, { recursive: true, force: true });
      });
      const [one, other] = [new Ledger(), new Ledger()];
      await Promise.all([one.send(under.collector.url, 1_000), other.send(second.url, 1_000)]);
      for (const id of other.acknowledged) one.acknowledged.add(id);
      for (const id of other.open) one.open.add(id);
      await settles(own, under, one);
    }, 300_000);

    it.runIf(CAN_MOUNT)(
      `when the collector's disk is full during an outage ${CAN_MOUNT ? '' : NO_MOUNT}`,
      { timeout: 300_000 },
      async (own) => {
        const queueParent = smallDisk(own);
        const under = await start(own, { queueParent });
        await under.stopStore();
        const ledger = new Ledger();
        // As in an outage that fills a disk: long before it does, each of the exporter's senders holds a batch that it retries,
        // and nothing is read from the queue from then on. They take one a second.
        const isHeld = Date.now() + 8_000;
        while (Date.now() < isHeld) {
          await ledger.send(under.collector.url, 60);
          await sleep(200);
        }
        fill(join(queueParent, 'ballast'));
        // Three clients have 20 each under way; what is more was refused.
        await ledger.send(under.collector.url, 1e6, () => ledger.open.size > 200, 'x'.repeat(2_000));
        rmSync(join(queueParent, 'ballast'));
        await ledger.send(under.collector.url, 100);
        await under.startStore();
        await settles(own, under, ledger);
      },
    );

    it.runIf(CAN_MOUNT)(
      `when other processes fill the disk while the collector reads its queue ${CAN_MOUNT ? '' : NO_MOUNT}`,
      { timeout: 300_000 },
      async (own) => {
        const queueParent = smallDisk(own);
        const { under, proxy } = await startThroughProxy(own, { queueParent });
        const ledger = new Ledger();
        proxy.fault = () => 503;
        const isHeld = Date.now() + 8_000;
        while (Date.now() < isHeld) {
          await ledger.send(under.collector.url, 60);
          await sleep(200);
        }
        // More than the senders hold: it waits in the queue.
        await ledger.send(under.collector.url, 400, undefined, 'x'.repeat(2_000));
        fill(join(queueParent, 'ballast'));
        await ledger.send(under.collector.url, 1e6, () => ledger.open.size > 200, 'x'.repeat(2_000));
        const acknowledged = ledger.acknowledged.size;
        proxy.fault = () => 'pass';
        // The disk is still full.
        await settles(own, under, ledger);

        rmSync(join(queueParent, 'ballast'));
        await ledger.send(under.collector.url, 400);
        own.expect(ledger.acknowledged.size).toBeGreaterThan(acknowledged);
        // Nor is anything lost of what was owed to the disk, at a kill.
        process.kill(under.collector.pid, 'SIGKILL');
        await settles(own, under, ledger);
      },
    );

    function smallDisk({ onTestFinished }: Own): string {
      const folder = mountTmpfs();
      if (folder === undefined) throw new Error('no tmpfs');
      onTestFinished(() => {
        unmount(folder);
      });
      return folder;
    }
  },
);

/** Writes to a file until its disk is full. */
function fill(path: string): void {
  const piece = Buffer.alloc(64 * 1024);
  try {
    for (;;) appendFileSync(path, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function canMount(): boolean {
  const folder = mountTmpfs();
  if (folder !== undefined) unmount(folder);
  return folder !== undefined;
}

/** An 8 MB disk, where that can be had. */
function mountTmpfs(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-small-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', folder]).status === 0) return folder;
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
}
