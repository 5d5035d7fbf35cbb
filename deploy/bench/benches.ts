import { CommandError } from '#schemas/errors.js';
import { figureLine, standing, type BenchPart, type BenchReport } from './figure.js';
import { boardsParts } from './boards/parts.js';
import { dashboardParts } from './dashboards/parts.js';
import { gatewayParts } from './gateway/parts.js';
import { hookParts } from './hook/parts.js';
import { hotpathParts } from './hotpath/parts.js';
import { joinParts } from './join/parts.js';
import { redactionParts } from './redaction/parts.js';
import { rollupParts } from './rollup/parts.js';
import { storeParts } from './store/parts.js';

/** Every bench, and its parts in the order in which they run. */
const BENCHES: Readonly<Record<string, Readonly<Record<string, BenchPart>>>> = {
  store: storeParts,
  hotpath: hotpathParts,
  redaction: redactionParts,
  hook: hookParts,
  rollup: rollupParts,
  join: joinParts,
  gateway: gatewayParts,
  boards: boardsParts,
  dashboards: dashboardParts,
};

const list = (): string =>
  Object.entries(BENCHES)
    .map(([name, parts]) => `${name} [${Object.keys(parts).join(' | ')}]`)
    .join('\n');

/**
 * `<bench> [part...]`: runs the whole bench, or the parts named.
 *
 * @throws CommandError with the list of what there is, when a name is unknown.
 */
export async function runBench(
  args: readonly string[],
  out: (line: string) => void,
  progress: (line: string) => void,
): Promise<void> {
  const [bench = '', ...wanted] = args;
  const parts = Object.hasOwn(BENCHES, bench) ? BENCHES[bench] : undefined;
  if (parts === undefined)
    throw new CommandError(`${bench === '' ? 'name a bench' : `no bench ${bench}`}; there are:\n${list()}`);
  const unknown = wanted.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) throw new CommandError(`${bench} has no part ${unknown}; there are:\n${list()}`);

  const report: BenchReport = {
    figure: (measured) => {
      const figure = { bench, ...measured };
      out(figureLine(figure));
      progress(
        `  ${figure.metric} ${figure.value.toPrecision(4)} (floor ${figure.floor}, goal ${figure.goal}): ${standing(figure)}`,
      );
    },
    note: (line) => {
      progress(`  ${line}`);
    },
  };
  for (const [name, part] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const startedAt = performance.now();
    progress(`… ${bench} ${name}`);
    await part(report);
    progress(`✓ ${bench} ${name} (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
  }
}
