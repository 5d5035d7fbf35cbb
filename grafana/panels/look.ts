import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
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

/** Where AgentShield's grades D, C, B and A begin on its score; F is below. */
export const GRADES: readonly Threshold[] = [
  { value: 40, color: 'red' },
  { value: 60, color: 'orange' },
  { value: 75, color: 'yellow' },
  { value: 90, color: 'green' },
];

/** AgentShield's grades on its score. */
export function gradeThresholds(): ThresholdsConfigBuilder {
  return thresholds([{ value: null, color: 'dark-red' }, ...GRADES]);
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

/**
 * A dashboard link or annotation without `placement`: the SDK always writes "inControlsMenu", which hides it in
 * Grafana 12.3.
 */
export function withoutPlacement<T extends { placement?: unknown }>(builder: Builder<T>): Builder<T> {
  return {
    build: () => {
      const shown = builder.build();
      delete shown.placement;
      return shown;
    },
  };
}

/** A column of times, to the second, in the reader's time zone. */
export function timeColumn(heading: string): DynamicConfigValue[] {
  return [...column(heading, 170), { id: 'unit', value: 'dateTimeAsIso' }];
}

/** A column's heading and its width in pixels, where it should not take what is left. */
export function column(heading: string, width?: number): DynamicConfigValue[] {
  return [
    { id: 'displayName', value: heading },
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
  ];
}
