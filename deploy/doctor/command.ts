import { readFile } from 'node:fs/promises';
import { placesHere } from '#exporters/install/install.js';
import { createClickHouse, selectRows } from '#schemas/clickhouse/client.js';
import { CommandError } from '#schemas/errors.js';
import { call } from '../control-commands.js';
import { resolveDataDir } from '../embedded/config.js';
import { callStack } from '../embedded/data-folder.js';
import type { StackStatus } from '../embedded/stack.js';
import { environment, variable } from '../environment.js';
import { gatewayChecks, machineChecks } from './machine.js';
import { pathChecks, type PathAccess } from './path.js';
import { runCheck, runPath, type Finding } from './steps.js';

export interface DoctorFlags {
  dataDir?: string;
  url?: string;
  json?: true;
}

/**
 * `shieldwatch doctor`: checks this machine, the gateway, and, on the machine of a running stack, every step from a
 * producer to boards and alerts. Prints findings as they come. Sets exit code 1 if a check failed.
 */
export async function runDoctor(flags: DoctorFlags, out: (line: string) => void): Promise<void> {
  const dataDir = resolveDataDir(flags.dataDir);
  const status = await callStack<StackStatus>(dataDir, 'GET', '/status');
  const url = flags.url ?? (variable('SHIELDWATCH_URL') || undefined) ?? status?.gateway;
  if (url !== undefined && !URL.canParse(url)) throw new CommandError('--url (or SHIELDWATCH_URL) must be a URL');
  if (url === undefined)
    throw new CommandError(
      `no stack runs on ${dataDir} and no gateway is named: start one with \`npm start\`, or set SHIELDWATCH_URL`,
    );

  const findings: Finding[] = [];
  const show = (finding: Finding): void => {
    findings.push(finding);
    if (flags.json !== true) for (const line of lines(finding)) out(line);
  };
  const places = placesHere(process.cwd(), environment);
  const token = variable('SHIELDWATCH_TOKEN')?.trim() || undefined;
  for (const check of [
    ...machineChecks({ places, ...(status === undefined ? {} : { dataDir }) }),
    ...gatewayChecks(url, token),
  ])
    show(await runCheck(check));

  if (status === undefined) {
    show({
      check: 'path',
      state: 'not checked',
      detail: `no stack runs on ${dataDir}`,
      cure: 'run the command on the machine of the stack to check every step from the gateway to the alerts',
      ms: 0,
    });
  } else {
    const { access, close } = await stackAccess(dataDir, status);
    try {
      await runPath(pathChecks(access), show);
    } finally {
      await close();
    }
  }
  if (flags.json === true)
    out(JSON.stringify({ ok: findings.every(({ state }) => state !== 'failed'), findings }, null, 2));
  if (findings.some(({ state }) => state === 'failed')) process.exitCode = 1;
}

const MARKS = { ok: '✓', warning: '!', failed: '✗', 'not checked': '-' } as const;

function lines({ check, state, detail, cure }: Finding): string[] {
  return [
    `${MARKS[state]} ${check.padEnd(12)}  ${detail}`,
    ...(cure === undefined || state === 'not checked' ? [] : [`  ${' '.repeat(12)}  → ${cure}`]),
  ];
}

async function stackAccess(
  dataDir: string,
  status: StackStatus,
): Promise<{ access: PathAccess; close: () => Promise<void> }> {
  const stack = { dataDir };
  const reader = createClickHouse({ url: await readerUrl(status) });
  return {
    access: {
      gateway: status.gateway,
      listOrgs: () => call(stack, '/orgs', 'GET'),
      createOrg: async (name) => (await call<{ id: string }>(stack, '/orgs', 'POST', { name, plan: 'team' })).id,
      asMachine: (orgId, method, url, body) => call(stack, '/api', 'POST', { orgId, method, url, body }),
      select: (sql) => selectRows(reader, sql),
    },
    close: () => reader.close(),
  };
}

/** Returns the store's address with its reader: of the embedded store from the reader's file, of a server from the environment. */
async function readerUrl(status: StackStatus): Promise<string> {
  if (status.clickhouseReader === undefined)
    return variable('CLICKHOUSE_READER_URL') ?? variable('CLICKHOUSE_URL') ?? status.clickhouse;
  const password = /password (\S+)/.exec(await readFile(status.clickhouseReader, 'utf8'))?.[1] ?? '';
  const url = new URL(status.clickhouse);
  url.username = 'reader';
  url.password = password;
  return url.href;
}
