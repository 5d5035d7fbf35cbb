import { z } from 'zod';

/**
 * JSON of a Grafana board: `grafana/` writes it, `ingest/boards` runs its queries and `grafana/page` draws it. This is
 * its only definition. Fields that running the queries needs are validated; those about appearance are typed only,
 * because the page draws what it supports and leaves the rest to Grafana. Unknown fields are passed on unchanged.
 */

export interface Threshold {
  value: number | null;
  color: string;
}

export interface MappingResult {
  text?: string;
  color?: string;
  index?: number;
}

export interface Mapping {
  type: 'value' | 'range' | 'regex' | 'special';
  options: Record<string, unknown>;
}

export interface Link {
  title?: string;
  url?: string;
  targetBlank?: boolean;
}

export interface FieldDefaults {
  displayName?: string;
  description?: string;
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  color?: { mode: string; fixedColor?: string };
  thresholds?: { mode: string; steps: Threshold[] };
  mappings?: Mapping[];
  links?: Link[];
  custom?: CustomFieldOptions;
}

/** Field options of some panel types only. */
interface CustomFieldOptions {
  // Time series
  drawStyle?: 'line' | 'bars' | 'points';
  lineInterpolation?: 'linear' | 'smooth' | 'stepBefore' | 'stepAfter';
  lineWidth?: number;
  lineStyle?: { fill?: string; dash?: number[] };
  fillOpacity?: number;
  /** Title of the line down to which the area is filled. */
  fillBelowTo?: string;
  showPoints?: 'auto' | 'never' | 'always';
  pointSize?: number;
  spanNulls?: boolean | number;
  stacking?: { mode?: 'none' | 'normal' | 'percent'; group?: string };
  thresholdsStyle?: { mode?: string };
  axisPlacement?: 'auto' | 'left' | 'right' | 'hidden';
  axisLabel?: string;
  axisSoftMin?: number;
  axisSoftMax?: number;
  scaleDistribution?: { type?: 'linear' | 'log'; log?: number };
  hideFrom?: { viz?: boolean; legend?: boolean; tooltip?: boolean };
  // Table
  width?: number;
  align?: string;
  hidden?: boolean;
  cellOptions?: { type?: string; mode?: string };
}

interface FieldOverride {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
}

export interface LegendOptions {
  showLegend?: boolean;
  displayMode?: 'list' | 'table' | 'hidden';
  placement?: 'bottom' | 'right';
  calcs?: string[];
  /** For pie charts. */
  values?: string[];
}

interface PanelOptions {
  legend?: LegendOptions;
  tooltip?: { mode?: 'single' | 'multi' | 'none'; sort?: 'none' | 'asc' | 'desc' };
  reduceOptions?: { calcs?: string[]; values?: boolean; fields?: string; limit?: number };
  // Stat
  graphMode?: 'none' | 'line' | 'area';
  colorMode?: 'none' | 'value' | 'background' | 'background_solid';
  textMode?: 'auto' | 'value' | 'value_and_name' | 'name' | 'none';
  // Bar chart and bar gauge
  orientation?: 'auto' | 'horizontal' | 'vertical';
  xField?: string;
  colorByField?: string;
  stacking?: 'none' | 'normal' | 'percent';
  showValue?: 'auto' | 'never' | 'always';
  showUnfilled?: boolean;
  // Pie
  pieType?: 'pie' | 'donut';
  displayLabels?: string[];
  // State timeline
  mergeValues?: boolean;
  // Table
  sortBy?: { displayName: string; desc?: boolean }[];
  showHeader?: boolean;
  // Text
  mode?: 'markdown' | 'html' | 'code';
  content?: string;
}

interface BoardLink extends Link {
  type?: 'link' | 'dashboards';
  includeVars?: boolean;
  keepTime?: boolean;
}

/** A field that is typed but not validated. */
const typed = <T>() => z.custom<T>().optional();

const target = z.looseObject({
  refId: z.string(),
  rawSql: z.string(),
  /** 0: time series, 1: table, as in the ClickHouse data source. */
  format: z.number(),
  hide: typed<boolean>(),
});

const panelFields = {
  id: z.int(),
  type: z.string(),
  title: z.string().optional(),
  targets: z.array(target).optional(),
  maxDataPoints: z.number().nullish(),
  /** Minimum bucket width, such as `1m`. */
  interval: z.string().nullish(),
  gridPos: z.looseObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  description: typed<string>(),
  transparent: typed<boolean>(),
  links: typed<Link[]>(),
  collapsed: typed<boolean>(),
  repeat: typed<string>(),
  transformations: typed<{ id: string; disabled?: boolean }[]>(),
  fieldConfig: typed<{ defaults: FieldDefaults; overrides?: FieldOverride[] }>(),
  options: typed<PanelOptions>(),
};

const panel = z.looseObject({
  ...panelFields,
  /** Panels of a collapsed row; the panels of an expanded row follow it in the board. */
  panels: z.array(z.looseObject({ ...panelFields, panels: typed<undefined>() })).optional(),
});

const variable = z.looseObject({
  name: z.string().regex(/^\w+$/),
  type: z.enum(['query', 'custom', 'constant', 'textbox', 'interval']),
  label: z.string().nullish(),
  /** 0: shown, 1: without its label, 2: hidden. */
  hide: z.number().default(0),
  multi: z.boolean().default(false),
  includeAll: z.boolean().default(false),
  query: z.unknown(),
  current: z.looseObject({ value: z.union([z.string(), z.array(z.string())]).optional() }).nullish(),
});

const annotation = z.looseObject({
  name: z.string(),
  /** Grafana's built-in annotation query has no SQL. */
  target: z.looseObject({ rawSql: z.string().optional() }).optional(),
  enable: typed<boolean>(),
  hide: typed<boolean>(),
  iconColor: typed<string>(),
  filter: typed<{ exclude?: boolean; ids?: number[] }>(),
});

export const boardSchema = z.looseObject({
  uid: z.string(),
  title: z.string(),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
  time: z.looseObject({ from: z.string(), to: z.string() }).optional(),
  refresh: typed<string>(),
  /** 0: none, 1: shared crosshair, 2: shared tooltips. */
  graphTooltip: typed<number>(),
  links: typed<BoardLink[]>(),
  panels: z.array(panel),
  templating: z.looseObject({ list: z.array(variable).default([]) }).default({ list: [] }),
  annotations: z.looseObject({ list: z.array(annotation).default([]) }).default({ list: [] }),
});

export type Board = z.infer<typeof boardSchema>;
export type BoardPanel = z.infer<typeof panel>;
export type BoardVariable = z.infer<typeof variable>;
export type AnnotationQuery = z.infer<typeof annotation>;
