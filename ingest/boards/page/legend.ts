import { el } from './dom.js';
import { textOf } from './field.js';
import type { Panel } from './model.js';
import { lastValue, type Series } from './series.js';

/** The lines' names, each a switch for its line; with last values where the panel asks. `hidden` is kept up to date. */
export function drawLegend(panel: Panel, lines: Series[], colors: string[], hidden: Set<string>, onChange: () => void): HTMLElement {
  const list = el('ul', { className: 'legend' });
  const { showLegend = true, calcs = [] } = panel.options?.legend ?? {};
  if (!showLegend) return list;
  lines.forEach((line, index) => {
    const { title } = line.field;
    const swatch = el('i', { className: 'swatch' });
    swatch.style.background = colors[index] ?? '';
    const button = el('button', { type: 'button', title }, swatch, el('span', { className: 'legend-name', textContent: title }));
    if (calcs.includes('lastNotNull')) button.append(el('b', { textContent: textOf(lastValue(line), line.field, 'Float64') }));
    button.setAttribute('aria-pressed', String(!hidden.has(title)));
    button.addEventListener('click', () => {
      if (!hidden.delete(title)) hidden.add(title);
      button.setAttribute('aria-pressed', String(!hidden.has(title)));
      onChange();
    });
    list.append(el('li', {}, button));
  });
  return list;
}
