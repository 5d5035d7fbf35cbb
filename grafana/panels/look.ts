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

/** Colours with a fixed meaning on all panels. Named colours of Grafana, which adapt to the dark and light theme. */
export const VERDICT_COLORS = { allowed: 'blue', blocked: 'red', asked: 'orange' } as const;

export const SEVERITY_COLORS = {
  critical: 'purple',
  high: 'red',
  medium: 'orange',
  low: 'yellow',
  info: 'blue',
} as const;

/** Scores at which AgentShield's grades D, C, B and A begin; F is below. */
export const GRADES: readonly Threshold[] = [
  { value: 40, color: 'red' },
  { value: 60, color: 'orange' },
  { value: 75, color: 'yellow' },
  { value: 90, color: 'green' },
];

/** Returns thresholds at AgentShield's grades. */
export function gradeThresholds(): ThresholdsConfigBuilder {
  return thresholds([{ value: null, color: 'dark-red' }, ...GRADES]);
}

export function thresholds(steps: Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}

export function colorBy(mode: FieldColorModeId): FieldColorBuilder {
  return new FieldColorBuilder().mode(mode);
}

/** Severities with their colours, most severe first. */
export function severityMapping(): ValueMapping[] {
  const options = Object.entries(SEVERITY_COLORS).map(
    ([name, color], index) => [name, { text: name, color, index }] as const,
  );
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

/** Returns a mapping that colours words and leaves their text unchanged. */
export function wordMapping(colors: Readonly<Record<string, string>>): ValueMapping[] {
  const options = Object.entries(colors).map(([name, color], index) => [name, { text: name, color, index }] as const);
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

/** Maps -1, the value for "too few to say" in rates and means, to text. */
export function tooFew(text: string): ValueMapping {
  return { type: MappingType.ValueToText, options: { '-1': { text, color: 'text', index: 0 } } };
}

/** Colours the background of a column's cells by their text. */
export function colored(mappings: ValueMapping[]): DynamicConfigValue[] {
  return [
    { id: 'mappings', value: mappings },
    { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
  ];
}

/** Links a column's cells to a board that is filtered by `query`. */
export function linkTo(title: string, uid: string, query: string): DynamicConfigValue {
  return { id: 'links', value: [{ title, url: `/d/${uid}?\${org:queryparam}&${query}&\${__url_time_range}` }] };
}

/** Links a repository's name to its board. */
export const REPOSITORY_LINK = linkTo('Open this repository', 'shieldwatch-repository', 'var-repo=${__value.raw}');

/**
 * Removes `placement` from a dashboard link or annotation: the SDK always writes "inControlsMenu", which hides it in
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

/** Shows a column of times to the second, in the reader's time zone. */
export function timeColumn(heading: string): DynamicConfigValue[] {
  return [...column(heading, 170), { id: 'unit', value: 'dateTimeAsIso' }];
}

/** Sets a column's heading, and its width in pixels if it should not take the remaining space. */
export function column(heading: string, width?: number): DynamicConfigValue[] {
  return [
    { id: 'displayName', value: heading },
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
  ];
}
