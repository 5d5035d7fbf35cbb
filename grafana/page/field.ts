import type { FieldDefaults, MappingResult, BoardPanel } from '#schemas/board.js';
import type { Cell } from '#schemas/http/boards.js';
import { formatNumber, formatTime } from './format.js';

/** A column or a line of a panel: its name and labels in the data, and its display options. */
export interface Field {
  name: string;
  labels: Record<string, string>;
  /** ClickHouse type. */
  type: string;
  /** Display name. */
  title: string;
  config: FieldDefaults;
}

export interface FieldSource {
  name: string;
  labels?: Record<string, string>;
  type?: string;
  refId?: string;
}

/** Applies the panel's defaults and the matching overrides, by Grafana's rules. */
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

/** Parses `/pattern/flags` as Grafana writes it, or a plain pattern; undefined if it is neither. */
export function regexOf(text: string): RegExp | undefined {
  const [, pattern = text, flags = ''] = /^\/(.*)\/([a-z]*)$/.exec(text) ?? [];
  try {
    return new RegExp(pattern, flags.replace('g', ''));
  } catch {
    return undefined;
  }
}

/** Returns Grafana's name of a field: its template, else name and label, or all labels if there are several. */
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

/** Returns the text of a value; null has none unless the board defines one. */
export function textOf(value: Cell, field: Field): string {
  const mapped = mappingOf(value, field);
  if (mapped?.text !== undefined && mapped.text !== '') return mapped.text;
  if (value === null) return field.config.noValue ?? '';
  if (typeof value === 'number') return formatNumber(value, field.config.unit, field.config.decimals);
  if (isTime(field.type)) return formatTime(timeOf(value), field.config.unit);
  return String(value);
}

/** Returns the colour of a value, by mapping, fixed colour or threshold; undefined if it has none. */
export function colorOf(value: Cell, field: Field): string | undefined {
  const mapped = mappingOf(value, field);
  if (mapped?.color !== undefined) return mapped.color;
  const { color, thresholds, min = 0, max = 100 } = field.config;
  if (color?.mode === 'fixed') return color.fixedColor;
  if (color?.mode !== 'thresholds' || typeof value !== 'number') return undefined;
  const measured = thresholds?.mode === 'percentage' ? (100 * (value - min)) / (max - min || 1) : value;
  return thresholds?.steps.findLast((step) => step.value === null || measured >= step.value)?.color;
}

/** Returns the index of a value in its mapping, so that severities sort by severity instead of alphabetically. */
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

/** Parses a time from the gateway to milliseconds since 1970: ISO, or a plain ClickHouse time in UTC. */
export function timeOf(value: Cell | undefined): number {
  const text = String(value);
  return Date.parse(/^\d{4}-\d\d-\d\d \d\d:\d\d/.test(text) ? `${text.replace(' ', 'T')}Z` : text);
}
