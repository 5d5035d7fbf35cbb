import { el } from './dom.js';
import { formatTime } from './format.js';
import type { State } from './state.js';

const RANGES: readonly (readonly [from: string, label: string])[] = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-1h', 'Last hour'],
  ['now-6h', 'Last 6 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-7d', 'Last 7 days'],
  ['now-30d', 'Last 30 days'],
  ['now-90d', 'Last 90 days'],
];
/** The only format of `datetime-local`. */
const OWN = 'own';

/** A range in milliseconds since 1970. */
export interface Moments {
  from: number;
  to: number;
}

type Change = Pick<State, 'from' | 'to'>;

/** Offers predefined ranges, a custom one, and steps back, forward and out. */
export function createRangePicker(
  state: () => State,
  moments: () => Moments | undefined,
  onChange: (change: Change) => void,
): { element: HTMLElement; update(): void } {
  const list = el('select');
  const from = el('input', { type: 'datetime-local', step: '1' });
  const to = el('input', { type: 'datetime-local', step: '1' });
  const form = el(
    'form',
    { className: 'own-range', hidden: true },
    labelled('From', from),
    labelled('To', to),
    el('button', { type: 'submit', className: 'control', textContent: 'Apply' }),
  );
  list.addEventListener('change', () => {
    form.hidden = list.value !== OWN;
    if (list.value !== OWN) onChange({ from: list.value, to: 'now' });
    else fill(form.hidden);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const [start, end] = [Date.parse(from.value), Date.parse(to.value)];
    to.setCustomValidity(start < end ? '' : 'Choose a time after the first');
    if (form.reportValidity()) onChange({ from: String(start), to: String(end) });
  });
  to.addEventListener('input', () => {
    to.setCustomValidity('');
  });

  function fill(isHidden: boolean): void {
    const now = moments();
    if (isHidden || now === undefined) return;
    from.value = local(now.from);
    to.value = local(now.to);
    from.focus();
  }
  function update(): void {
    const { from: start, to: end } = state();
    const isKnown = end === 'now' && RANGES.some(([known]) => known === start);
    const own = isKnown ? [] : [el('option', { value: `${start} ${end}`, textContent: describe(start, end) })];
    list.replaceChildren(
      ...own,
      ...RANGES.map(([key, text]) => el('option', { value: key, textContent: text })),
      el('option', { value: OWN, textContent: 'From … to …' }),
    );
    list.value = isKnown ? start : `${start} ${end}`;
    form.hidden = true;
  }
  const move = (label: string, sign: string, shift: (length: number, now: Moments) => Moments): HTMLElement => {
    const button = el('button', {
      type: 'button',
      className: 'control',
      textContent: sign,
      title: label,
      attrs: { 'aria-label': label },
    });
    button.addEventListener('click', () => {
      const now = moments();
      if (now === undefined) return;
      const next = shift(now.to - now.from, now);
      onChange({ from: String(Math.round(next.from)), to: String(Math.round(next.to)) });
    });
    return button;
  };
  update();
  return {
    element: el(
      'div',
      { className: 'range', attrs: { role: 'group', 'aria-label': 'Time' } },
      move('Earlier', '‹', (length, now) => ({ from: now.from - length / 2, to: now.to - length / 2 })),
      el(
        'label',
        { className: 'control' },
        el('span', { className: 'control-label', textContent: 'Time range' }),
        list,
      ),
      move('Later', '›', (length, now) => ({ from: now.from + length / 2, to: now.to + length / 2 })),
      move('Zoom out', '⊖', (length, now) => ({ from: now.from - length / 2, to: now.to + length / 2 })),
      form,
    ),
    update,
  };
}

function labelled(label: string, input: HTMLInputElement): HTMLElement {
  input.required = true;
  return el('label', { className: 'control' }, el('span', { className: 'control-label', textContent: label }), input);
}

function describe(from: string, to: string): string {
  const isAbsolute = /^\d+$/.test(from) && /^\d+$/.test(to);
  return isAbsolute ? `${formatTime(Number(from))} to ${formatTime(Number(to))}` : `${from} to ${to}`;
}

/** Formats local time for `datetime-local`. */
function local(ms: number): string {
  return formatTime(ms).replace(' ', 'T');
}
