import { request, Agent } from 'node:http';
import { join } from 'node:path';
import { hookToken } from '#exporters/agent/hook-token.js';
import { startAgent } from '#exporters/agent/run-agent.js';
import type { BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { median, quantile } from '../measure.js';
import { expectRecorded, hookInput, writeProject } from './project.js';

/** Measures the HTTP hook of a running agent, one call after another over one connection, as Claude Code sends them. */
export async function httpHook(report: BenchReport, calls = 2000): Promise<void> {
  await withFolder(async (folder) => {
    const project = await writeProject(folder);
    const spool = join(folder, '.shieldwatch', 'spool');
    const env = { HOME: folder };
    const token = hookToken(env);
    const agent = await startAgent({
      url: 'http://127.0.0.1:9',
      token: undefined,
      spoolDir: spool,
      runtimeLogs: [],
      port: 0,
      hookToken: token,
      mode: 'strict',
      env,
      say: (line) => {
        report.note(line);
      },
    });
    const connection = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const times: number[] = [];
      const warmUp = Math.min(200, calls);
      for (let call = -warmUp; call < calls; call += 1) {
        const took = await timeCall(agent.hookUrl, token, connection, hookInput(project));
        if (call >= 0) times.push(took);
      }
      expectRecorded(spool, calls + warmUp);
      report.note(`HTTP hook p50 ${median(times).toFixed(2)} ms, p95 ${quantile(times, 0.95).toFixed(2)} ms`);
      report.figure({ metric: 'http_p50_ms', value: median(times), better: 'lower', floor: 3, goal: 1 });
    } finally {
      connection.destroy();
      await agent.stop();
    }
  });
}

function timeCall(url: string, token: string, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const outgoing = request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - startedAt);
          else reject(new Error(`the HTTP hook answered ${String(response.statusCode)}`));
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
