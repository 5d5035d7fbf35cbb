import type { BoardPanel } from '#schemas/board.js';
import { anchor } from './anchor.js';
import { el } from './dom.js';
import { interpolate, type Scope } from './scope.js';

/** Panels whose rows can be shown as a table instead. */
const TABULAR = ['timeseries', 'barchart', 'bargauge', 'piechart', 'state-timeline'];

export interface PanelHead {
  element: HTMLElement;
  /** Attributes that name the panel by its title. */
  naming: Record<string, string>;
  /** Returns title, description and links with the current variables. */
  update(scope: Scope): void;
}

/** Draws title, description, links, and the switch between chart and table. */
export function createPanelHead(panel: BoardPanel, onTable: (isOn: boolean) => void): PanelHead {
  const { id, title = '', description = '', type, links = [] } = panel;
  const heading = el('h3', { id: `panel-${String(id)}`, textContent: title });
  const about = description === '' ? undefined : createAbout(panel);
  const list = el('span', { className: 'panel-links' });
  const element = el('header', {}, heading, ...(about === undefined ? [] : [about.button, about.text]), list);
  if (TABULAR.includes(type)) element.append(tableSwitch(title, onTable));
  if (title === '' && description === '' && links.length === 0) element.hidden = true;
  return {
    element,
    naming: title === '' ? {} : { 'aria-labelledby': heading.id },
    update(scope) {
      heading.textContent = interpolate(title, scope);
      heading.title = heading.textContent;
      if (about !== undefined) about.text.textContent = interpolate(description, scope);
      list.replaceChildren(...links.flatMap((link) => anchor(link, scope) ?? []));
    },
  };
}

function tableSwitch(title: string, onTable: (isOn: boolean) => void): HTMLElement {
  const button = el('button', {
    type: 'button',
    className: 'as-table',
    textContent: '☰',
    title: 'Rows as a table',
    attrs: { 'aria-label': `Rows as a table: ${title}`, 'aria-pressed': 'false' },
  });
  button.addEventListener('click', () => {
    const isOn = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(isOn));
    onTable(isOn);
  });
  return button;
}

function createAbout({ id, title = '', description = '' }: BoardPanel): { button: HTMLElement; text: HTMLElement } {
  const textId = `about-${String(id)}`;
  const text = el('div', { id: textId, className: 'about-text', hidden: true, textContent: description });
  const button = el('button', {
    type: 'button',
    className: 'about',
    textContent: 'i',
    attrs: { 'aria-label': `About: ${title}`, 'aria-expanded': 'false', 'aria-controls': textId },
  });
  const show = (isShown: boolean): void => {
    text.hidden = !isShown;
    button.setAttribute('aria-expanded', String(isShown));
  };
  button.addEventListener('click', () => {
    show(text.hidden === true);
  });
  button.addEventListener('blur', () => {
    show(false);
  });
  button.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') show(false);
  });
  return { button, text };
}
