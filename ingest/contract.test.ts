import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const read = (file: string): string => readFileSync(join(packageRoot(), file), 'utf8');
const text = read('ingest/CONTRACT.md');
const DEVIATIONS = text.indexOf('## Deviations');
/** Returns the cells of the tables in a part of the file, without headers. */
const rowsOf = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| row |'))
    .map((line) => line.slice(2, -2).split(' | '));
const rows = rowsOf(text.slice(0, DEVIATIONS));

it('names routes that exist, and tests by titles that they have', () => {
  const { paths } = JSON.parse(read('ingest/openapi/generated/openapi.json')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  for (const row of rows) {
    const [, what = '', where = '', test = ''] = row;
    expect([what, row.length]).toEqual([what, 4]);
    for (const [, method = '', path = ''] of where.matchAll(/`([A-Z]+) ([^`]+)`/g))
      expect([what, path, paths[path]?.[method.toLowerCase()] !== undefined]).toEqual([what, path, true]);
    const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(test) ?? [];
    expect([test, existsSync(join(packageRoot(), file))]).toEqual([test, true]);
    // An apostrophe may be escaped in a test's source.
    expect([file, title, read(file).replaceAll("\\'", "'").includes(title)]).toEqual([file, title, true]);
  }
});

it('has a row for every part of sections 4 to 8, and a deviation for every row that says it has one', () => {
  for (const part of ['4.1', '4.2', '4.3', '4.4', '4.5', '4.6'])
    expect([part, rows.some(([row]) => row === part)]).toEqual([part, true]);
  for (const name of [
    'org',
    'repo',
    'finding',
    'baseline',
    'baseline_comparison',
    'runtime_event',
    'drift_event',
    'review_item',
    'score_trend',
    'drift_history',
    'blocked_command_rate',
    'injection_attempt_rate',
    'secret_exposure_events',
    'cross_repo_org_rollup',
  ]) {
    expect([name, rows.some(([row]) => row === name)]).toEqual([name, true]);
  }
  for (const section of ['## 4. API', '## 5. Data', '## 6. Auth', '## 7. Build order', '## 8. Plans'])
    expect(text).toContain(section);
  const deviations = rowsOf(text.slice(DEVIATIONS));
  expect(deviations.every((row) => row.length === 3 && row.every((cell) => cell.trim() !== ''))).toBe(true);
  const said = deviations.map((row) => row.join(' '));
  for (const [, , topic = ''] of rows.flatMap(([row = '', what = '']) =>
    [...what.matchAll(/deviation: ([^)]+)/g)].map(([, topics = '']) => [row, what, topics] as const),
  )) {
    for (const word of topic.split(', '))
      expect([word, said.some((each) => each.toLowerCase().includes(word.replaceAll('`', '').toLowerCase()))]).toEqual([
        word,
        true,
      ]);
  }
});
