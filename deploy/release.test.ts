import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const script = join(packageRoot(), 'deploy/release.mjs');
const { releaseProblems, setVersion } = (await import(script)) as {
  releaseProblems: (root: string, tags: readonly string[]) => string[];
  setVersion: (root: string, version: string, date: string) => void;
};

const FILES = [
  'package.json',
  'package-lock.json',
  'CHANGELOG.md',
  'exporters/action.yml',
  'exporters/ci/gitlab.yml',
  'exporters/README.md',
  'collector/manifest.yaml',
];
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'shieldwatch-release-'));
  for (const file of FILES) cpSync(join(packageRoot(), file), join(root, file));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const edit = (file: string, from: string | RegExp, to: string): void => {
  const text = readFileSync(join(root, file), 'utf8');
  expect(text).toMatch(from);
  writeFileSync(join(root, file), text.replace(from, to));
};

describe('release check', () => {
  it('accepts what `set` wrote, with the changes of "Unreleased" as its entry', () => {
    setVersion(root, '1.2.3', '2026-12-01');
    expect(releaseProblems(root, ['v1.2.2'])).toEqual([]);
    expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(
      /## Unreleased\n\n## 1\.2\.3 - 2026-12-01\n\n### \w+\n\n- /,
    );
    setVersion(root, '2.0.0-rc.1', '2026-12-02');
    edit('CHANGELOG.md', '## 2.0.0-rc.1 - 2026-12-02\n', '## 2.0.0-rc.1 - 2026-12-02\n\n- One change.\n');
    expect(releaseProblems(root, [])).toEqual([]);
  });

  it.each([
    ['package.json', '"version": "1.2.3"', '"version": "1.2.4"', 8],
    ['package-lock.json', '"version": "1.2.3"', '"version": "1.2.4"', 1],
    ['exporters/action.yml', '# Release 1.2.3', '# Release 1.2.4', 1],
    ['exporters/ci/gitlab.yml', '# Release 1.2.3', '# Release 1.2.4', 1],
    ['exporters/README.md', 'shieldwatch-ci-1.2.3.tgz', 'shieldwatch-ci-1.2.tgz', 1],
    ['collector/manifest.yaml', /^ {2}version: 1.2.3$/m, '  version: 1.2.30', 1],
    ['collector/manifest.yaml', 'setaside v1.2.3', 'setaside v1.2.3-rc.1', 1],
  ])('rejects another version in %s (%s)', (file, from, to, differences) => {
    setVersion(root, '1.2.3', '2026-12-01');
    edit(file, from, to);
    const problems = releaseProblems(root, []).filter((problem) => problem.includes('expected'));
    expect(problems).toHaveLength(differences);
    expect(problems.every((problem) => problem.startsWith(file === 'package.json' ? '' : `${file}: `))).toBe(true);
  });

  it('rejects a file that names no version, a changelog without an entry or with an empty one, and a version with a tag', () => {
    setVersion(root, '1.2.3', '2026-12-01');
    edit('exporters/action.yml', /^# Release .*\n/, '');
    edit('CHANGELOG.md', '## 1.2.3 - 2026-12-01', '## 1.2.3');
    expect(releaseProblems(root, ['v1.2.3'])).toEqual([
      'exporters/action.yml: no version of the action, expected 1.2.3',
      'CHANGELOG.md: no entry "## 1.2.3 - YYYY-MM-DD"',
      'the tag v1.2.3 exists: choose a version that is not released',
    ]);
    edit('CHANGELOG.md', '## 1.2.3\n', '## 1.2.3 - 2026-12-01\n\n## 1.2.2 - 2026-11-01\n');
    expect(releaseProblems(root, [])).toContain('CHANGELOG.md: the entry of 1.2.3 lists no change');
  });

  it.each(['1.2', 'v1.2.3', '01.2.3', '1.2.3\n', '$&'])('sets no version %j', (version) => {
    expect(() => {
      setVersion(root, version, '2026-12-01');
    }).toThrow('version: expected a semantic version');
  });
});

it('the versions of this tree are equal; what it lacks to be a release is the entry in the changelog at most', () => {
  expect(releaseProblems(packageRoot(), []).filter((problem) => !problem.startsWith('CHANGELOG.md'))).toEqual([]);
  const { status, stderr } = spawnSync(process.execPath, [script, 'publish'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([2, 'usage: npm run release -- check | set VERSION\n']);
});
