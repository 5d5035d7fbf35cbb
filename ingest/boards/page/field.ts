import { formatNumber, formatTime } from './format.js';
import type { Cell, FieldDefaults, MappingResult, Panel } from './model.js';

/** A column or a line of a panel: its data's name, labels, and how the board wants it shown. */
export interface Field {
  name: string;
  /** What people read. */
  title: string;
  config: FieldDefaults;
}

/** Applies the panel's defaults and the overrides that match, by Grafana's rules. */
export function resolveField(panel: Panel, name: string, labels: Record<string, string> = {}): Field {
  const defaults = panel.fieldConfig?.defaults ?? {};
  const natural = titleOf(defaults.displayName, name, labels);
  let config: FieldDefaults = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    if (matcher.id !== 'byName' || (matcher.options !== name && matcher.options !== natural)) continue;
    for (const { id, value } of properties) {
      config = id.startsWith('custom.')
        ? { ...config, custom: { ...config.custom, [id.slice('custom.'.length)]: value } }
        : { ...config, [id]: value };
    }
  }
  return { name, title: titleOf(config.displayName, name, labels), config };
}

function titleOf(pattern: string | undefined, name: string, labels: Record<string, string>): string {
  const title = pattern?.replace(/\$\{__field\.labels\.(\w+)\}/g, (_, label: string) => labels[label] ?? '') ?? '';
  return title === '' ? [name, ...Object.values(labels)].join(' ') : title;
}

/** The text of a value; null has none of its own. */
export function textOf(value: Cell, field: Field, type: string): string {
  const mapped = mappingOf(value, field);
  if (mapped?.text !== undefined) return mapped.text;
  if (value === null) return '';
  if (typeof value === 'number') return formatNumber(value, field.config.unit, field.config.decimals);
  if (isTime(type)) return formatTime(Date.parse(String(value)));
  return String(value);
}

/** The colour a value has, by mapping or threshold; undefined when it has none. */
export function colorOf(value: Cell, field: Field): string | undefined {
  const mapped = mappingOf(value, field);
  if (mapped?.color !== undefined) return mapped.color;
  const { color, thresholds } = field.config;
  if (color?.mode === 'fixed') return color.fixedColor;
  if (color?.mode !== 'thresholds' || typeof value !== 'number') return undefined;
  return thresholds?.steps.findLast((step) => step.value === null || value >= step.value)?.color;
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
    if (type === 'value' && Object.hasOwn(options, String(value))) return options[String(value)];
  }
  return undefined;
}

export function isTime(type: string): boolean {
  return /\bDate(Time|Time64)?\b/.test(type);
}

export function isNumber(type: string): boolean {
  return /\b(U?Int\d+|Float\d+|Decimal)/.test(type);
}
