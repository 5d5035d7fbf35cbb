import type { BoardPanel } from '#schemas/board.js';
import type { Cell, PanelData } from '#schemas/http/boards.js';
import { calculate } from './calcs.js';
import { isNumber, isTime, resolveField, timeOf, type Field } from './field.js';

export interface Point {
  /** Seconds since 1970. */
  time: number;
  value: number | null;
}

/** One line of a time series. */
export interface Series {
  field: Field;
  points: Point[];
}

/**
 * Converts long rows to lines: the first time column, and one line per set of labels and number column, for each query.
 */
export function toSeries(panel: BoardPanel, data: PanelData[]): Series[] {
  return data.flatMap((frame, index) => linesOf(panel, frame, panel.targets?.[index]?.refId));
}

function linesOf(panel: BoardPanel, { columns, rows }: PanelData, refId: string | undefined): Series[] {
  const timeAt = columns.findIndex(({ type }) => isTime(type));
  if (timeAt < 0) return [];
  const labelsAt = indexes(columns, ({ type }, index) => index !== timeAt && !isNumber(type) && !isTime(type));
  const valuesAt = indexes(columns, ({ type }) => isNumber(type));
  const lines = new Map<string, Series>();
  for (const row of rows) {
    const labels = Object.fromEntries(labelsAt.map((index) => [columns[index]?.name ?? '', String(row[index])]));
    for (const index of valuesAt) {
      const key = JSON.stringify([index, labels]);
      let line = lines.get(key);
      if (line === undefined) {
        const { name = '', type = '' } = columns[index] ?? {};
        line = {
          field: resolveField(panel, { name, labels, type, ...(refId === undefined ? {} : { refId }) }),
          points: [],
        };
        lines.set(key, line);
      }
      line.points.push({ time: timeOf(row[timeAt]) / 1_000, value: numberOf(row[index]) });
    }
  }
  // Ordered as in the query if each line is a column, else by name, as in Grafana: a line keeps its position and colour
  // over ranges.
  return labelsAt.length === 0
    ? [...lines.values()]
    : [...lines.values()].sort((a, b) => a.field.title.localeCompare(b.field.title, 'en'));
}

export function numberOf(cell: Cell | undefined): number | null {
  return typeof cell === 'number' ? cell : null;
}

function indexes<T>(list: T[], wanted: (item: T, index: number) => boolean): number[] {
  return list.flatMap((item, index) => (wanted(item, index) ? [index] : []));
}

/** Returns the last value that is not null. */
export function lastValue({ points }: Series): number | null {
  return calculate(
    'lastNotNull',
    points.map(({ value }) => value),
  );
}

/** Times, and the values of each line at them: null breaks a line, undefined does not. */
export interface Aligned {
  times: number[];
  values: (number | null | undefined)[][];
}

/**
 * Aligns lines on common times. `spanNulls` is Grafana's option per line: true joins a line over any gap, a number over
 * gaps of at most that many milliseconds, false only over times at which no line has a point.
 */
export function align(lines: Series[], spanNulls: (boolean | number)[]): Aligned {
  const at = lines.map(({ points }) => new Map(points.map(({ time, value }) => [time, value])));
  const breaks = lines.map((line, index) => {
    const span = spanNulls[index];
    return typeof span === 'number' ? longGaps(line, span / 1_000) : [];
  });
  const times = [...new Set([...at.flatMap((line) => [...line.keys()]), ...breaks.flat()])].sort((a, b) => a - b);
  const values = at.map((line, index) => {
    const broken = new Set(breaks[index]);
    return times.map((time) => {
      const value = line.get(time);
      if (value !== undefined && value !== null) return value;
      if (broken.has(time)) return null;
      return spanNulls[index] === false ? null : undefined;
    });
  });
  return { times, values };
}

/** Returns a time inside each gap that is too long to be bridged. */
function longGaps({ points }: Series, longest: number): number[] {
  const known = points.filter(({ value }) => value !== null);
  return known.flatMap(({ time }, index) => {
    const next = known[index + 1]?.time;
    return next !== undefined && next - time > longest ? [(time + next) / 2] : [];
  });
}
