import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { redact } from '#schemas/redaction.js';
import { packageRoot } from '#schemas/root.js';
import { fetchPackage, type Pin } from '../pinned-package.js';
import { truthOf } from './truth.js';

/** What was found in a package, or in all. */
interface Tally {
  values: number;
  true: number;
  false: number;
}

/** Values of one package that are read: none of them says more than the others. */
const MOST_VALUES = 60_000;
const LONGEST_FILE = 8_000_000;
const MOST_SAMPLES = 200;

const here = (file: string): string => join(packageRoot(), 'deploy', 'soak', 'redaction-corpus', file);

/**
 * Redacts every line of the pinned packages' files and counts what is masked although it is no secret, by package and kind.
 * Packages come from their registries into the cache, through npm, pip and Go, and are held to their pins. Prints samples by their
 * shape alone. Writes `figures.json` where `argument` is `write`; else compares with it.
 *
 * @throws CommandError where a package is not what was pinned, or a figure is worse than the one committed.
 */
export function soakRedactionCorpus(argument: string, err: (line: string) => void): Promise<void> {
  const pins = JSON.parse(readFileSync(here('packages.json'), 'utf8')) as Pin[];
  const total: Tally = { values: 0, true: 0, false: 0 };
  const packages: Record<string, Tally> = {};
  const kinds: Record<string, number> = {};
  const truths: Record<string, number> = {};
  const samples: string[] = [];
  for (const pin of pins) {
    const tally: Tally = { values: 0, true: 0, false: 0 };
    const folder = fetchPackage(pin, err);
    for (const path of textFiles(folder)) {
      if (tally.values >= MOST_VALUES) break;
      const lines = readFileSync(join(folder, path), 'utf8').split('\n');
      lines.forEach((line, index) => {
        if (line.trim() === '') return;
        tally.values += 1;
        const { text, counts } = redact(line);
        if (text === line) return;
        const kind = Object.keys(counts)[0] ?? '';
        const found = {
          kind,
          line,
          text,
          after: lines.slice(index + 1, index + 4).join('\n'),
          extension: extname(path),
        };
        const truth = truthOf(found);
        if (truth === undefined) {
          tally.false += 1;
          kinds[kind] = (kinds[kind] ?? 0) + 1;
          samples.push(`${kind} ${pin.name}/${path}:${String(index + 1)} ${shapeOf(found)}`);
        } else {
          tally.true += 1;
          truths[truth] = (truths[truth] ?? 0) + 1;
        }
      });
    }
    for (const key of ['values', 'true', 'false'] as const) total[key] += tally[key];
    packages[`${pin.registry}:${pin.name}@${pin.version}`] = tally;
    err(
      `${pin.registry} ${pin.name} ${pin.version}: ${String(tally.values)} values, ${String(tally.false)} false, ${String(tally.true)} true`,
    );
  }
  const step = Math.max(1, Math.floor(samples.length / MOST_SAMPLES));
  for (const sample of samples.filter((_, index) => index % step === 0)) err(sample);
  const figures = { total, percent: Number(((total.false / total.values) * 100).toFixed(5)), kinds, truths, packages };
  err(JSON.stringify({ ...figures, packages: undefined }));
  if (argument === 'write') writeFileSync(here('figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
  else {
    const { packages: pinned } = JSON.parse(readFileSync(here('figures.json'), 'utf8')) as {
      packages: Record<string, Tally>;
    };
    const worse = Object.entries(packages).filter(
      ([name, { values, false: wrong }]) => pinned[name]?.values !== values || wrong > pinned[name].false,
    );
    if (worse.length > 0)
      throw new CommandError(
        `more false positives than figures.json has, or other values: ${worse.map(([name]) => name).join(', ')}`,
      );
  }
  return Promise.resolve();
}

/** The masked part with each letter as `a` or `A` and each digit as `9`. */
function shapeOf({ line, text }: { readonly line: string; readonly text: string }): string {
  const start = text.indexOf('[REDACTED:');
  return line
    .slice(start, start + 80)
    .replace(/[a-z]/g, 'a')
    .replace(/[A-Z]/g, 'A')
    .replace(/[0-9]/g, '9');
}

function textFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((path) => {
      const stat = statSync(join(folder, path), { throwIfNoEntry: false });
      return (
        stat?.isFile() === true &&
        stat.size <= LONGEST_FILE &&
        !readFileSync(join(folder, path)).subarray(0, 8192).includes(0)
      );
    });
}
