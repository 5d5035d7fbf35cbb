import { el } from './dom.js';

interface Step {
  title: string;
  text: string;
  command: string;
}

/** Ways to send data, each step with commands to copy. `gateway` is the page's own address. */
function stepsOf(gateway: string): Step[] {
  return [
    {
      title: 'See it with sample repositories',
      text: 'Scans two of them with AgentShield while editing them, and plays 200 tool calls through the real guard. In another terminal, in the folder of Shieldwatch:',
      command: 'npm run demo',
    },
    {
      title: 'Scan one of your repositories',
      text: 'Runs AgentShield on its agent configuration and sends score and findings, never the secrets themselves.',
      command: [
        'export SHIELDWATCH_TOKEN=$(npx --no shieldwatch token laptop --scope ingest:scan ingest:runtime ingest:drift)',
        `export SHIELDWATCH_URL=${gateway}`,
        'npx --no shieldwatch scan path/to/repository',
      ].join('\n'),
    },
    {
      title: 'Guard your coding agent',
      text: 'Put this into .claude/settings.json: the hook judges every tool call by .agentshield/runtime-policy.json and keeps its decisions on disk; ship sends them, by hand or from cron.',
      command:
        '{ "hooks": { "PreToolUse": [\n  { "matcher": "", "hooks": [{ "type": "command", "command": "shieldwatch hook" }] }\n] } }',
    },
    {
      title: 'Send what the hook decided',
      text: 'With the token and the address of the second step set:',
      command: 'npx --no shieldwatch ship',
    },
    {
      title: 'Point Claude Code here',
      text: 'Its own telemetry: tool calls, permissions, hooks. Any OTLP/HTTP exporter can send here the same way.',
      command: [
        'export CLAUDE_CODE_ENABLE_TELEMETRY=1 OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp',
        `export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=${gateway}`,
        'export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer $SHIELDWATCH_TOKEN"',
        'export OTEL_RESOURCE_ATTRIBUTES=vcs.owner.name=acme,vcs.repository.name=app',
        'claude',
      ].join('\n'),
    },
  ];
}

/** Shows an empty store. The page polls and switches to the board when data arrives. */
export function createWelcome(gateway: string): HTMLElement {
  return el(
    'main',
    { className: 'welcome' },
    el('h2', { textContent: 'Nothing has arrived yet' }),
    el(
      'p',
      {},
      'Any one of these begins it. This page turns into the board as soon as the first data is in. ',
      el('span', { className: 'waiting', attrs: { role: 'status' }, textContent: 'Waiting for data…' }),
    ),
    el(
      'ol',
      {},
      ...stepsOf(gateway).map(({ title, text, command }) =>
        el('li', {}, el('h3', { textContent: title }), el('p', { textContent: text }), commandLine(title, command)),
      ),
    ),
  );
}

function commandLine(title: string, command: string): HTMLElement {
  const button = el('button', { type: 'button', className: 'control' });
  const say = (text: string): void => {
    button.textContent = text;
    button.setAttribute('aria-label', `${text}: ${title}`);
  };
  say('Copy');
  const code = el('code', { textContent: command });
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(command).then(
      () => {
        say('Copied');
      },
      () => {
        // Without permission to write to the clipboard, the text is selected instead.
        getSelection()?.selectAllChildren(code);
        say('Press Ctrl-C');
      },
    );
  });
  return el(
    'div',
    { className: 'command' },
    el('pre', { tabIndex: 0, attrs: { 'aria-label': `Command: ${title}` } }, code),
    button,
  );
}
