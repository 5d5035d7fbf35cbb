import type uPlot from 'uplot';
import { el } from './dom.js';
import { textOf } from './field.js';
import { formatTime } from './format.js';
import type { Series } from './series.js';

/** All lines' values at the cursor's time. */
export interface Tooltip {
  element: HTMLElement;
  show(u: uPlot): void;
}

export function createTooltip(
  lines: Series[],
  colors: string[],
  values: (number | null | undefined)[][],
  isShown: (index: number) => boolean,
): Tooltip {
  const element = el('div', { className: 'tooltip', hidden: true });
  return {
    element,
    show(u) {
      const { idx, left = -1, top = 0 } = u.cursor;
      const time = typeof idx === 'number' ? u.data[0][idx] : undefined;
      element.hidden = left < 0 || time === undefined;
      if (element.hidden || typeof idx !== 'number' || time === undefined) return;
      const rows = lines.flatMap((line, index) => {
        const value = values[index]?.[idx];
        if (value === null || value === undefined || !isShown(index)) return [];
        const swatch = el('i', { className: 'swatch' });
        swatch.style.background = colors[index] ?? '';
        const text = textOf(value, line.field, 'Float64');
        return [el('div', {}, swatch, el('span', { textContent: line.field.title }), el('b', { textContent: text }))];
      });
      element.replaceChildren(el('div', { className: 'tooltip-time', textContent: formatTime(time * 1_000) }), ...rows);
      const isRight = left > u.over.clientWidth / 2;
      element.style.left = `${String(u.over.offsetLeft + left + (isRight ? -12 : 12))}px`;
      element.style.top = `${String(u.over.offsetTop + Math.max(0, top - 20))}px`;
      element.style.transform = isRight ? 'translateX(-100%)' : '';
    },
  };
}
