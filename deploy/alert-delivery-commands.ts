import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import type { DeliveryInfo, DestinationInfo } from '#schemas/http/alert-delivery.js';
import { all, api, subcommand, table, type Flags, type Out } from './control-commands.js';

/** Milliseconds that `alerts test` waits for the notice to be sent, and between two looks. */
const TEST_MS = 90_000;
const LOOK_MS = 500;

/** `shieldwatch alerts destination | dead | test`: where notices are sent, and what could not be delivered. */
export function registerDeliveryCommands(alerts: Command, out: Out): void {
  destinationCommands(alerts.command('destination').description('where notices are sent: list, add, remove'), out);
  deadCommands(alerts.command('dead').description('notices that could not be delivered: list, send again'), out);
  subcommand(alerts, 'test <destination>', 'send a notice that is marked as a test, and wait for it').action(
    async (name: string, flags: Flags) => {
      const queued = await api<DeliveryInfo>(flags, 'POST', `${pathOf(name)}/test`);
      out(resultOf(await untilEnded(flags, queued)));
    },
  );
}

const pathOf = (name: string): string => `/v1/alerts/destinations/${encodeURIComponent(name)}`;

/** @throws CommandError when the notice is dead, or still waits after {@link TEST_MS}. */
function resultOf({ id, state, attempts, lastStatus, lastError }: DeliveryInfo): string {
  const status = lastStatus === null ? '' : ` (${String(lastStatus)})`;
  if (state === 'sent') return `delivery ${id}: sent${status}`;
  const problem = lastError === null ? '' : `: ${lastError}`;
  throw new CommandError(`delivery ${id}: ${state} after ${String(attempts)} attempts${problem}`);
}

async function untilEnded(flags: Flags, queued: DeliveryInfo): Promise<DeliveryInfo> {
  const deadline = Date.now() + TEST_MS;
  let delivery = queued;
  // A failed attempt is repeated later; the caller wants to see it now.
  while (delivery.state === 'waiting' && delivery.lastError === null && Date.now() < deadline) {
    await pause(LOOK_MS);
    delivery = await api<DeliveryInfo>(flags, 'GET', `/v1/alerts/deliveries/${queued.id}`);
  }
  return delivery;
}

function destinationCommands(destination: Command, out: Out): void {
  subcommand(destination, 'list', 'list destinations, without their secrets', { isDefault: true }).action(
    async (flags: Flags) => {
      const rows = await all<DestinationInfo>(flags, '/v1/alerts/destinations', 'destinations');
      table(
        rows.map(({ name, kind, config, waiting, dead, createdBy }) => [
          name,
          kind,
          JSON.stringify(config),
          `${String(waiting)} waiting`,
          `${String(dead)} dead`,
          createdBy,
        ]),
        out,
      );
    },
  );
  subcommand(destination, 'add <name>', 'add a destination; its secrets are JSON on standard input, or in a file')
    .requiredOption('--kind <kind>', 'webhook, slack, slack-bot, pagerduty, alertmanager, ...')
    .option('--set <setting=value...>', 'settings that are no secret; the value is text or JSON', [])
    .option('--secrets <file>', 'file with the secrets as JSON; - for standard input', '-')
    .action(async (name: string, flags: Flags & { kind: string; set: string[]; secrets: string }) => {
      const { kind, set, secrets: file, ...rest } = flags;
      const config = Object.fromEntries(set.map(settingOf));
      const secrets = secretsOf(file === '-' ? await text(process.stdin) : readSecrets(file));
      const added = await api<DestinationInfo>(rest, 'POST', '/v1/alerts/destinations', {
        name,
        kind,
        config,
        secrets,
      });
      out(added.id);
    });
  subcommand(destination, 'remove <name>', 'remove a destination; notices that wait for it become dead').action(
    async (name: string, flags: Flags) => {
      const { id, waiting } = await api<DestinationInfo>(flags, 'DELETE', pathOf(name));
      out(`${id} removed${waiting === 0 ? '' : `; ${String(waiting)} notices became dead`}`);
    },
  );
}

function settingOf(pair: string): [name: string, value: unknown] {
  const [name = '', ...rest] = pair.split('=');
  const value = rest.join('=');
  if (name === '' || rest.length === 0) throw new CommandError('--set: expected setting=value');
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

function readSecrets(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`--secrets: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}

function secretsOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new CommandError('the secrets: expected a JSON object');
  }
}

function deadCommands(dead: Command, out: Out): void {
  subcommand(dead, 'list', 'list notices that could not be delivered', { isDefault: true }).action(
    async (flags: Flags) => {
      const rows = await all<DeliveryInfo>(flags, '/v1/alerts/deliveries', 'deliveries', 'state=dead&');
      table(
        rows.map(({ id, destination, kind, title, endedAt, attempts, lastError }) => [
          id,
          destination,
          kind,
          title,
          endedAt,
          attempts,
          lastError,
        ]),
        out,
      );
    },
  );
  subcommand(dead, 'resend <id>', 'send a dead notice again').action(async (id: string, flags: Flags) => {
    const { id: sent, destination } = await api<DeliveryInfo>(
      flags,
      'POST',
      `/v1/alerts/deliveries/${encodeURIComponent(id)}/resend`,
    );
    out(`delivery ${sent} waits for ${destination}`);
  });
}
