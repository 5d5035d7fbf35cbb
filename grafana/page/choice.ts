import { el } from './dom.js';

/** Options, and the chosen ones. */
export interface ChoiceOptions {
  label: string;
  options: { text: string; value: string }[];
  chosen: readonly string[];
  multi: boolean;
  /** Meaning of an empty choice, e.g. `All`; undefined if a choice is required. */
  none?: string;
  onChange: (chosen: string[]) => void;
}

/** Number of options above which the menu can be searched. */
const SEARCHED = 10;

/** Returns a menu of check boxes, or of radio buttons for a single choice. */
export function createChoice(choice: ChoiceOptions): HTMLElement {
  const { label, options, multi, none, onChange } = choice;
  const selected = new Set(choice.chosen);
  const summary = el('summary', {});
  const list = el('div', { className: 'option-list' });
  const menu = el('details', { className: 'choice' }, summary);

  function describe(): void {
    const texts = [...selected].map((value) => options.find((option) => option.value === value)?.text ?? value);
    const [first = none ?? 'Nothing to choose', ...more] = texts;
    summary.replaceChildren(
      el('span', { className: 'control-label', textContent: label }),
      el('span', {
        className: 'control-value',
        textContent: more.length === 0 ? first : `${first} + ${String(more.length)}`,
      }),
    );
  }
  function row(text: string, isChecked: boolean, choose: (isOn: boolean) => void): HTMLElement {
    const box = el('input', { type: multi ? 'checkbox' : 'radio', name: `choice-${label}`, checked: isChecked });
    box.addEventListener('change', () => {
      choose(box.checked);
      const at = [...list.querySelectorAll('input')].indexOf(box);
      fill();
      list.querySelectorAll('input')[at]?.focus();
      onChange([...selected]);
    });
    return el('label', { className: 'option' }, box, el('span', { textContent: text }));
  }
  const search = el('input', { type: 'search', placeholder: 'Search', attrs: { 'aria-label': `Search ${label}` } });
  search.addEventListener('input', fill);
  function fill(): void {
    describe();
    const wanted = search.value.toLowerCase();
    list.replaceChildren(
      ...(none === undefined
        ? []
        : [
            row(none, selected.size === 0, () => {
              selected.clear();
            }),
          ]),
      ...options
        .filter(({ text }) => text.toLowerCase().includes(wanted))
        .map(({ text, value }) =>
          row(text, selected.has(value), (isOn) => {
            if (!multi) selected.clear();
            if (isOn) selected.add(value);
            else if (none !== undefined || selected.size > 1) selected.delete(value);
          }),
        ),
    );
  }
  fill();
  menu.append(
    el(
      'div',
      { className: 'options', attrs: { role: 'group', 'aria-label': label } },
      ...(options.length > SEARCHED ? [search] : []),
      list,
    ),
  );
  closesItself(menu, summary);
  return menu;
}

/** Closes a menu on Escape, and when another element is used. */
function closesItself(menu: HTMLDetailsElement, summary: HTMLElement): void {
  menu.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    menu.open = false;
    summary.focus();
  });
  menu.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) menu.open = false;
  });
  menu.addEventListener('toggle', () => {
    if (!menu.open) return;
    const onPointer = ({ target }: PointerEvent): void => {
      if (target instanceof Node && menu.contains(target)) return;
      menu.open = false;
      document.removeEventListener('pointerdown', onPointer);
    };
    document.addEventListener('pointerdown', onPointer);
  });
}
