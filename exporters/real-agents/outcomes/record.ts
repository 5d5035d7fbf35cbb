import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OtlpServer } from '../../testing/otlp-server.js';
import { CLI, inSession } from '../cell.js';
import { DRIVERS, type AgentName } from '../drivers.js';
import { AGENT_PACKAGES, AGENTS_FOLDER, installAgents } from '../install.js';
import { SENDING } from '../telemetry.js';
import { reduced, type Request } from './reduce.js';
import { canary, SCENARIOS, type Scenario } from './scenarios.js';

/** What the store receives of one session, and what really happened in it. */
export interface Capture {
  /** npm package and version of the client. */
  readonly client: string;
  /** The model's calls in their order. Gemini CLI reports no id. */
  readonly calls: readonly { readonly id: string; readonly name: string; readonly ran: boolean }[];
  /** OTLP/JSON requests of the client, then those of `shieldwatch ship`. */
  readonly requests: readonly Request[];
}

/** Runs a scenario with the clients in `folder`, and `shieldwatch ship` after it. */
async function capture(scenario: Scenario, folder: string): Promise<Capture> {
  const { agent, turns = [] } = scenario;
  const otlp = await OtlpServer.start();
  try {
    return await inSession(scenario, folder, async ({ workplace, model, start }) => {
      await start(SENDING[agent](otlp.url));
      const token = ['eccp_', 'fake-token-for-tests'].join('');
      await workplace.run(process.execPath, [CLI, 'ship', '--url', otlp.url, '--token', token]);
      const ran = (name: string): boolean =>
        existsSync(join(workplace.project, name)) || model.requests.some(({ text }) => text.includes(canary(name)));
      const calls = turns.flat().map((asked, index) => {
        const name = /\$P\/(?:read-)?([a-z]+\d?)/.exec('command' in asked ? asked.command : '')?.[1];
        const id = `${DRIVERS[agent].idPrefix}FAKE${String(index + 1).padStart(7, '0')}`;
        // A call that names no file is one that the client refuses.
        return { id, name: name ?? 'invalid', ran: name !== undefined && ran(name) };
      });
      return {
        client: clientOf(agent),
        calls,
        requests: reduced(
          otlp.accepted.map(({ path, body }) => ({ path, body })),
          workplace.home,
        ),
      };
    });
  } finally {
    await otlp.stop();
  }
}

function clientOf(agent: AgentName): string {
  const [name, version] = Object.entries(AGENT_PACKAGES).find(([each]) => each.endsWith(agent)) ?? [];
  return `${name ?? ''} ${version ?? ''}`;
}

/** Records the scenarios whose names begin with one of `beginnings`, or all, into `folder`. */
async function record(folder: string, beginnings: readonly string[]): Promise<void> {
  if (!installAgents()) throw new Error('the clients could not be installed from npm');
  const chosen = beginnings.length === 0 ? [''] : beginnings;
  for (const scenario of SCENARIOS.filter(({ name }) => chosen.some((beginning) => name.startsWith(beginning)))) {
    const captured = await capture(scenario, AGENTS_FOLDER);
    const file = join(folder, `${scenario.name}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(captured)}\n`);
    const ran = captured.calls.map((call) => `${call.name} ${call.ran ? 'ran' : 'did not run'}`);
    process.stdout.write(`${scenario.name}: ${ran.join(', ')}\n`);
  }
}

record(process.argv[2] ?? '', process.argv.slice(3)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`);
  process.exitCode = 1;
});
