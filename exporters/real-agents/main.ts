import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { isBroken } from './cell.js';
import { AGENTS } from './drivers.js';
import { AGENT_PACKAGES, AGENTS_FOLDER, folderOf, installAgents, newestPackages } from './install.js';
import { inventories } from './inventory.js';
import { cellName, compareWithCommitted, markdown, MATRIX_FILE, row, rowsOf, runMatrix } from './matrix.js';
import { SITUATIONS } from './situations.js';
import { telemetryKeys, type TelemetryKeys } from './telemetry.js';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Runs the cells whose names begin as one of a list (with commas) does, with the pinned clients, and writes MATRIX.md. */
async function writeMatrix([part = '']: readonly string[]): Promise<void> {
  installed(AGENT_PACKAGES);
  const rows = rowsOf(readFileSync(MATRIX_FILE, 'utf8'));
  const parts = part.split(',');
  await runMatrix(
    SITUATIONS.filter((situation) => parts.some((one) => cellName(situation).startsWith(one))),
    AGENTS_FOLDER,
    (situation, cell) => {
      say(`${isBroken(situation, cell) ? 'RUNS UNDER GREEN: ' : ''}${cellName(situation)}: ${row(situation, cell)}`);
      rows.set(cellName(situation), row(situation, cell));
      // Printed at once: a full run takes long, and its results must not be lost.
      writeFileSync(MATRIX_FILE, markdown(AGENT_PACKAGES, rows));
    },
  );
}

/**
 * Writes the attribute keys of the pinned clients' telemetry; `schemas/attribute-keys.test.ts` requires a reason to
 * keep or drop each.
 */
async function writeTelemetry(): Promise<void> {
  installed(AGENT_PACKAGES);
  const clients: Record<string, TelemetryKeys> = {};
  for (const agent of AGENTS) clients[agent] = await telemetryKeys(agent, AGENTS_FOLDER);
  writeFileSync(
    join(packageRoot(), 'schemas', 'agent-telemetry.keys.json'),
    `${JSON.stringify({ versions: AGENT_PACKAGES, clients }, null, 1)}\n`,
  );
}

/**
 * Installs the newest clients, or those given as `package@version`, and prints what they add to the pinned ones, what
 * they removed, and the cells of the matrix that differ.
 */
async function compareNewest(named: readonly string[]): Promise<void> {
  const packages = {
    ...(named.length > 0 ? AGENT_PACKAGES : newestPackages()),
    ...Object.fromEntries(named.map(split)),
  };
  for (const [name, version] of Object.entries(packages))
    say(
      `${name}: ${version}${version === AGENT_PACKAGES[name] ? ', as pinned' : `, pinned is ${AGENT_PACKAGES[name] ?? 'none'}`}`,
    );
  if (Object.entries(packages).every(([name, version]) => version === AGENT_PACKAGES[name])) return;
  installed(AGENT_PACKAGES);
  installed(packages);
  const [pinned, newest] = [await inventories(AGENTS_FOLDER), await inventories(folderOf(packages))];
  for (const agent of AGENTS) {
    for (const kind of ['tools', 'events', 'names'] as const) {
      const [before, after] = [pinned[agent][kind], newest[agent][kind]];
      const changes = [
        ...after.filter((name) => !before.includes(name)).map((name) => `+ ${name}`),
        ...before.filter((name) => !after.includes(name)).map((name) => `- ${name}`),
      ];
      if (changes.length > 0) say(`${agent}, ${kind}:\n  ${changes.join('\n  ')}`);
    }
  }
  const changed = AGENTS.filter((agent) => pinned[agent].version !== newest[agent].version);
  const differences = await compareWithCommitted(
    SITUATIONS.filter(({ agent }) => changed.includes(agent)),
    folderOf(packages),
    say,
  );
  say(
    differences.length === 0
      ? 'no cell differs'
      : `${String(differences.length)} cells differ:\n${differences.join('\n')}`,
  );
}

function split(named: string): readonly [string, string] {
  const at = named.lastIndexOf('@');
  const name = named.slice(0, at);
  if (at < 1 || !Object.hasOwn(AGENT_PACKAGES, name))
    throw new Error(
      `${named} is not one of ${Object.keys(AGENT_PACKAGES)
        .map((known) => `${known}@<version>`)
        .join(', ')}`,
    );
  return [name, named.slice(at + 1)];
}

function installed(packages: Readonly<Record<string, string>>): void {
  if (!installAgents(packages)) throw new Error('the clients could not be installed from npm');
}

const [command = '', ...args] = process.argv.slice(2);
(command === 'newest' ? compareNewest(args) : command === 'telemetry' ? writeTelemetry() : writeMatrix(args)).catch(
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`);
    process.exitCode = 1;
  },
);
