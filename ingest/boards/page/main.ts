import { ApiError, fetchBoard, fetchBoards, fetchVariables } from './api.js';
import { createBoardView, type BoardView } from './board-view.js';
import { el } from './dom.js';
import type { Board, BoardSummary, VariableOptions } from './model.js';
import { fromSearch, toSearch, type State } from './state.js';
import { createToolbar } from './toolbar.js';
import { createWelcome } from './welcome.js';

/** How often an empty store is looked at again. */
const LOOK_AGAIN_MS = 5_000;

const app = document.getElementById('app') ?? document.body;
let state: State;
let board: Board;
let boards: BoardSummary[];
let view: BoardView | undefined;
let timer: number | undefined;
/** Counts openings, so that one that was overtaken (back, back) leaves the page alone. */
let openings = 0;

/** Reads the URL and builds the page for it; runs at the start and on back and forward. */
async function open(): Promise<void> {
  openings += 1;
  const mine = openings;
  clearTimeout(timer);
  view?.destroy();
  view = undefined;
  const { search } = location;
  const known = await fetchBoards();
  const uid = new URLSearchParams(search).get('board') ?? known[0]?.uid ?? '';
  const opened = await fetchBoard(uid);
  const wanted = fromSearch(search, {
    board: uid,
    from: opened.time?.from ?? 'now-6h',
    to: opened.time?.to ?? 'now',
    refresh: opened.refresh ?? '',
    variables: {},
  });
  const variables = await fetchVariables(wanted);
  if (mine !== openings) return;
  [boards, board, state] = [known, opened, wanted];
  document.title = `${board.title} · Shieldwatch`;
  await show(variables);
}

async function show(variables: VariableOptions[]): Promise<void> {
  const toolbar = createToolbar({ boards, board, variables, state, onChange: change, onReload: () => void reload() });
  if (variables.some(({ options }) => options.length === 0)) {
    app.replaceChildren(toolbar.element, createWelcome());
    toolbar.progress(1, 1);
    timer = setTimeout(() => void guarded(lookAgain), LOOK_AGAIN_MS);
    return;
  }
  view ??= createBoardView(board, (from, to) => { change({ from: String(from), to: String(to) }); });
  app.replaceChildren(toolbar.element, view.element);
  progress = toolbar.progress;
  await reload();
}

let progress: (done: number, all: number) => void = () => undefined;

async function lookAgain(): Promise<void> {
  const variables = await fetchVariables(state);
  if (variables.some(({ options }) => options.length === 0)) timer = setTimeout(() => void guarded(lookAgain), LOOK_AGAIN_MS);
  else await show(variables);
}

/** Loads all panels, and again when the refresh says so. */
async function reload(): Promise<void> {
  clearTimeout(timer);
  if (!document.hidden) await view?.load(state, progress);
  clearTimeout(timer);
  const seconds = /^(\d+)s$/.exec(state.refresh)?.[1];
  if (seconds !== undefined && view !== undefined) timer = setTimeout(() => void reload(), Number(seconds) * 1_000);
}

/** What somebody chose goes into the URL and onto the page. */
function change(next: Partial<State>): void {
  state = { ...state, ...next };
  history.pushState(null, '', `/boards?${toSearch(state)}`);
  // Menus of variables keep themselves; a new range needs a new list of ranges.
  if (next.from !== undefined) void guarded(async () => { await show(await fetchVariables(state)); });
  else void reload();
}

async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) location.reload();
    const message = error instanceof ApiError ? error.message : 'The gateway does not answer.';
    const retry = el('button', { type: 'button', className: 'control', textContent: 'Try again' });
    retry.addEventListener('click', () => void guarded(open));
    app.replaceChildren(el('main', { className: 'welcome' }, el('h2', { textContent: message }), retry));
  }
}

addEventListener('popstate', () => void guarded(open));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { view?.redraw(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden && state.refresh !== '') void reload(); });
void guarded(open);
