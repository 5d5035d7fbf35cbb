import { AGENTS_FOLDER, installAgents } from '#exporters/real-agents/install.js';
import { cellName, compareWithCommitted } from '#exporters/real-agents/matrix.js';
import { SITUATIONS } from '#exporters/real-agents/situations.js';
import { CommandError } from '#schemas/errors.js';

/**
 * Runs every situation of the real agents' matrix whose name holds `part`.
 *
 * @throws CommandError with the cells in which a denied call runs under a green status, or that differ from MATRIX.md.
 */
export async function soakGuard(part: string, err: (line: string) => void): Promise<void> {
  if (!installAgents()) throw new CommandError("the agents' clients could not be installed from npm");
  const situations = SITUATIONS.filter((situation) => cellName(situation).includes(part));
  const found = await compareWithCommitted(situations, AGENTS_FOLDER, err);
  if (found.length > 0) throw new CommandError(`${String(found.length)} cells:\n${found.join('\n')}`);
  err(`${String(situations.length)} cells, as in MATRIX.md`);
}
