import { DRILL_SCENARIOS, drillIn, leftBehind } from '#exporters/real-agents/drills.js';
import { AGENTS_FOLDER, installAgents } from '#exporters/real-agents/install.js';
import { CommandError } from '#schemas/errors.js';

/**
 * Runs `shieldwatch drill --live` with the real clients in every scenario whose name holds `part`.
 *
 * @throws CommandError with the scenarios that the drill names wrongly, or in which it leaves something behind.
 */
export async function soakDrill(part: string, err: (line: string) => void): Promise<void> {
  if (!installAgents()) throw new CommandError("the agents' clients could not be installed from npm");
  const scenarios = DRILL_SCENARIOS.filter(({ name }) => name.includes(part));
  const wrong: string[] = [];
  for (const scenario of scenarios) {
    let left: string[] = [];
    const { clients } = await drillIn(scenario, AGENTS_FOLDER, {}, (workplace) => {
      left = leftBehind(workplace);
    });
    const [seen] = clients;
    err(`${scenario.name}: ${seen?.result ?? 'nothing'}: ${seen?.detail ?? ''}`);
    if (seen?.result !== scenario.result) wrong.push(`${scenario.name}: expected ${scenario.result}`);
    if (left.length > 0) wrong.push(`${scenario.name}: left behind ${left.join(', ')}`);
  }
  if (wrong.length > 0) throw new CommandError(`${String(wrong.length)} scenarios:\n${wrong.join('\n')}`);
  err(`${String(scenarios.length)} scenarios, each named as expected`);
}
