import type { Board } from '#schemas/board.js';
import type { BoardsHome, VariableOptions } from '#schemas/http/boards.js';
import { ApiError, fetchBoard, fetchHome, fetchVariables, gateway } from './api.js';
import { createBoardView, type BoardView } from './board-view.js';
import { el } from './dom.js';
import type { Moments } from './range-picker.js';
import type { Scope } from './scope.js';
import { forgetKey, shareKey, takeKey } from './session-key.js';
import { ALL, boardOf, fromSearch, refreshMs, toAddress, toQuery, type State } from './state.js';
import { ANNOTATIONS, createToolbar, type Toolbar } from './toolbar.js';
import { createWelcome } from './welcome.js';

/** Milliseconds between two checks of an empty store. */
const LOOK_AGAIN_MS = 2_000;
/** Range that is shown with the first data. */
const FIRST_RANGE = 'now-15m';

const app = document.getElementById('app') ?? document.body;
let state: State;
let board: Board;
let home: BoardsHome;
let variables: VariableOptions[];
let view: BoardView | undefined;
let toolbar: Toolbar | undefined;
let timer: number | undefined;
/** Range of the newest load, for relative steps. */
let loadedAt: number;
/** Counts loads and changes, so that a superseded one does not change the page. */
let turns = 0;

/** Reads the URL and builds the page for it; runs at the start and on back and forward. */
async function open(): Promise<void> {
  turns += 1;
  const mine = turns;
  clearTimeout(timer);
  view?.destroy();
  view = undefined;
  const { pathname, search } = location;
  // If the address names the board, nothing waits for the list of boards.
  const named = boardOf(pathname);
  const known = fetchHome();
  const uid = named ?? (await known).home;
  const [opened, chosen, listed] = await Promise.all([fetchBoard(uid, search), fetchVariables(uid, search), known]);
  if (mine !== turns) return;
  [board, variables, home] = [opened, chosen, listed];
  const off = board.annotations.list.filter(({ enable }) => enable === false).map(({ name }) => name);
  const wanted = fromSearch(search, {
    board: uid,
    from: opened.time?.from ?? 'now-6h',
    to: opened.time?.to ?? 'now',
    refresh: opened.refresh ?? '',
    variables: {},
    without: off,
  });
  state = { ...wanted, variables: valuesOf(variables) };
  document.title = `${board.title} · Shieldwatch`;
  loadedAt = Date.now();
  if (home.isEmpty) showWelcome();
  else await showBoard();
}

function showWelcome(): void {
  app.replaceChildren(
    el(
      'header',
      { className: 'toolbar' },
      el(
        'div',
        { className: 'titles' },
        el('span', { className: 'brand', textContent: 'Shieldwatch' }),
        el('h1', { textContent: 'Boards' }),
      ),
    ),
    createWelcome(location.origin),
  );
  timer = setTimeout(() => void guarded(lookAgain), LOOK_AGAIN_MS);
}

async function lookAgain(): Promise<void> {
  const mine = turns;
  const { isEmpty } = await fetchHome();
  if (mine !== turns) return;
  if (isEmpty) timer = setTimeout(() => void guarded(lookAgain), LOOK_AGAIN_MS);
  else {
    // The first minutes of data are invisible in hourly buckets.
    if (!new URLSearchParams(location.search).has('from'))
      history.replaceState(null, '', `${location.pathname}?from=${FIRST_RANGE}&to=now`);
    await open();
  }
}

async function showBoard(): Promise<void> {
  view ??= createBoardView(board, gateway, (from, to) => {
    change({ from: String(from), to: String(to) });
  });
  toolbar = createToolbar({
    home,
    board,
    variables,
    state,
    scope: scopeOf(),
    moments,
    onChange: change,
    onVariable: choose,
    onReload: () => void reload(),
  });
  app.replaceChildren(toolbar.element, el('main', { attrs: { 'aria-label': board.title } }, view.element));
  await reload();
}

/** Loads all panels, and reloads them at the refresh interval. */
async function reload(): Promise<void> {
  clearTimeout(timer);
  loadedAt = Date.now();
  if (!document.hidden)
    await view?.load(state, scopeOf(), (done, all) => {
      toolbar?.progress(done, all);
    });
  clearTimeout(timer);
  const every = refreshMs(state.refresh);
  if (every !== undefined && view !== undefined) timer = setTimeout(() => void reload(), every);
}

function scopeOf(): Scope {
  const texts = Object.fromEntries(
    variables.map(({ name, options, value }) => [
      name,
      value === 'all' ? ['All'] : value.map((each) => options.find((option) => option.value === each)?.text ?? each),
    ]),
  );
  const { from = 0, to = 0 } = moments() ?? {};
  return {
    state,
    org: home.org,
    texts,
    from,
    to,
    ...(home.grafanaUrl === undefined ? {} : { grafanaUrl: home.grafanaUrl }),
  };
}

function moments(): Moments | undefined {
  const [from, to] = [momentOf(state.from), momentOf(state.to)];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function momentOf(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const [, count, unit = ''] = /^now(?:-(\d+)([smhdw]))?$/.exec(text) ?? [];
  if (!text.startsWith('now')) return undefined;
  const length = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }[unit] ?? 0;
  return loadedAt - Number(count ?? 0) * length;
}

function valuesOf(list: VariableOptions[]): Record<string, readonly string[]> {
  return Object.fromEntries(list.map(({ name, value }) => [name, value === 'all' ? [ALL] : value]));
}

/** Applies a user's choice to URL and page; a new range may change the options. */
function change(next: Partial<State>): void {
  toolbar?.progress(0, 1);
  state = { ...state, ...next };
  history.pushState(null, '', toAddress(state));
  if (next.from === undefined) {
    toolbar?.update(variables, state, scopeOf(), ANNOTATIONS);
    void reload();
  } else void guarded(() => settle());
}

/** Sets a variable's value; reloads the options that depend on it, and drops values that are not offered any longer. */
function choose(name: string, chosen: string[]): void {
  toolbar?.progress(0, 1);
  state = { ...state, variables: { ...state.variables, [name]: chosen } };
  const changed = variables.find((each) => each.name === name);
  if (changed !== undefined) changed.value = chosen.includes(ALL) ? 'all' : chosen;
  if (variables.some(({ dependsOn }) => dependsOn.includes(name))) {
    void guarded(async () => {
      await settle(name);
      history.pushState(null, '', toAddress(state));
    });
    return;
  }
  history.pushState(null, '', toAddress(state));
  toolbar?.update(variables, state, scopeOf(), name);
  void reload();
}

async function settle(chosen?: string): Promise<void> {
  turns += 1;
  const mine = turns;
  const depends = new Set(
    variables.filter(({ dependsOn }) => chosen !== undefined && dependsOn.includes(chosen)).map(({ name }) => name),
  );
  let fresh = await fetchVariables(board.uid, `?${toQuery(state)}`);
  const values = { ...state.variables };
  let isDropped = false;
  for (const { name, options, value, kind } of fresh) {
    if (!depends.has(name) || value === 'all' || kind === 'text') continue;
    const left = value.filter((each) => options.some((option) => option.value === each));
    if (left.length === value.length) continue;
    isDropped = true;
    values[name] = left;
  }
  if (isDropped) fresh = await fetchVariables(board.uid, `?${toQuery({ ...state, variables: values })}`);
  if (mine !== turns) return;
  variables = fresh;
  state = { ...state, variables: valuesOf(fresh) };
  toolbar?.update(variables, state, scopeOf(), chosen);
  await reload();
}

async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      forgetKey(location.pathname + location.search);
      location.replace('/boards/login?refused=session');
    }
    showProblem(error instanceof ApiError ? error.message : 'The gateway does not answer.');
  }
}

function showProblem(message: string): void {
  const retry = el('button', { type: 'button', className: 'control', textContent: 'Try again' });
  retry.addEventListener('click', () => void guarded(open));
  app.replaceChildren(
    el(
      'main',
      { className: 'welcome' },
      el('h1', { textContent: message }),
      retry,
      ' ',
      el('a', { href: '/boards', textContent: 'To the boards' }),
    ),
  );
}

addEventListener('popstate', () => void guarded(open));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  view?.redraw();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && view !== undefined && state.refresh !== '') void reload();
});
takeKey();
shareKey(() => {
  turns += 1;
  clearTimeout(timer);
  view?.destroy();
  view = undefined;
  showProblem('Another tab of this browser logged in. This tab can go on with that session.');
});
void guarded(open);
