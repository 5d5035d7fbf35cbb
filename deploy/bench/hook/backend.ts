import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import type { BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { alternate, median } from '../measure.js';
import { hookInput, writeProject } from './project.js';

/**
 * Measures verdicts with a backend that responds and with none: single calls alternating, so that other load on the
 * machine affects both.
 */
export async function backend(report: BenchReport, calls = 150): Promise<void> {
  await withFolder(async (folder) => {
    const project = await writeProject(folder);
    const server = await startBackend();
    const up = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    try {
      const pairs = await alternate(
        calls,
        () => timeCall(project, folder, 'http://127.0.0.1:9'),
        () => timeCall(project, folder, up),
      );
      const [down, answering] = [median(pairs.map(({ a }) => a)), median(pairs.map(({ b }) => b))];
      report.note(`down ${down.toFixed(1)} ms, up ${answering.toFixed(1)} ms`);
      report.figure({
        metric: 'backend_down_over_up_ratio',
        value: down / answering,
        better: 'lower',
        floor: 1.1,
        goal: 1.02,
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

async function startBackend(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function timeCall(project: string, home: string, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      CLAUDE_PROJECT_DIR: project,
      SHIELDWATCH_URL: url,
      SHIELDWATCH_TOKEN: 'eccp_bench',
    };
    const startedAt = performance.now();
    const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'exporters', 'hook.cjs')], {
      cwd: project,
      env,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', () => {
      resolve(performance.now() - startedAt);
    });
    child.stdin.end(hookInput(project));
  });
}
