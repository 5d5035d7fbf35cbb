import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { writeCodeCache } from '#exporters/install/code-cache.js';
import { fixedValues, hookCommand } from '#exporters/install/hook-command.js';
import type { BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { median, quantile } from '../measure.js';
import { expectRecorded, hookInput, installStockHook, writeProject } from './project.js';

/** One command to measure, started as an agent would start it, timed from start to exit. */
interface Contender {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Rounds before the first that counts. */
const WARM_UP = 5;

const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

/**
 * Measures the command hook against AgentShield's own and against an empty Node process, one call of each in turn, with
 * the order reversed each time. A shell starts each, as agents do, with the same input on stdin.
 */
export async function commandHook(report: BenchReport, rounds = 120): Promise<void> {
  await withFolder(async (folder) => {
    const project = await writeProject(folder);
    // As `shieldwatch install` does.
    writeCodeCache();
    const stock = installStockHook(project);
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, CLAUDE_PROJECT_DIR: project };
    const node = JSON.stringify(process.execPath);
    const contenders: Readonly<Record<'ours' | 'stock' | 'bare', Contender>> = {
      ours: { command: hookCommand({ fixed: fixedValues(env, false) }), env },
      // The variable that it reads; agents do not set it, so that without it the hook would judge nothing.
      stock: { command: `exec ${stock}`, env: { ...env, TOOL_NAME: 'Bash', TOOL_INPUT: '{"command":"ls -la"}' } },
      bare: { command: `exec ${node} -e 0`, env },
    };
    const times: Record<keyof typeof contenders, number[]> = { ours: [], stock: [], bare: [] };
    const names = Object.keys(contenders) as (keyof typeof contenders)[];
    for (let round = -WARM_UP; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? names : [...names].reverse()) {
        const took = await timeCall(contenders[name], project);
        if (round >= 0) times[name].push(took);
      }
    }
    expectRecorded(join(folder, '.shieldwatch', 'spool'), rounds + WARM_UP);
    report.note(
      names
        .map(
          (name) =>
            `${name} p50 ${milliseconds(median(times[name]))}, p95 ${milliseconds(quantile(times[name], 0.95))}`,
        )
        .join('; '),
    );
    const [ours, own, bare] = [times.ours, times.stock, times.bare];
    report.figure({
      metric: 'command_minus_node_p50_ms',
      value: median(ours) - median(bare),
      better: 'lower',
      floor: 15,
      goal: 10,
    });
    report.figure({
      metric: 'command_minus_node_p95_ms',
      value: quantile(ours, 0.95) - quantile(bare, 0.95),
      better: 'lower',
      floor: 15,
      goal: 10,
    });
    report.figure({
      metric: 'command_over_stock_p50_ratio',
      value: median(ours) / median(own),
      better: 'lower',
      floor: 1,
      goal: 0.95,
    });
    report.figure({
      metric: 'command_over_stock_p95_ratio',
      value: quantile(ours, 0.95) / quantile(own, 0.95),
      better: 'lower',
      floor: 1,
      goal: 0.95,
    });
  });
}

/** Returns the milliseconds from before the start to after the exit. */
function timeCall({ command, env }: Contender, cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['pipe', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now() - startedAt);
      else reject(new Error(`${command.slice(0, 80)} ended with exit code ${String(code)}`));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(hookInput(cwd));
  });
}
