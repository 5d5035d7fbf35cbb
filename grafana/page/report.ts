import type { ReportData } from '../report/report-data.js';
import { ApiError, type Source } from './api.js';
import { createBoardView, type BoardView } from './board-view.js';
import { el } from './dom.js';
import { formatTime } from './format.js';
import type { Scope } from './scope.js';
import { ALL, type State } from './state.js';

const app = document.getElementById('app') ?? document.body;
const report = JSON.parse(document.getElementById('report')?.textContent ?? '{}') as ReportData;
const views: BoardView[] = [];

async function show(): Promise<void> {
  const { org, from, to, generatedAt, boards } = report;
  const heading = boards.length === 1 ? (boards[0]?.board.title ?? '') : 'Agent security report';
  const main = el(
    'main',
    { className: 'report' },
    el(
      'header',
      {},
      el('h1', { textContent: heading }),
      el('p', {
        textContent: `Organisation ${org} · ${formatTime(from)} to ${formatTime(to)} · written ${formatTime(generatedAt)} by Shieldwatch`,
      }),
    ),
  );
  app.replaceChildren(main);
  for (const { board, variables, panels, annotations } of boards) {
    const source: Source = {
      panel: (_, id, refId) => answer(panels[`${String(id)} ${refId}`]),
      annotation: (_, name) => answer(annotations[name]),
    };
    const unfolded = { ...board, panels: board.panels.map((panel) => ({ ...panel, collapsed: false })) };
    const view = createBoardView(unfolded, source, () => undefined);
    views.push(view);
    const chosen = variables.map(({ label, value }) => `${label}: ${value === 'all' ? 'All' : value.join(', ')}`);
    const about = [board.description ?? '', ...chosen].filter((text) => text !== '');
    main.append(
      el(
        'section',
        { attrs: { 'aria-label': board.title } },
        el(
          'header',
          {},
          ...(boards.length === 1 ? [] : [el('h2', { textContent: board.title })]),
          el('p', { textContent: about.join(' · ') }),
        ),
        view.element,
      ),
    );
    const state: State = {
      board: board.uid,
      from: String(from),
      to: String(to),
      refresh: '',
      variables: Object.fromEntries(variables.map(({ name, value }) => [name, value === 'all' ? [ALL] : value])),
      without: [],
    };
    const texts = Object.fromEntries(variables.map(({ name, value }) => [name, value === 'all' ? ['All'] : value]));
    const scope: Scope = { state, org, texts, from, to, isDetached: true };
    await view.load(state, scope, () => undefined);
  }
  document.documentElement.dataset['loaded'] = 'true';
}

function answer<T extends object>(held: T | string | undefined): Promise<T> {
  return typeof held === 'object'
    ? Promise.resolve(held)
    : Promise.reject(new ApiError(503, held ?? 'This was not written into the report.'));
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const view of views) view.redraw();
});
void show();
