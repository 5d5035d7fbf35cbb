import type { BoardPanel } from '#schemas/board.js';

/** Panel types that the page draws too. */
const DRAWN_TYPES = [
  'barchart',
  'bargauge',
  'piechart',
  'stat',
  'state-timeline',
  'table',
  'text',
  'timeseries',
] as const;

export type DrawnType = (typeof DRAWN_TYPES)[number];

export function isDrawnType(type: string): type is DrawnType {
  return (DRAWN_TYPES as readonly string[]).includes(type);
}

/** Returns why a panel, or a part of it, is not drawn as Grafana does; undefined if it is. */
export function leftToGrafana({
  type,
  options,
  transformations = [],
  repeat,
}: BoardPanel): { isDrawn: boolean; reason: string } | undefined {
  if (!isDrawnType(type)) return { isDrawn: false, reason: `Panels of type ${type} are drawn by Grafana only.` };
  if (type === 'text' && options?.mode === 'html')
    return { isDrawn: false, reason: 'Texts in HTML are shown by Grafana only.' };
  if (transformations.some(({ disabled }) => disabled !== true))
    return { isDrawn: true, reason: 'Shown as the store answers; Grafana transforms these rows.' };
  if (repeat !== undefined && repeat !== '')
    return { isDrawn: true, reason: 'Shown once; Grafana repeats this panel for each value.' };
  return undefined;
}
