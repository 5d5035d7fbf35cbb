import type { FieldDefaults, MappingResult, BoardPanel } from '#schemas/board.js';
import type { Cell } from '#schemas/http/boards.js';
import { formatNumber, formatTime } from './format.js';

/** A column or a line of a panel: its data's name, labels, and how the board wants it shown. */
export interface Field {
  name: string;
  labels: Record<string, string>;
  /** Type of the store. */
  type: string;
  /** What people read. */
  title: string;
  config: FieldDefaults;
}

export interface FieldSource {
  name: string;
  labels?: Record<string, string>;
  type?: string;
  refId?: string;
}

/** Applies the panel's defaults and the overrides that match, by Grafana's rules. */
export function resolveField(panel: BoardPanel, source: FieldSource): Field {
  const { name, labels = {}, type = '', refId } = source;
  const defaults = panel.fieldConfig?.defaults ?? {};
  const natural = titleOf(defaults.displayName, name, labels);
  let config: FieldDefaults = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    if (!matches(matcher, [name, natural], type, refId)) continue;
    for (const { id, value } of properties) {
      config = id.startsWith('custom.')
        ? { ...config, custom: { ...config.custom, [id.slice('custom.'.length)]: value } }
        : { ...config, [id]: value };
    }
  }
  return { name, labels, type, title: titleOf(config.displayName, name, labels), config };
}

function matches(
  { id, options }: { id: string; options?: unknown },
  names: string[],
  type: string,
  refId: string | undefined,
): boolean {
  if (id === 'byName') return names.includes(String(options));
  if (id === 'byType') return options === (isNumber(type) ? 'number' : isTime(type) ? 'time' : 'string');
  if (id === 'byFrameRefID') return options === refId;
  if (id === 'byNames')
    return ((options as { names?: string[] } | undefined)?.names ?? []).some((each) => names.includes(each));
  if (id === 'byRegexp') {
    const pattern = regexOf(String(options));
    return pattern !== undefined && names.some((each) => pattern.test(each));
  }
  return false;
}

/** `/pattern/flags` as Grafana writes it, or a plain pattern; undefined for one that is none. */
export function regexOf(text: string): RegExp | undefined {
  const [, pattern = text, flags = ''] = /^\/(.*)\/([a-z]*)$/.exec(text) ?? [];
  try {
    return new RegExp(pattern, flags.replace('g', ''));
  } catch {
    return undefined;
  }
}

/** Grafana's name of a field: its template, else name and label, or all labels where there are several. */
function titleOf(pattern: string | undefined, name: string, labels: Record<string, string>): string {
  const title =
    pattern?.replace(/\$\{__field\.(?:labels\.(\w+)|(name))\}/g, (_, label?: string) =>
      label === undefined ? name : (labels[label] ?? ''),
    ) ?? '';
  if (title !== '') return title;
  const pairs = Object.entries(labels);
  if (pairs.length < 2) return [name, ...pairs.map(([, value]) => value)].join(' ');
  return `${name} {${pairs.map(([label, value]) => `${label}="${value}"`).join(', ')}}`;
}

/** The text of a value; null has none of its own unless the board gives it one. */
export function textOf(value: Cell, field: Field): string {
  const mapped = mappingOf(value, field);
  if (mapped?.text !== undefined && mapped.text !== '') return mapped.text;
  if (value === null) return field.config.noValue ?? '';
  if (typeof value === 'number') return formatNumber(value, field.config.unit, field.config.decimals);
  if (isTime(field.type)) return formatTime(timeOf(value), field.config.unit);
  return String(value);
}

/** The colour a value has, by mapping, fixed choice or threshold; undefined when it has none. */
export function colorOf(value: Cell, field: Field): string | undefined {
  const mapped = mappingOf(value, field);
  if (mapped?.color !== undefined) return mapped.color;
  const { color, thresholds, min = 0, max = 100 } = field.config;
  if (color?.mode === 'fixed') return color.fixedColor;
  if (color?.mode !== 'thresholds' || typeof value !== 'number') return undefined;
  const measured = thresholds?.mode === 'percentage' ? (100 * (value - min)) / (max - min || 1) : value;
  return thresholds?.steps.findLast((step) => step.value === null || measured >= step.value)?.color;
}

/** Place of a value in its mapping, so that severities sort by weight and not by letter. */
export function rankOf(value: Cell, field: Field): number | undefined {
  for (const { type, options } of field.config.mappings ?? []) {
    const rank = type === 'value' ? Object.keys(options).indexOf(String(value)) : -1;
    if (rank >= 0) return rank;
  }
  return undefined;
}

function mappingOf(value: Cell, field: Field): MappingResult | undefined {
  for (const { type, options } of field.config.mappings ?? []) {
    if (type === 'value') {
      if (Object.hasOwn(options, String(value))) return options[String(value)] as MappingResult;
      continue;
    }
    const { from, to, pattern, match, result } = options as {
      from?: number | null;
      to?: number | null;
      pattern?: string;
      match?: string;
      result?: MappingResult;
    };
    if (type === 'range' && typeof value === 'number' && value >= (from ?? -Infinity) && value <= (to ?? Infinity))
      return result;
    if (type === 'regex' && typeof value === 'string' && regexOf(pattern ?? '')?.test(value) === true) return result;
    if (type === 'special' && isSpecial(value, match)) return result;
  }
  return undefined;
}

function isSpecial(value: Cell, match: string | undefined): boolean {
  switch (match) {
    case 'null':
    case 'null+nan':
      return value === null;
    case 'true':
      return value === true;
    case 'false':
      return value === false;
    case 'empty':
      return value === '';
    case undefined:
    default:
      return false;
  }
}

export function isTime(type: string): boolean {
  return /\bDate(Time|Time64|32)?\b/.test(type);
}

export function isNumber(type: string): boolean {
  return /\b(U?Int\d+|Float\d+|Decimal)/.test(type) && !/^(Array|Map|Tuple)\b/.test(type);
}

/** Milliseconds since 1970 of a time as the gateway sends it: ISO, or a plain ClickHouse time in UTC. */
export function timeOf(value: Cell | undefined): number {
  const text = String(value);
  return Date.parse(/^\d{4}-\d\d-\d\d \d\d:\d\d/.test(text) ? `${text.replace(' ', 'T')}Z` : text);
}
