import { statfs } from 'node:fs/promises';
import { clientStatuses } from '#exporters/install/status.js';
import type { Places } from '#exporters/install/client.js';
import { spoolStatus } from '#exporters/ship/spool-status.js';
import { spoolFolder } from '#exporters/spool/location.js';
import { request } from './path.js';
import { Problem, type Check } from './steps.js';

/** Free bytes of the data folder's disk below which stores and queues soon refuse writes. */
const DISK_FAILED = 256 * 1024 ** 2;
const DISK_WARNING = 2 * 1024 ** 3;
/** Seconds by which clocks may differ. `Date` has whole seconds; events more than 10 minutes ahead are refused. */
const CLOCK_WARNING = 10;
const CLOCK_FAILED = 300;
/** Unsent bytes of the spool that no longer look like the last seconds of work. */
const SPOOL_WARNING = 4 * 1024 ** 2;
/** Oldest Node.js that package.json allows. */
const NODE = { major: 20, minor: 19 };

/** Returns checks of this machine, independent of each other. `dataDir`: where a stack keeps its data, if one runs here. */
export function machineChecks({ dataDir, places }: { dataDir?: string; places: Places }): Check[] {
  return [
    {
      check: 'node',
      run() {
        const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
        if (major < NODE.major || (major === NODE.major && minor < NODE.minor))
          throw new Problem(`Node.js ${process.versions.node}`, `install Node.js ${NODE.major}.${NODE.minor} or newer`);
        return Promise.resolve(`Node.js ${process.versions.node}`);
      },
    },
    ...(dataDir === undefined ? [] : [diskCheck(dataDir)]),
    {
      check: 'hook',
      async run() {
        const statuses = await clientStatuses(places);
        const hooks = statuses.flatMap(({ client, hooks }) => hooks.map((hook) => ({ client, ...hook })));
        const broken = hooks.filter(({ problems }) => problems.length > 0);
        const files = statuses.flatMap(({ client, files }) => files.map((line) => `${client}: ${line}`));
        const problems = [
          ...broken.map(({ client, problems }) => `${client} does not guard: ${problems[0] ?? ''}`),
          ...files,
        ];
        if (problems.length > 0) throw new Problem(problems.join('; '), '`shieldwatch status` shows all of it');
        if (hooks.length === 0)
          throw new Problem('no agent calls the hook here', '`shieldwatch install <agent>`', 'warning');
        return hooks.map(({ client, scope }) => `${client} (${scope}) judges`).join(', ');
      },
    },
    {
      check: 'spool',
      async run() {
        const { unsentBytes, lost } = await spoolStatus(spoolFolder(places.env));
        if (lost > 0)
          throw new Problem(
            `${String(lost)} decisions could not be written to the spool`,
            'free space on its disk (SHIELDWATCH_SPOOL_DIR, SHIELDWATCH_SPOOL_MAX_MB)',
          );
        if (unsentBytes > SPOOL_WARNING)
          throw new Problem(
            `${String(unsentBytes)} bytes of decisions are not sent`,
            'run `shieldwatch agent`, or `shieldwatch ship` once; both say why sending fails',
            'warning',
          );
        return `${String(unsentBytes)} bytes not sent yet`;
      },
    },
  ];
}

function diskCheck(dataDir: string): Check {
  return {
    check: 'disk',
    async run() {
      const { bavail, bsize } = await statfs(dataDir);
      const free = bavail * bsize;
      const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free on the disk of ${dataDir}`;
      if (free < DISK_FAILED) throw new Problem(detail, 'free some space: the stores refuse writes soon');
      if (free < DISK_WARNING) throw new Problem(detail, 'free some space, or shorten the retention', 'warning');
      return detail;
    },
  };
}

/** Returns checks of a gateway as a producer on this machine reaches it. `token`: an ingest token, if one is set. */
export function gatewayChecks(url: string, token: string | undefined): Check[] {
  return [
    {
      check: 'clock',
      async run() {
        const asked = Date.now();
        const date = (await request(url, '/healthz')).headers.get('date');
        const theirs = Date.parse(date ?? '');
        if (Number.isNaN(theirs)) throw new Problem(`${url} sends no Date`, 'is it a Shieldwatch gateway?', 'warning');
        const seconds = Math.round((theirs - (asked + Date.now()) / 2) / 1000);
        const detail = `the gateway's clock differs by ${String(seconds)} s`;
        const cure = 'synchronise both clocks (NTP): events from the future are refused, old ones land in other hours';
        if (Math.abs(seconds) > CLOCK_FAILED) throw new Problem(detail, cure);
        if (Math.abs(seconds) > CLOCK_WARNING) throw new Problem(detail, cure, 'warning');
        return detail;
      },
    },
    {
      check: 'token',
      async run() {
        if (token === undefined)
          throw new Problem('SHIELDWATCH_TOKEN is not set', '`shieldwatch token mint` makes one', 'warning');
        // A body that is never accepted: only the token is judged, and nothing is stored.
        const { status } = await request(url, '/v1/ingest/runtime', { token, body: {} });
        if (status === 400) return 'it may send decisions';
        if (status === 401)
          throw new Problem(
            'the gateway does not know the token',
            'expired, rotated or revoked: `shieldwatch token list`',
          );
        if (status === 403)
          throw new Problem('the token may not send decisions', 'mint one with the scope ingest:runtime');
        throw new Problem(`the gateway answered ${String(status)} to the token`, 'see its log', 'warning');
      },
    },
  ];
}
