import { expect, it } from 'vitest';
import { banner } from './banner.js';
import { logFailed } from './failed-series.js';
import type { Stack } from './stack.js';

it('the banner names series with buckets that could not be computed, and the engine’s names of the errors', () => {
  const failing = { series: 'coverage', formula: 0, failed: 2, waiting: 1, organisations: 1, since: '' };
  const stack = {
    status: {
      collector: { url: 'http://127.0.0.1:4318' },
      failingSeries: [{ ...failing, reasons: ['MEMORY_LIMIT_EXCEEDED'] }],
    },
    boardsLink: () => '',
  } as unknown as Stack;
  expect(banner(stack)).toContain(
    'coverage: 2 of its buckets could not be computed (MEMORY_LIMIT_EXCEEDED), 1 wait for those of another series; 1 organisation',
  );
});

it('a pass logs one line with counts and reasons by series, and no organisation or repository', () => {
  const lines: string[] = [];
  const failure = (series: string, reason: string) => ({
    ...{ series, reason, formula: 0, orgId: 'org_a', repo: 'acme/private', bucketStart: 0, isDerived: true },
    ...{ isOpen: true, attempts: 1, waitsFor: '', since: 0, retryAt: 0 },
  });
  logFailed((line) => lines.push(line))([
    failure('coverage', 'A'),
    failure('coverage', 'B'),
    failure('score_trend', 'A'),
  ]);
  expect(lines).toEqual([
    '[rollups] buckets that could not be computed: coverage 2 (A, B); score_trend 1 (A). They are tried again; all others go on',
  ]);
});
