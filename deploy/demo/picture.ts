import type { DemoReport } from './demo.js';

const BARS = '▁▂▃▄▅▆▇█';

/** Draws one character per value, on a scale of 0 to `top`. */
function sparkline(values: readonly number[], top: number): string {
  return values
    .map((value) => BARS.charAt(Math.min(BARS.length - 1, Math.max(0, Math.round((value / top) * (BARS.length - 1))))))
    .join('');
}

/** Draws the demo's result: scores over the scans, and decisions by tool with their blocked rate. */
export function picture(report: DemoReport): string {
  const lines: string[] = ['', 'Score, 0 to 100, scan by scan'];
  for (const repository of new Set(report.scans.map((scan) => scan.repository))) {
    const scans = report.scans.filter((scan) => scan.repository === repository);
    const steps = scans.map((scan) => `${scan.grade}${scan.score}`).join(' → ');
    lines.push(
      `  ${repository.padEnd(12)} ${sparkline(
        scans.map((scan) => scan.score),
        100,
      )}   ${steps}`,
    );
  }
  lines.push('', `Tool calls${' '.repeat(22)}allowed  blocked  blocked rate`);
  const tools = [...new Set(report.decisions.map((row) => row.tool))].sort();
  for (const tool of tools) {
    const rows = report.decisions.filter((row) => row.tool === tool);
    const allowed = rows.reduce((sum, row) => sum + row.allowed, 0);
    const blocked = rows.reduce((sum, row) => sum + row.blocked, 0);
    const rate = blocked / (allowed + blocked);
    lines.push(
      `  ${tool.padEnd(28)} ${String(allowed).padStart(8)} ${String(blocked).padStart(8)}  ${(rate * 100).toFixed(0).padStart(4)} %  ${sparkline([rate], 1)}`,
    );
  }
  lines.push('');
  return lines.join('\n');
}
