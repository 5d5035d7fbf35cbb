import { createChoice } from './choice.js';
import { el } from './dom.js';
import { formatTime } from './format.js';
import type { Board, BoardSummary, VariableOptions } from './model.js';
import { toSearch, type State } from './state.js';

const RANGES: readonly (readonly [from: string, label: string])[] = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-1h', 'Last hour'],
  ['now-6h', 'Last 6 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-7d', 'Last 7 days'],
  ['now-30d', 'Last 30 days'],
];
const REFRESHES: readonly (readonly [every: string, label: string])[] = [
  ['', 'Off'],
  ['5s', '5 s'],
  ['30s', '30 s'],
];

export interface ToolbarOptions {
  boards: BoardSummary[];
  board: Board;
  variables: VariableOptions[];
  state: State;
  onChange: (change: Partial<State>) => void;
  onReload: () => void;
}

/** Title, variables, time range and refresh. `progress` shows how much of a load is done. */
export function createToolbar(options: ToolbarOptions): { element: HTMLElement; progress: (done: number, all: number) => void } {
  const { boards, board, variables, state, onChange, onReload } = options;
  const reload = el('button', { type: 'button', className: 'control', textContent: 'Refresh' });
  reload.addEventListener('click', onReload);
  const bar = el('progress', { max: 1, value: 0, attrs: { 'aria-label': 'Panels loaded' } });
  const element = el(
    'header',
    { className: 'toolbar' },
    el('div', { className: 'titles' }, el('span', { className: 'brand', textContent: 'Shieldwatch' }), el('h1', { textContent: board.title, title: board.description ?? '' }), ...boardLinks(boards, state)),
    el(
      'div',
      { className: 'controls' },
      ...variables.map((variable) =>
        createChoice(variable, state.variables[variable.name] ?? [], (chosen) => {
          const others = Object.entries(state.variables).filter(([name]) => name !== variable.name);
          const next = Object.fromEntries(chosen.length === 0 ? others : [...others, [variable.name, chosen]]);
          state.variables = next;
          onChange({ variables: next });
        }),
      ),
      select('Time range', rangeOptions(state), state.to === 'now' ? state.from : '', (from) => { onChange({ from, to: 'now' }); }),
      select('Refresh every', REFRESHES, state.refresh, (refresh) => { onChange({ refresh }); }),
      reload,
    ),
    bar,
  );
  return {
    element,
    progress(done, all) {
      bar.max = all;
      bar.value = done;
      element.dataset.loaded = String(done === all);
    },
  };
}

function rangeOptions({ from, to }: State): readonly (readonly [string, string])[] {
  if (to === 'now' && RANGES.some(([known]) => known === from)) return RANGES;
  const isAbsolute = /^\d+$/.test(from) && /^\d+$/.test(to);
  const label = isAbsolute ? `${formatTime(Number(from))} to ${formatTime(Number(to))}` : `${from} to ${to}`;
  return [[to === 'now' ? from : '', label], ...RANGES];
}

function select(label: string, options: readonly (readonly [string, string])[], value: string, onPick: (value: string) => void): HTMLElement {
  const list = el('select', {}, ...options.map(([key, text]) => el('option', { value: key, textContent: text })));
  list.value = value;
  list.addEventListener('change', () => { onPick(list.value); });
  return el('label', { className: 'control' }, el('span', { className: 'control-label', textContent: label }), list);
}

function boardLinks(boards: BoardSummary[], state: State): HTMLElement[] {
  if (boards.length < 2) return [];
  const links = boards.map(({ uid, title }) => {
    const link = el('a', { href: `/boards?${toSearch({ ...state, board: uid })}`, textContent: title });
    if (uid === state.board) link.setAttribute('aria-current', 'page');
    return el('li', {}, link);
  });
  return [el('nav', { attrs: { 'aria-label': 'Boards' } }, el('ul', {}, ...links))];
}
