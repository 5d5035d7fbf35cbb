import { describeFailing } from './failed-series.js';
import type { Stack } from './stack.js';

/** Returns the text shown after a start: addresses, data folder, new tokens, and next steps. */
export function banner(stack: Stack): string {
  const { status, firstTokens, readerPassword, grafanaPassword } = stack;
  const collector =
    'url' in status.collector
      ? status.collector.url
      : `none (${status.collector.absent}); the gateway redacts and writes to the store directly`;
  const rows: [string, string][] = [
    ['boards', `${stack.boardsLink()}   (opens once; \`npx --no shieldwatch boards\` prints a new link)`],
    ...(status.grafana === undefined
      ? []
      : [
          [
            'grafana',
            status.grafanaPasswords === undefined
              ? status.grafana
              : `${status.grafana}   (user admin, password in ${status.grafanaPasswords})`,
          ] satisfies [string, string],
        ]),
    ['gateway', `${status.gateway}   OTLP/HTTP and REST`],
    ...(status.grpc === undefined ? [] : [['OTLP/gRPC', status.grpc] satisfies [string, string]]),
    ['collector', collector],
    ...(status.setAside === undefined
      ? []
      : [
          [
            'set aside',
            `${status.setAside.files} files in ${status.setAside.folder}: records that the store refused; \`npx --no shieldwatch set-aside list\` shows them`,
          ] satisfies [string, string],
        ]),
    ...(status.failingSeries ?? []).map((failing, index): [string, string] => [
      index === 0 ? 'series' : '',
      describeFailing(failing),
    ]),
    [
      'clickhouse',
      status.clickhouseReader === undefined
        ? status.clickhouse
        : `${status.clickhouse}   (SQL as reader: curl --netrc-file ${status.clickhouseReader})`,
    ],
    ...(status.clickhouseAdmin === undefined
      ? []
      : [
          ['', `and as admin, in databases of its own: curl --netrc-file ${status.clickhouseAdmin}`] satisfies [
            string,
            string,
          ],
        ]),
    ...(status.clickhouseConfined === false
      ? [
          [
            '',
            "the engine's process is not confined to its own files: this system does not support Landlock",
          ] satisfies [string, string],
        ]
      : []),
    ['postgres', status.postgres],
    ['data', status.dataDir],
  ];
  const lines = ['', 'Shieldwatch is running', ...rows.map(([name, value]) => `  ${name.padEnd(11)} ${value}`), ''];
  const once = [
    ...(firstTokens === undefined
      ? []
      : [`  ingest      ${firstTokens.ingestToken}`, `  read        ${firstTokens.readToken}`]),
    ...(firstTokens === undefined || readerPassword === undefined
      ? []
      : [`  SQL         user reader, password ${readerPassword}`]),
    ...(grafanaPassword === undefined ? [] : [`  grafana     user admin, password ${grafanaPassword}`]),
  ];
  if (once.length > 0) lines.push('Tokens and passwords of this store, shown this once:', ...once, '');
  lines.push(
    'Next:',
    '  npm run demo                                   real scans and real blocked tool calls, in about a minute',
    '  SHIELDWATCH_TOKEN=<ingest> npx --no shieldwatch scan <folder>   one of your repositories',
    '  README.md                                      the hook for Claude Code, Codex and Gemini; your own OTel pipeline',
    '  Ctrl-C                                         drains and stops',
    '',
  );
  return lines.join('\n');
}
