import type uPlot from 'uplot';
import { el } from './dom.js';

/** Tooltip of a chart: follows the mouse, and stays after a click. */
export interface Tooltip {
  element: HTMLElement;
  show(u: uPlot, heading: string, rows: Node[], isPinned: boolean): void;
  hide(): void;
  isPinned(): boolean;
}

export function createTooltip(plot: HTMLElement): Tooltip {
  const element = el('div', { className: 'tooltip', hidden: true });
  let isPinned = false;
  // Announced only to users who navigate the chart by keys.
  plot.addEventListener('keydown', () => {
    element.setAttribute('aria-live', 'polite');
  });
  plot.addEventListener('pointermove', () => {
    element.removeAttribute('aria-live');
  });
  return {
    element,
    show(u, heading, rows, pinned) {
      isPinned = pinned;
      element.hidden = false;
      element.classList.toggle('is-pinned', pinned);
      element.replaceChildren(el('div', { className: 'tooltip-time', textContent: heading }), ...rows);
      const { left = 0, top = 0 } = u.cursor;
      const isRight = left > u.over.clientWidth / 2;
      element.style.left = `${String(u.over.offsetLeft + left + (isRight ? -12 : 12))}px`;
      element.style.top = `${String(u.over.offsetTop + Math.max(0, top - 20))}px`;
      element.style.transform = isRight ? 'translateX(-100%)' : '';
    },
    hide() {
      isPinned = false;
      element.hidden = true;
    },
    isPinned: () => isPinned,
  };
}
