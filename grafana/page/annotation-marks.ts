import type uPlot from 'uplot';
import type { Annotation } from './annotations.js';
import { cssColor, withAlpha } from './colors.js';
import { el } from './dom.js';
import { formatTime } from './format.js';

/** Draws lines and ranges over a chart, each with a mark and its text below. */
export function drawAnnotations(
  annotations: Annotation[],
  plot: HTMLElement,
): { element: HTMLElement; draw(u: uPlot): void } {
  const element = el('div', { className: 'marks' });
  const marks = annotations.map((annotation) => {
    const button = el('button', { type: 'button', className: 'mark', attrs: { 'aria-label': describe(annotation) } });
    button.style.setProperty('--mark', cssColor(annotation.query.iconColor ?? 'blue'));
    const note = el('div', { className: 'mark-note', hidden: true }, ...content(annotation));
    const show = (isShown: boolean) => () => {
      note.hidden = !isShown;
    };
    for (const event of ['mouseenter', 'focus', 'click'] as const) button.addEventListener(event, show(true));
    for (const event of ['mouseleave', 'blur'] as const) button.addEventListener(event, show(false));
    button.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') note.hidden = true;
    });
    element.append(button, note);
    return { annotation, button, note };
  });
  return {
    element,
    draw(u) {
      const { ctx, bbox } = u;
      ctx.save();
      for (const { annotation, button, note } of marks) {
        const at = u.valToPos(annotation.time / 1_000, 'x');
        const end = annotation.timeEnd === undefined ? at : u.valToPos(annotation.timeEnd / 1_000, 'x');
        const isInside = end >= 0 && at <= u.over.clientWidth;
        button.hidden = !isInside;
        if (!isInside) continue;
        const [from, to] = [Math.max(at, 0), Math.min(end, u.over.clientWidth)];
        const color = cssColor(annotation.query.iconColor ?? 'blue');
        const x = bbox.left + from * devicePixelRatio;
        if (annotation.timeEnd !== undefined) {
          ctx.fillStyle = withAlpha(color, 0.15);
          ctx.fillRect(x, bbox.top, (to - from) * devicePixelRatio, bbox.height);
        }
        ctx.strokeStyle = color;
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        const left = u.over.offsetLeft + from;
        const top = u.over.offsetTop + u.over.clientHeight;
        button.style.left = `${String(left)}px`;
        button.style.top = `${String(top)}px`;
        button.style.width = `${String(Math.max(to - from, 10))}px`;
        note.style.bottom = `${String(plot.clientHeight - top + 4)}px`;
        note.style.left = `${String(left)}px`;
        note.style.transform = left > plot.clientWidth / 2 ? 'translateX(-100%)' : '';
      }
      ctx.restore();
    },
  };
}

function describe({ query, time, title, text }: Annotation): string {
  return [query.name, formatTime(time), title, text]
    .filter((part) => part !== '')
    .join(': ')
    .slice(0, 300);
}

function content({ query, time, timeEnd, title, text, tags }: Annotation): HTMLElement[] {
  const when = timeEnd === undefined ? formatTime(time) : `${formatTime(time)} to ${formatTime(timeEnd)}`;
  return [
    el('div', { className: 'tooltip-time', textContent: `${query.name} · ${when}` }),
    ...(title === '' ? [] : [el('b', { textContent: title })]),
    ...(text === '' ? [] : [el('div', { className: 'cell', textContent: text })]),
    ...(tags.length === 0
      ? []
      : [el('div', { className: 'tags' }, ...tags.map((tag) => el('span', { className: 'tag', textContent: tag })))]),
  ];
}
