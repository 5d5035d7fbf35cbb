import type { BoardPanel } from '#schemas/board.js';
import type { Cell, PanelData } from '#schemas/http/boards.js';
import { isTime, resolveField, textOf, timeOf, type Field } from './field.js';
import { toSeries } from './series.js';

/** A period with one state. */
export interface Stretch {
  /** Seconds since 1970. */
  from: number;
  to: number;
  value: Cell;
}

export interface Lane {
  field: Field;
  stretches: Stretch[];
}

/**
 * Returns states over time: one lane per line of a time series, or per column beside the time of a table. A state holds
 * until the next row, the last one until the end of the range or now; null is no state. Adjacent periods with the same
 * text are merged unless `mergeValues` is off.
 */
export function toLanes(panel: BoardPanel, data: PanelData[], now: number): Lane[] {
  return data.flatMap((frame, index) => {
    const target = panel.targets?.[index];
    const until = Math.min(frame.to, now) / 1_000;
    const changes =
      target?.format === 0
        ? toSeries({ ...panel, targets: [target] }, [frame]).map(({ field, points }) => ({ field, points }))
        : columnsOf(panel, frame);
    return changes.map(({ field, points }) => ({
      field,
      stretches: stretchesOf(
        field,
        points,
        Math.max(until, points.at(-1)?.time ?? 0),
        panel.options?.mergeValues !== false,
      ),
    }));
  });
}

function columnsOf(
  panel: BoardPanel,
  { columns, rows }: PanelData,
): { field: Field; points: { time: number; value: Cell }[] }[] {
  const timeAt = columns.findIndex(({ type }) => isTime(type));
  if (timeAt < 0) return [];
  return columns.flatMap(({ name, type }, at) => {
    if (isTime(type)) return [];
    return [
      {
        field: resolveField(panel, { name, type }),
        points: rows.map((row) => ({ time: timeOf(row[timeAt]) / 1_000, value: row[at] ?? null })),
      },
    ];
  });
}

function stretchesOf(
  field: Field,
  points: { time: number; value: Cell }[],
  until: number,
  isMerged: boolean,
): Stretch[] {
  const stretches: Stretch[] = [];
  points
    .toSorted((a, b) => a.time - b.time)
    .forEach(({ time, value }, index, all) => {
      const to = all[index + 1]?.time ?? until;
      const last = stretches.at(-1);
      if (value === null || to < time) return;
      if (isMerged && last !== undefined && last.to === time && textOf(last.value, field) === textOf(value, field))
        last.to = to;
      else stretches.push({ from: time, to, value });
    });
  return stretches;
}
