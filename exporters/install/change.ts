import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '#schemas/errors.js';

/** Replaces a file's content atomically and keeps its permissions; follows links. `mode` is that of a new file. */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const next = `${target}.shieldwatch-new-${String(process.pid)}`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    const stats = statSync(target, { throwIfNoEntry: false });
    writeFileSync(next, text, { mode: 0o600, flag: 'wx' });
    chmodSync(next, mode);
    if (stats !== undefined) {
      if (process.getuid?.() === 0) chownSync(next, stats.uid, stats.gid);
      chmodSync(next, stats.mode & 0o7777);
    }
    renameSync(next, target);
  } catch (error) {
    rmSync(next, { force: true });
    throw new CommandError(
      `${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); nothing was changed`,
    );
  }
}

/** Returns the lines that differ, with one line of context, prefixed by `-` and `+`. Masks tokens of the HTTP hook. */
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
