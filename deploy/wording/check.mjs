import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { ALLOWED, EXCLUDED, NOT_YET, WORDS } from './words.mjs';

/*
 * Checks names, comments, strings and documents against the word list: `npm run check` runs it. A path as an argument
 * checks that folder or file even if it is listed in NOT_YET.
 */

const CHECKED = /\.(ts|mjs|js|go|sql|md|ya?ml|sh|py|java|html|css)$|(^|\/)Dockerfile[^/]*$/;
const MAX_LINE = 400;

const rules = WORDS.map(([pattern, instead]) => [new RegExp(`\\b(?:${pattern})\\b`, 'i'), instead]);
const only = process.argv.slice(2);

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => CHECKED.test(file) && !EXCLUDED.test(file) && existsSync(file))
  .filter((file) =>
    only.length > 0 ? only.some((path) => file.startsWith(path)) : !NOT_YET.some((path) => file.startsWith(path)),
  );

/** Splits identifiers into words and removes legitimate uses. */
function prepared(text) {
  const words = text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll('_', ' ');
  return ALLOWED.reduce((rest, allowed) => rest.replace(allowed, ' '), words);
}

/** Returns what is wrong with one line. */
function problems(text) {
  return rules.flatMap(([pattern, instead]) => {
    const found = pattern.exec(text);
    return found === null ? [] : [`"${found[0]}": ${instead}`];
  });
}

const found = files.flatMap((file) => {
  const isDocument = file.endsWith('.md');
  return [
    ...problems(prepared(file)).map((problem) => `${file}: file name: ${problem}`),
    ...readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) => [
        ...problems(prepared(line)).map((problem) => `${file}:${index + 1}: ${problem}`),
        ...(isDocument && line.length > MAX_LINE
          ? [`${file}:${index + 1}: ${line.length} characters, at most ${MAX_LINE} in a line of prose`]
          : []),
      ]),
  ];
});

if (found.length > 0) {
  process.stderr.write(`${found.join('\n')}\n${found.length} wordings to change, see deploy/wording/words.mjs\n`);
  process.exitCode = 1;
}
