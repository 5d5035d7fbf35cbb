import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '#schemas/errors.js';

/** Text of a file; empty when there is none. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new CommandError(`${file} cannot be read (${code ?? 'unknown error'})`);
  }
}

/**
 * Replaces a file by another text, at once and with the rights it had; links are followed. What was there
 * is kept beside it; the backup's path, undefined when there was nothing.
 */
export function replaceFile(file: string, text: string): string | undefined {
  const target = existsSync(file) ? realpathSync(file) : file;
  try {
    mkdirSync(dirname(target), { recursive: true });
    const mode = statSync(target, { throwIfNoEntry: false })?.mode;
    const backup = mode === undefined ? undefined : `${target}.shieldwatch-backup-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`;
    if (backup !== undefined) copyFileSync(target, backup);
    const next = `${target}.shieldwatch-new`;
    writeFileSync(next, text, { mode: 0o600 });
    chmodSync(next, mode === undefined ? 0o600 : mode & 0o7777);
    renameSync(next, target);
    return backup;
  } catch (error) {
    throw new CommandError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); nothing was changed`);
  }
}

/** The lines that differ, with a line around them, `-` and `+` in front. Tokens of the HTTP hook are not shown. */
export function diff(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let [head, tail] = [0, 0];
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const around = (line: string | undefined): string[] => (line === undefined ? [] : [`  ${line}`]);
  const lines = [
    ...around(a[head - 1]),
    ...a.slice(head, a.length - tail).map((line) => `- ${line}`),
    ...b.slice(head, b.length - tail).map((line) => `+ ${line}`),
    ...around(tail > 0 ? a[a.length - tail] : undefined),
  ];
  return lines.map((line) => line.replace(/swhook_[0-9a-f]+/g, 'swhook_…'));
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
