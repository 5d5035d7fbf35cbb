import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseRouteFile, routeDiff } from '#ingest/alerts/route-file.js';
import { CommandError } from '#schemas/errors.js';
import type { Alert, AlertBacktest, AlertExplanation, AlertRoutes } from '#schemas/http/alerts.js';
import { all, api, subcommand, table, type Flags, type Out } from './control-commands.js';

const alertPath = (id: string): string => `/v1/alerts/${encodeURIComponent(id)}`;

/** Adds `shieldwatch alerts apply | list | ack | mute | unmute | assign | explain | backtest`. */
export function registerAlertRouteCommands(alerts: Command, out: Out): void {
  subcommand(alerts, 'apply <file>', 'replace all routes by those of a YAML file; prints the differences first')
    .option('--dry-run', 'print the differences only')
    .action(async (file: string, { dryRun, ...flags }: Flags & { dryRun?: true }) => {
      const routes = parseRouteFile(await textOf(file));
      const before = await api<AlertRoutes>(flags, 'GET', '/v1/alerts/routes');
      const lines = routeDiff(before.routes, routes);
      for (const line of lines) out(line);
      if (lines.length === 0 && before.version > 0) {
        out('no differences');
        return;
      }
      if (dryRun === true) return;
      const { version } = await api<AlertRoutes>(flags, 'PUT', '/v1/alerts/routes', {
        version: before.version,
        routes,
      });
      out(`applied: ${String(routes.length)} routes, version ${String(version)}`);
    });
  subcommand(alerts, 'list', 'list alerts, newest first')
    .option('--state <state>', 'open, firing, no_data, resolved, expired, superseded or all', 'open')
    .action(async ({ state, ...flags }: Flags & { state: string }) => {
      const found = await all<Alert>(flags, '/v1/alerts', 'alerts', `state=${encodeURIComponent(state)}&`);
      table(
        found.map((each) => [
          each.id,
          each.severity,
          each.state,
          each.since,
          each.title,
          each.acknowledgedBy === null ? '' : `acknowledged by ${each.acknowledgedBy}`,
          each.assignee === null ? '' : `assigned to ${each.assignee}`,
        ]),
        out,
      );
    });
  subcommand(alerts, 'ack <id>', 'acknowledge an alert').action(async (id: string, flags: Flags) => {
    const { acknowledgedAt } = await api<Alert>(flags, 'PATCH', alertPath(id), { acknowledged: true });
    out(`acknowledged at ${acknowledgedAt ?? ''}`);
  });
  subcommand(alerts, 'mute <id>', 'send nothing about it until a time, also if it fires again')
    .requiredOption('--until <time>', 'ISO 8601')
    .requiredOption('--reason <text>', 'why; the audit trail keeps it')
    .action(async (id: string, { until, reason, ...flags }: Flags & { until: string; reason: string }) => {
      const { mutedUntil } = await api<Alert>(flags, 'PATCH', alertPath(id), { mute: { until, reason } });
      out(`muted until ${mutedUntil ?? ''}`);
    });
  subcommand(alerts, 'unmute <id>', 'end its mute').action(async (id: string, flags: Flags) => {
    await api<Alert>(flags, 'PATCH', alertPath(id), { mute: null });
    out('not muted');
  });
  subcommand(alerts, 'assign <id> <login>', 'assign it to a member').action(
    async (id: string, assignee: string, flags: Flags) => {
      out((await api<Alert>(flags, 'PATCH', alertPath(id), { assignee })).assignee ?? '');
    },
  );
  subcommand(alerts, 'explain <id>', 'say why notices of an alert were or were not sent').action(
    async (id: string, flags: Flags) => {
      const { alert, decisions, routes } = await api<AlertExplanation>(flags, 'GET', alertPath(id));
      out(`${alert.title} (${alert.rule}, episode ${String(alert.episode)}): ${alert.state} since ${alert.since}`);
      if (alert.value !== null)
        out(
          `value ${String(alert.value)}${alert.threshold === null ? '' : `, fires above ${String(alert.threshold)}`}`,
        );
      table(
        decisions.map(({ at, notice, outcome, reason, route, destination, dueAt }) => [
          at,
          notice,
          outcome,
          reason,
          route,
          destination,
          dueAt,
        ]),
        out,
      );
      for (const { name, matches, because } of routes)
        out(`route ${name}: ${matches ? 'takes it' : 'does not take it'}: ${because}`);
    },
  );
  subcommand(alerts, 'backtest', 'print what would have been sent about the alerts of a range of time; sends nothing')
    .requiredOption('--from <time>', 'ISO 8601')
    .requiredOption('--to <time>', 'ISO 8601')
    .option('--routes <file>', 'a YAML file of routes, compared with those in force')
    .action(async ({ from, to, routes: file, ...flags }: Flags & { from: string; to: string; routes?: string }) => {
      const routes = file === undefined ? {} : { routes: parseRouteFile(await textOf(file)) };
      const { alerts: count, configurations } = await api<AlertBacktest>(flags, 'POST', '/v1/alerts/backtest', {
        from,
        to,
        ...routes,
      });
      out(`${String(count)} alerts`);
      const rows = ['pages', 'digests', 'tickets', 'recoveries'] as const;
      table(
        [
          ['', ...configurations.map(({ name }) => name)],
          ...rows.map((row) => [row, ...configurations.map((each) => each[row])]),
          ...[...new Set(configurations.flatMap(({ suppressed }) => suppressed.map(({ reason }) => reason)))].map(
            (reason) => [
              `not sent: ${reason}`,
              ...configurations.map(({ suppressed }) => suppressed.find((each) => each.reason === reason)?.count ?? 0),
            ],
          ),
        ],
        out,
      );
      for (const { name, notices, more } of configurations) {
        out(`${name}:`);
        table(
          notices.map(({ at, notice, destination, route, severity, title }) => [
            at,
            notice,
            destination,
            route,
            severity,
            title,
          ]),
          out,
        );
        if (more > 0) out(`${String(more)} more`);
      }
    });
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(`the file cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  });
}
