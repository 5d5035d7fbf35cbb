import { el } from './dom.js';

const STEPS: readonly { title: string; text: string; command: string }[] = [
  {
    title: 'See it with sample repositories',
    text: 'Scans two of them with AgentShield while editing them, and plays guarded agent sessions.',
    command: 'npm run demo',
  },
  {
    title: 'Scan a repository of yours',
    text: 'Runs AgentShield on its agent configuration and sends score and findings, never the secrets themselves.',
    command: 'shieldwatch scan path/to/repository',
  },
  {
    title: 'Guard your coding agent',
    text: 'Set this as the PreToolUse command hook of Claude Code; decisions arrive here with shieldwatch ship.',
    command: 'shieldwatch hook',
  },
];

/** What an empty store shows. The page looks again by itself and turns into the board when something arrives. */
export function createWelcome(): HTMLElement {
  return el(
    'main',
    { className: 'welcome' },
    el('h2', { textContent: 'Nothing has arrived yet' }),
    el('p', { textContent: 'Three ways to begin. This page turns into the board as soon as the first data is in.' }),
    el('ol', {}, ...STEPS.map(({ title, text, command }) => el('li', {}, el('h3', { textContent: title }), el('p', { textContent: text }), commandLine(command)))),
  );
}

function commandLine(command: string): HTMLElement {
  const button = el('button', { type: 'button', className: 'control', textContent: 'Copy', attrs: { 'aria-label': `Copy: ${command}` } });
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(command).then(
      () => { button.textContent = 'Copied'; },
      () => { button.textContent = 'Select and copy'; },
    );
  });
  return el('div', { className: 'command' }, el('code', { textContent: command }), button);
}
