import type { AnnotationQuery } from '#schemas/board.js';
import type { AnnotationData, Cell } from '#schemas/http/boards.js';
import { isNumber, isTime, timeOf } from './field.js';

/** An event that is drawn over the charts. */
export interface Annotation {
  query: AnnotationQuery;
  /** Milliseconds since 1970. */
  time: number;
  /** Present if it has a duration. */
  timeEnd?: number;
  title: string;
  text: string;
  tags: string[];
}

/** Maximum per chart; the newest are kept. */
const MAX_ANNOTATIONS = 200;

/** Parses rows of an annotation query by Grafana's rules: columns by name, else the first time and the first text. */
export function toAnnotations(query: AnnotationQuery, { columns, rows }: AnnotationData): Annotation[] {
  const named = (name: string): number => columns.findIndex((column) => column.name.toLowerCase() === name);
  const first = (wanted: (type: string) => boolean): number => columns.findIndex(({ type }) => wanted(type));
  const timeAt = named('time') < 0 ? first(isTime) : named('time');
  const textAt = named('text') < 0 ? first((type) => !isTime(type) && !isNumber(type)) : named('text');
  const [endAt, titleAt, tagsAt] = [named('timeend'), named('title'), named('tags')];
  return rows
    .flatMap((row) => {
      const time = momentOf(row[timeAt]);
      const timeEnd = momentOf(row[endAt]);
      if (time === undefined) return [];
      const annotation = {
        query,
        time,
        title: textOf(row[titleAt]),
        text: textOf(row[textAt]),
        tags: textOf(row[tagsAt])
          .split(',')
          .filter((tag) => tag !== ''),
      };
      return [timeEnd === undefined || timeEnd <= time ? annotation : { ...annotation, timeEnd }];
    })
    .sort((a, b) => a.time - b.time)
    .slice(-MAX_ANNOTATIONS);
}

/** Returns whether an annotation query applies to a panel. */
export function isFor({ filter }: AnnotationQuery, panel: number): boolean {
  if (filter?.ids === undefined || filter.ids.length === 0) return true;
  return filter.ids.includes(panel) !== (filter.exclude === true);
}

function momentOf(cell: Cell | undefined): number | undefined {
  if (cell === undefined || cell === null || cell === 0 || cell === '') return undefined;
  const time = typeof cell === 'number' ? cell : timeOf(cell);
  return Number.isNaN(time) ? undefined : time;
}

function textOf(cell: Cell | string[] | undefined): string {
  return Array.isArray(cell) ? cell.join(',') : String(cell ?? '');
}
