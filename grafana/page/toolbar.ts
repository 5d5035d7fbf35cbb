import type { Board } from '#schemas/board.js';
import type { BoardsHome, VariableOptions } from '#schemas/http/boards.js';
import { anchor } from './anchor.js';
import { createChoice } from './choice.js';
import { el } from './dom.js';
import { createRangePicker, type Moments } from './range-picker.js';
import type { Scope } from './scope.js';
import { ALL, toQuery, type State } from './state.js';

/** Name of the annotations menu; not a valid name of a variable. */
export const ANNOTATIONS = 'annotations-menu';

const REFRESHES = ['5s', '10s', '30s', '1m', '5m', '15m'];

export interface ToolbarOptions {
  home: BoardsHome;
  board: Board;
  variables: VariableOptions[];
  state: State;
  scope: Scope;
  /** Range of the rows on the page, if there are any. */
  moments: () => Moments | undefined;
  onChange: (change: Partial<State>) => void;
  onVariable: (name: string, chosen: string[]) => void;
  onReload: () => void;
}

export interface Toolbar {
  element: HTMLElement;
  /** Progress of a load. */
  progress(done: number, all: number): void;
  /** Replaces options and address in place; the menu of `keep`, a variable or `ANNOTATIONS`, stays unchanged. */
  update(variables: VariableOptions[], state: State, scope: Scope, keep?: string): void;
}

/** Title, boards, variables, annotations, time range and refresh. */
export function createToolbar(options: ToolbarOptions): Toolbar {
  const { home, board, moments, onChange, onVariable, onReload } = options;
  let { state } = options;
  const reload = el('button', {
    type: 'button',
    className: 'control',
    textContent: '⟳',
    title: 'Load again',
    attrs: { 'aria-label': 'Load again' },
  });
  reload.addEventListener('click', onReload);
  const bar = el('progress', { max: 1, value: 0, attrs: { 'aria-label': 'Panels loaded' } });
  const range = createRangePicker(() => state, moments, onChange);
  const menus = el('div', { className: 'controls' });
  const nav = el('nav', { attrs: { 'aria-label': 'Boards' } });
  const extra = el('span', { className: 'board-links' });
  const element = el(
    'header',
    { className: 'toolbar' },
    el(
      'div',
      { className: 'titles' },
      el('span', { className: 'brand', textContent: 'Shieldwatch' }),
      el('h1', { textContent: board.title }),
      ...(board.description === undefined
        ? []
        : [el('p', { className: 'board-about', textContent: board.description })]),
      extra,
    ),
    el('div', { className: 'controls' }, range.element, refreshChoice(state, onChange), reload),
    nav,
    menus,
    bar,
  );

  function update(variables: VariableOptions[], next: State, scope: Scope, keep?: string): void {
    state = next;
    range.update();
    nav.replaceChildren(...boardLinks(home, state));
    extra.replaceChildren(
      ...(board.links ?? []).flatMap((link) => (link.type === 'dashboards' ? [] : (anchor(link, scope) ?? []))),
      ...grafanaLink(scope),
    );
    const kept = [...menus.children].find((each) => keep !== undefined && each.getAttribute('data-menu') === keep);
    const fresh = [
      ...variables.map((variable) => [variable.name, variableControl(variable, onVariable)] as const),
      ...annotationChoice(board, state, onChange),
    ];
    const controls = fresh.map(([name, control]) => {
      control.setAttribute('data-menu', name);
      return name === keep && kept !== undefined ? kept : control;
    });
    // A menu that stays on the page stays open.
    for (const other of [...menus.children]) if (other !== kept) other.remove();
    const at = kept === undefined ? -1 : controls.indexOf(kept);
    if (at < 0) menus.replaceChildren(...controls);
    else {
      kept?.before(...controls.slice(0, at));
      kept?.after(...controls.slice(at + 1));
    }
  }
  update(options.variables, state, options.scope);
  return {
    element,
    update,
    progress(done, all) {
      bar.max = Math.max(all, 1);
      bar.value = all === 0 ? 1 : done;
      element.dataset['loaded'] = String(done === all);
    },
  };
}

function variableControl(
  { name, label, kind, multi, includeAll, options, value }: VariableOptions,
  onVariable: ToolbarOptions['onVariable'],
): HTMLElement {
  if (kind === 'text') {
    const input = el('input', { type: 'text', value: value === 'all' ? '' : (value[0] ?? '') });
    input.addEventListener('change', () => {
      onVariable(name, [input.value]);
    });
    return el('label', { className: 'control' }, el('span', { className: 'control-label', textContent: label }), input);
  }
  return createChoice({
    label,
    options,
    multi,
    chosen: value === 'all' || (includeAll && value.length === options.length && multi) ? [] : value,
    ...(includeAll ? { none: 'All' } : {}),
    onChange: (chosen) => {
      onVariable(name, chosen.length === 0 ? [ALL] : chosen);
    },
  });
}

function annotationChoice(
  board: Board,
  state: State,
  onChange: ToolbarOptions['onChange'],
): (readonly [string, HTMLElement])[] {
  const names = board.annotations.list
    .filter(({ target, hide }) => target?.rawSql !== undefined && hide !== true)
    .map(({ name }) => name);
  if (names.length === 0) return [];
  const choice = createChoice({
    label: 'Annotations',
    options: names.map((name) => ({ text: name, value: name })),
    chosen: names.filter((name) => !state.without.includes(name)),
    multi: true,
    none: 'None',
    onChange: (shown) => {
      onChange({ without: names.filter((name) => !shown.includes(name)) });
    },
  });
  return [[ANNOTATIONS, choice]];
}

function refreshChoice({ refresh }: State, onChange: ToolbarOptions['onChange']): HTMLElement {
  const all = refresh === '' || REFRESHES.includes(refresh) ? REFRESHES : [refresh, ...REFRESHES];
  const list = el(
    'select',
    {},
    el('option', { value: '', textContent: 'Off' }),
    ...all.map((every) => el('option', { value: every, textContent: every })),
  );
  list.value = refresh;
  list.addEventListener('change', () => {
    onChange({ refresh: list.value });
  });
  return el(
    'label',
    { className: 'control' },
    el('span', { className: 'control-label', textContent: 'Refresh every' }),
    list,
  );
}

/** Links every board with the same range and variables; a board ignores unknown ones. */
function boardLinks({ boards }: BoardsHome, state: State): HTMLElement[] {
  if (boards.length < 2) return [];
  const links = boards.map(({ uid, title, description = '' }) => {
    const link = el('a', {
      href: `/boards/${encodeURIComponent(uid)}?${toQuery(state)}`,
      textContent: title,
      title: description,
    });
    if (uid === state.board) link.setAttribute('aria-current', 'page');
    return el('li', {}, link);
  });
  return [el('ul', {}, ...links)];
}

function grafanaLink(scope: Scope): HTMLElement[] {
  if (scope.grafanaUrl === undefined) return [];
  const url = `${scope.grafanaUrl.replace(/\/$/, '')}/d/${encodeURIComponent(scope.state.board)}?\${__url_time_range}&\${__all_variables}`;
  return [anchor({ url, title: 'Open in Grafana' }, scope) ?? []].flat();
}
