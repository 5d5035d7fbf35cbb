import type { Cell } from '#schemas/http/boards.js';
import { textOf, type Field } from './field.js';
import type { Subject } from './scope.js';

/** A value with everything that a link on it may reference, including its row. */
export function subjectOf(field: Field, value: Cell, fields: Field[] = [], row: Cell[] = []): Subject {
  const columns: Subject['fields'] = {};
  fields.forEach((each, index) => {
    const cell = row[index] ?? null;
    const entry = { value: String(cell ?? ''), text: textOf(cell, each) };
    columns[each.title] = entry;
    columns[each.name] = entry;
  });
  return {
    fields: columns,
    value: String(value ?? ''),
    text: textOf(value, field),
    name: field.title,
    labels: field.labels,
  };
}
