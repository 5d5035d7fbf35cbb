import {
  FieldColorBuilder,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DynamicConfigValue,
  type FieldColorModeId,
  type Threshold,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';

/** Colours that mean something, the same on every panel. Grafana's names, so that dark and light are its business. */
export const VERDICT_COLORS = { allowed: 'blue', blocked: 'red', asked: 'orange' } as const;

export const SEVERITY_COLORS = {
  critical: 'purple',
  high: 'red',
  medium: 'orange',
  low: 'yellow',
  info: 'blue',
} as const;

/** AgentShield's grades on its score: F below 40, D, C, B, and A from 90. */
export function gradeThresholds(): ThresholdsConfigBuilder {
  return thresholds([
    { value: null, color: 'dark-red' },
    { value: 40, color: 'red' },
    { value: 60, color: 'orange' },
    { value: 75, color: 'yellow' },
    { value: 90, color: 'green' },
  ]);
}

export function thresholds(steps: Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}

export function colorBy(mode: FieldColorModeId): FieldColorBuilder {
  return new FieldColorBuilder().mode(mode);
}

/** Severity words with their colour, worst first. */
export function severityMapping(): ValueMapping[] {
  const options = Object.entries(SEVERITY_COLORS).map(
    ([name, color], index) => [name, { text: name, color, index }] as const,
  );
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

/** Words as they are, each with its colour. */
export function wordMapping(colors: Readonly<Record<string, string>>): ValueMapping[] {
  const options = Object.entries(colors).map(([name, color], index) => [name, { text: name, color, index }] as const);
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

/** The number that stands for "too few to say" in rates and means, as text. */
export function tooFew(text: string): ValueMapping {
  return { type: MappingType.ValueToText, options: { '-1': { text, color: 'text', index: 0 } } };
}

/** A column's cells on the colour of what they say. */
export function colored(mappings: ValueMapping[]): DynamicConfigValue[] {
  return [
    { id: 'mappings', value: mappings },
    { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
  ];
}

/** A column's cells lead to a board, where `query` chooses what they are about. */
export function linkTo(title: string, uid: string, query: string): DynamicConfigValue {
  return { id: 'links', value: [{ title, url: `/d/${uid}?\${org:queryparam}&${query}&\${__url_time_range}` }] };
}

/** A repository's name leads to its board. */
export const REPOSITORY_LINK = linkTo('Open this repository', 'shieldwatch-repository', 'var-repo=${__value.raw}');

/** A column's heading and its width in pixels, where it should not take what is left. */
export function column(heading: string, width?: number): DynamicConfigValue[] {
  return [
    { id: 'displayName', value: heading },
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
  ];
}
