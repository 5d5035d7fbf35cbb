/** What the page reads of a Grafana board: a part of its JSON, all of it optional but what every panel has. */

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
  custom?: Custom;
}

/** Options of a field that only some panel types know. */
export interface Custom {
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

interface Override {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
}

export interface LegendOptions {
  showLegend?: boolean;
  displayMode?: 'list' | 'table' | 'hidden';
  placement?: 'bottom' | 'right';
  calcs?: string[];
  /** Of a pie. */
  values?: string[];
}

export interface PanelOptions {
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

export interface Target {
  refId: string;
  format: number;
  hide?: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: { x: number; y: number; w: number; h: number };
  links?: Link[];
  collapsed?: boolean;
  /** Of a row that is folded. */
  panels?: Panel[];
  repeat?: string;
  transformations?: { id: string; disabled?: boolean }[];
  fieldConfig?: { defaults: FieldDefaults; overrides?: Override[] };
  options?: PanelOptions;
  targets?: Target[];
}

export interface AnnotationQuery {
  name: string;
  enable?: boolean;
  hide?: boolean;
  iconColor?: string;
  filter?: { exclude?: boolean; ids?: number[] };
  target?: { rawSql?: string };
}

export interface BoardLink extends Link {
  type?: 'link' | 'dashboards';
  includeVars?: boolean;
  keepTime?: boolean;
}

export interface Board {
  uid: string;
  title: string;
  description?: string;
  time?: { from: string; to: string };
  refresh?: string;
  /** 0: nothing, 1: one crosshair for all charts, 2: their tooltips too. */
  graphTooltip?: number;
  annotations?: { list?: AnnotationQuery[] };
  links?: BoardLink[];
  panels: Panel[];
}

export interface BoardSummary {
  uid: string;
  title: string;
  description?: string;
}

/** The boards, and what the page must know before it opens one. */
export interface Home {
  org: string;
  home: string;
  isEmpty: boolean;
  grafanaUrl?: string;
  boards: BoardSummary[];
}

export interface Option {
  text: string;
  value: string;
}

export interface VariableOptions {
  name: string;
  label: string;
  kind: 'choice' | 'text';
  multi: boolean;
  includeAll: boolean;
  dependsOn: string[];
  options: Option[];
  value: string[] | 'all';
}

export type Cell = string | number | boolean | null;

export interface PanelData {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  truncated: boolean;
  from: number;
  to: number;
  /** Set where the plan shows nothing before, and more was asked for. */
  historyFrom?: number;
}
