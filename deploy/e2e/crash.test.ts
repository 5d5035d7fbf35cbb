import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import type { DemoReport } from '#deploy/demo/demo.js';
import { createClickHouse, selectRows } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

/**
 * Posts batches of decisions, each until it is acknowledged, as a client with a spool would: a batch whose
 * answer was lost is sent again. Ends after the batch during which `isDone` turns true; returns the number
 * of decisions acknowledged.
 */
async function postPatiently(stack: RunningStack, token: string, isDone: () => boolean): Promise<number> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (!isDone()) {
      const entries = Array.from({ length: 20 }, () => {
        const eventId = `crash-${next++}`;
        return { eventId, timestamp: new Date().toISOString(), tool: 'Bash', decision: 'allow', durationMs: 1 };
      });
      const body = JSON.stringify({ repository: 'acme/crash', sessionId: 's', entries });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      await until('a batch is acknowledged', async () => {
        const answer = await fetch(`${stack.status.gateway}/v1/ingest/runtime`, {
          method: 'POST',
          headers,
          body,
        }).catch(() => undefined);
        return answer?.ok === true;
      });
    }
  };
  await Promise.all([client(), client(), client()]);
  return next;
}

describe.each([
  { path: 'without the collector', withCollector: false },
  { path: hasGo() ? 'with the collector' : 'with the collector (NOT RUN: no Go)', withCollector: true },
])('kill -9 of the whole stack, $path', ({ withCollector }) => {
  const isRun = !withCollector || hasGo();

  it.runIf(isRun)(
    'loses no acknowledged decision and counts none twice',
    async () => {
      const stack = await startStackProcess({ withCollector });
      try {
        let isDone = false;
        const posting = postPatiently(stack, await stack.token('ingest:runtime'), () => isDone);
        const count = async (query: string): Promise<number> => {
          const client = createClickHouse({ url: stack.readerUrl });
          try {
            return (await selectRows<{ n: number }>(client, query))[0]?.n ?? 0;
          } finally {
            await client.close();
          }
        };
        for (let kill = 0; kill < 3; kill += 1) {
          const before = await count('SELECT count() AS n FROM otel_traces');
          await until(
            'more rows arrive',
            async () => (await count('SELECT count() AS n FROM otel_traces')) > before + 200,
          );
          await stack.kill9();
          await stack.restart();
        }
        isDone = true;
        const acknowledged = await posting;
        await until(
          'the series counts every acknowledged decision',
          async () => (await count('SELECT sum(total) AS n FROM blocked_command_rate_hour')) >= acknowledged,
          180_000,
        );
        expect(await count('SELECT count() AS n FROM runtime_event')).toBe(acknowledged);
        expect(await count('SELECT sum(total) AS n FROM blocked_command_rate_hour')).toBe(acknowledged);
      } finally {
        await stack.dispose();
      }
    },
    420_000,
  );

  it.runIf(isRun)('in the middle of the demo, which then completes with the correct numbers', async () => {
    const stack = await startStackProcess({ withCollector });
    const workspace = await mkdtemp(join(tmpdir(), 'shieldwatch-crash-'));
    try {
      const demo = spawn(
        process.execPath,
        [join(packageRoot(), 'dist/deploy/cli.js'), 'demo', '--data-dir', stack.dataDir, '--json', '--calls', '60'],
        {
          cwd: workspace,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let stdout = '';
      let stderr = '';
      demo.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
      demo.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
      const ended = new Promise<number | null>((resolve) => demo.on('exit', resolve));
      for (const moment of ['scanned demo/clean (a key', 'scanned demo/risky (as']) {
        await until(moment, () => stderr.includes(moment) || stdout !== '');
        await stack.kill9();
        await stack.restart();
      }
      expect(await ended, stderr).toBe(0);
      expect((JSON.parse(stdout) as DemoReport).differences).toEqual([]);
    } finally {
      await stack.dispose();
      await rm(workspace, { recursive: true, force: true });
    }
  });
});
