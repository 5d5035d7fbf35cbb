// Versions of a release: `npm run release -- check` refuses a release whose parts differ, `npm run release -- set 0.2.0`
// writes one version to all of them and dates the changelog. Nothing is tagged or published.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Semantic version as released: no leading zeros, an optional pre-release part. */
const VERSION = /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?$/;
const ANY = String.raw`\d[0-9A-Za-z.-]*?`;

/** Every place of a version: its file, and a pattern with the text before it (1), the version (2) and the text after it (3). */
const PLACES = [
  ['package', 'package.json', String.raw`(^ {2}"version": ")(${ANY})(")`],
  ['package lock', 'package-lock.json', String.raw`(^ {2}"version": ")(${ANY})(")`],
  ['package lock', 'package-lock.json', String.raw`("name": "shieldwatch",\n {6}"version": ")(${ANY})(")`],
  ['action', 'exporters/action.yml', String.raw`(^# Release )(${ANY})($)`],
  ['GitLab job', 'exporters/ci/gitlab.yml', String.raw`(^# Release )(${ANY})($)`],
  ['bundle of the action', 'exporters/README.md', String.raw`(releases/download/v)(${ANY})(/)`],
  ['bundle of the action', 'exporters/README.md', String.raw`(shieldwatch-ci-)(${ANY})(\.tgz)`],
  ['collector', 'collector/manifest.yaml', String.raw`(^ {2}version: )(${ANY})($)`],
  ['module of the collector', 'collector/manifest.yaml', String.raw`(gomod: shieldwatch\.dev/\S+ v)(${ANY})($)`],
];
const CHANGELOG = 'CHANGELOG.md';
const UNRELEASED = '## Unreleased';

/**
 * Why the tree at `root` is no release; empty where it is one.
 *
 * @param {string} root
 * @param {readonly string[]} tags Tags that exist.
 * @returns {string[]}
 */
export function releaseProblems(root, tags) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const problems = PLACES.flatMap(([part, file, pattern]) => {
    const found = [...readFileSync(join(root, file), 'utf8').matchAll(new RegExp(pattern, 'gm'))].map(([, , is]) => is);
    if (found.length === 0) return [`${file}: no version of the ${part}, expected ${version}`];
    return [...new Set(found)]
      .filter((is) => is !== version)
      .map((is) => `${file}: the version of the ${part} is ${is}, expected ${version} as in package.json`);
  });
  if (!VERSION.test(version)) problems.push(`package.json: version: expected a semantic version, such as 1.2.3`);
  const entry = entryOf(readFileSync(join(root, CHANGELOG), 'utf8'), version);
  if (entry === undefined) problems.push(`${CHANGELOG}: no entry "## ${version} - YYYY-MM-DD"`);
  else if (!/^- \S/m.test(entry)) problems.push(`${CHANGELOG}: the entry of ${version} lists no change`);
  if (tags.includes(`v${version}`)) problems.push(`the tag v${version} exists: choose a version that is not released`);
  return problems;
}

/** Text of a version's entry, up to the next one; undefined where there is none with a date. */
function entryOf(changelog, version) {
  const [, text] = changelog.split(new RegExp(`^## ${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d$`, 'm'));
  return text?.split(/^## /m, 1)[0];
}

/**
 * Writes a version to every place, and makes the changelog's "Unreleased" its entry.
 *
 * @param {string} root
 * @param {string} version
 * @param {string} date YYYY-MM-DD
 */
export function setVersion(root, version, date) {
  if (!VERSION.test(version)) throw new Error('version: expected a semantic version, such as 1.2.3');
  const files = new Map(PLACES.map(([, file]) => [file, readFileSync(join(root, file), 'utf8')]));
  for (const [, file, pattern] of PLACES)
    files.set(
      file,
      files.get(file).replace(new RegExp(pattern, 'gm'), (_, before, __, after) => before + version + after),
    );
  const changelog = readFileSync(join(root, CHANGELOG), 'utf8');
  if (entryOf(changelog, version) === undefined) {
    if (!changelog.includes(`${UNRELEASED}\n`)) throw new Error(`${CHANGELOG}: expected a heading "${UNRELEASED}"`);
    files.set(CHANGELOG, changelog.replace(`${UNRELEASED}\n`, `${UNRELEASED}\n\n## ${version} - ${date}\n`));
  }
  for (const [file, text] of files) writeFileSync(join(root, file), text);
}

function main([command, version]) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (command === 'set' && version !== undefined) {
    setVersion(root, version, new Date().toISOString().slice(0, 10));
    return 0;
  }
  if (command !== 'check' || version !== undefined) {
    process.stderr.write('usage: npm run release -- check | set VERSION\n');
    return 2;
  }
  const { status, stdout } = spawnSync('git', ['tag', '--list', 'v*'], { cwd: root, encoding: 'utf8' });
  if (status !== 0) {
    process.stderr.write('git tag: expected a git repository, to know what was released\n');
    return 1;
  }
  const problems = releaseProblems(root, stdout.split('\n'));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
