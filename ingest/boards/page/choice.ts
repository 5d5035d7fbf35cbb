import { el } from './dom.js';
import type { VariableOptions } from './model.js';

/** A menu of check boxes for one variable; nothing checked is all of them. */
export function createChoice(variable: VariableOptions, chosen: string[], onChange: (chosen: string[]) => void): HTMLElement {
  const { label, options } = variable;
  const selected = new Set(chosen);
  const summary = el('summary', {});
  function describe(): void {
    const [first = 'All', ...more] = selected;
    summary.replaceChildren(
      el('span', { className: 'control-label', textContent: label }),
      el('span', { className: 'control-value', textContent: more.length === 0 ? first : `${first} + ${String(more.length)}` }),
    );
  }
  function row(value: string, text: string, isChecked: boolean, onToggle: (isOn: boolean) => void): HTMLElement {
    const box = el('input', { type: 'checkbox', checked: isChecked, value });
    box.addEventListener('change', () => { onToggle(box.checked); });
    return el('label', { className: 'option' }, box, el('span', { textContent: text }));
  }
  const list = el('div', { className: 'options', attrs: { role: 'group', 'aria-label': label } });
  function fill(): void {
    describe();
    list.replaceChildren(
      row('', 'All', selected.size === 0, () => { selected.clear(); change(); }),
      ...options.map((option) =>
        row(option, option, selected.has(option), (isOn) => {
          if (isOn) selected.add(option);
          else selected.delete(option);
          change();
        }),
      ),
    );
  }
  function change(): void {
    const at = [...list.querySelectorAll('input')].findIndex((box) => box === document.activeElement);
    fill();
    list.querySelectorAll('input')[at]?.focus();
    onChange([...selected]);
  }
  fill();
  const menu = el('details', { className: 'choice' }, summary, list);
  menu.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    menu.open = false;
    summary.focus();
  });
  menu.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) menu.open = false;
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (target instanceof Node && !menu.contains(target)) menu.open = false;
  });
  return menu;
}
