import { gzipSync } from 'node:zlib';
import { readAsset } from '#ingest/boards/assets.js';
import type { BenchReport } from '../figure.js';

/** Measures the script and style that a browser downloads for the boards, gzipped, in kB of 1,000 bytes. */
export async function bundleSize(report: BenchReport): Promise<void> {
  const assets = await Promise.all(['page.js', 'page.css'].map((name) => readAsset(name)));
  const sizes = assets.map(({ body }) => gzipSync(body).byteLength / 1_000);
  report.note(`script ${(sizes[0] ?? 0).toFixed(1)} kB, style ${(sizes[1] ?? 0).toFixed(1)} kB`);
  report.figure({
    metric: 'bundle_gzip_kb',
    value: sizes.reduce((sum, size) => sum + size, 0),
    better: 'lower',
    floor: 150,
    goal: 80,
  });
}
