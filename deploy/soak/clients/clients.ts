import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { withFolder } from '../../bench/folders.js';
import { startClickHouse } from '../../embedded/clickhouse/process.js';
import { folderFor, SUITES, type Outcome } from './suites.js';

/** Tests of a suite that only a server passes, with the reason. `*` in a name stands for anything. */
type OnlyAServer = Readonly<Record<string, readonly { readonly reason: string; readonly tests: readonly string[] }[]>>;

const USAGE = `clients: expected suites out of ${Object.keys(SUITES).join(', ')}; those that need a checkout as name=folder, e.g. npm run soak -- clients clickhouse-go clickhouse-js=../clickhouse-js`;

/**
 * Runs the clients' own integration suites against the embedded ClickHouse, as its user `admin`. Prints how many tests passed,
 * failed and were skipped, and what only a server passes by name and reason. `SHIELDWATCH_CLIENTS_OUT` names a file for all outcomes.
 *
 * @throws CommandError that lists the tests which failed and are not in `only-a-server.json`.
 */
export async function soakClients(words: readonly string[], say: (line: string) => void): Promise<void> {
  if (words.length === 0) throw new CommandError(USAGE);
  const wanted = words.map(suiteOf);
  const known = JSON.parse(
    readFileSync(join(packageRoot(), 'deploy/soak/clients/only-a-server.json'), 'utf8'),
  ) as OnlyAServer;
  const unexpected: string[] = [];
  // The zone of a server's image, which the suites expect of `timezone()`.
  process.env['TZ'] = 'UTC';
  await withFolder(async (folder) => {
    for (const { name, suite, checkout } of wanted) {
      const engine = await startClickHouse({ dataDir: join(folder, `data-${name}`), port: 0, withAdmin: true });
      let outcomes: Outcome[];
      try {
        outcomes = await suite.run(new URL(engine.adminUrl ?? ''), folderFor(folder, name), checkout);
      } finally {
        await engine.stop();
      }
      const out = process.env['SHIELDWATCH_CLIENTS_OUT'];
      if (out !== undefined) writeFileSync(`${out}-${name}.json`, JSON.stringify(outcomes, null, 2));
      unexpected.push(...judge(name, outcomes, known[name] ?? [], say));
    }
  });
  if (unexpected.length > 0)
    throw new CommandError(`${String(unexpected.length)} tests failed that must pass:\n${unexpected.join('\n')}`);
}

function suiteOf(word: string): { name: string; suite: (typeof SUITES)[string]; checkout: string } {
  const [name = '', folder] = word.split('=', 2);
  const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
  if (suite === undefined || suite.needsCheckout !== (folder !== undefined)) throw new CommandError(USAGE);
  const checkout = folder === undefined ? '' : resolve(folder);
  if (folder !== undefined && !existsSync(checkout)) throw new CommandError(`${name}: there is no folder ${folder}`);
  return { name, suite, checkout };
}

function judge(
  name: string,
  outcomes: readonly Outcome[],
  known: OnlyAServer[string],
  say: (line: string) => void,
): string[] {
  const count = (result: Outcome['result']): number => outcomes.filter((each) => each.result === result).length;
  say(`${name}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
  const failed = outcomes.filter(({ result }) => result === 'failed');
  const isKnown = (outcome: Outcome): boolean =>
    known.some(({ tests }) => tests.some((pattern) => matches(pattern, outcome.name)));
  for (const { reason, tests } of known) {
    say(`  only a server: ${reason}`);
    for (const test of tests) {
      const met = failed.filter((each) => matches(test, each.name)).length;
      say(`    ${test}${met === 0 ? ' (none failed: does it still belong here?)' : met > 1 ? ` (${met})` : ''}`);
    }
  }
  return failed.filter((each) => !isKnown(each)).map((each) => `${name} ${each.name}\n    ${shortened(each.message)}`);
}

/** Returns the last lines of what a test said, without stack frames. */
function shortened(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  return lines.slice(-8).join('\n    ');
}

function matches(pattern: string, name: string): boolean {
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`, 's').test(name);
}
