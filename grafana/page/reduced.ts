import type { BoardPanel } from '#schemas/board.js';
import type { Cell, PanelData } from '#schemas/http/boards.js';
import { calculate } from './calcs.js';
import { isNumber, isTime, regexOf, resolveField, textOf, type Field } from './field.js';
import { subjectOf } from './subject.js';
import { toSeries, type Point } from './series.js';
import type { Subject } from './scope.js';

/** One value that a stat, a bar gauge or a pie shows. */
export interface Reduced {
  field: Field;
  value: Cell;
  /** Its line over time; empty if the rows are not a time series. */
  points: Point[];
  subject: Subject;
}

/** Returns values by the panel's `reduceOptions`: one calculation per line or column, or each row's own values. */
export function reduce(panel: BoardPanel, data: PanelData[]): Reduced[] {
  const { values = false, limit = Infinity, calcs = [] } = panel.options?.reduceOptions ?? {};
  const all = values
    ? data.flatMap((frame) => byRow(panel, frame))
    : data.flatMap((frame, index) => byColumn(panel, frame, index, calcs[0]));
  return all.slice(0, limit);
}

function byColumn(panel: BoardPanel, frame: PanelData, at: number, calc: string | undefined): Reduced[] {
  const target = panel.targets?.[at];
  if (target?.format === 0) {
    const lines = toSeries({ ...panel, targets: [target] }, [frame]);
    return lines.flatMap(({ field, points }) => {
      if (!isWanted(panel, field)) return [];
      const value = calculate(
        calc,
        points.map((point) => point.value),
      );
      return [{ field, value, points, subject: subjectOf(field, value) }];
    });
  }
  const fields = frame.columns.map(({ name, type }) => resolveField(panel, { name, type }));
  const timeAt = frame.columns.findIndex(({ type }) => isTime(type));
  return fields.flatMap((field, index) => {
    if (!isWanted(panel, field)) return [];
    const cells = frame.rows.map((row) => row[index] ?? null);
    const numbers = cells.filter((cell) => typeof cell === 'number');
    const value = isNumber(field.type) ? calculate(calc, numbers) : (cells.findLast((cell) => cell !== null) ?? null);
    const points =
      timeAt < 0 || !isNumber(field.type)
        ? []
        : (toSeries(panel, [
            {
              ...frame,
              columns: [
                frame.columns[timeAt] ?? { name: '', type: '' },
                frame.columns[index] ?? { name: '', type: '' },
              ],
              rows: frame.rows.map((row) => [row[timeAt] ?? null, row[index] ?? null]),
            },
          ])[0]?.points ?? []);
    return [{ field, value, points, subject: subjectOf(field, value, fields, frame.rows.at(-1)) }];
  });
}

function byRow(panel: BoardPanel, frame: PanelData): Reduced[] {
  const fields = frame.columns.map(({ name, type }) => resolveField(panel, { name, type }));
  const nameAt = fields.findIndex(({ type }) => !isNumber(type) && !isTime(type));
  const shown = fields.flatMap((field, index) => (isWanted(panel, field) && index !== nameAt ? [index] : []));
  return frame.rows.flatMap((row) =>
    shown.flatMap((index) => {
      const field = fields[index];
      if (field === undefined) return [];
      const nameField = fields[nameAt];
      const name = nameField === undefined ? '' : textOf(row[nameAt] ?? null, nameField);
      const title = nameField === undefined ? field.title : shown.length > 1 ? `${name} ${field.title}` : name;
      const value = row[index] ?? null;
      // An override may set the colour of a row's name.
      const named = name === '' ? field : resolveField(panel, { name, type: field.type });
      const config =
        panel.fieldConfig?.overrides?.some(({ matcher }) => matcher.options === name) === true
          ? { ...field.config, ...named.config }
          : field.config;
      return [
        {
          field: { ...field, title, config },
          value,
          points: [],
          subject: subjectOf({ ...field, title }, value, fields, row),
        },
      ];
    }),
  );
}

/** Matches `reduceOptions.fields`: empty for numbers only, a name, or a pattern between slashes. */
function isWanted(panel: BoardPanel, { name, title, type, config }: Field): boolean {
  if (config.custom?.hideFrom?.viz === true) return false;
  const { fields = '' } = panel.options?.reduceOptions ?? {};
  if (fields === '') return isNumber(type);
  if (!fields.startsWith('/')) return fields === name || fields === title;
  const pattern = regexOf(fields);
  return pattern !== undefined && [name, title].some((each) => pattern.test(each));
}
