/** What the page reads of a Grafana board: a part of its JSON, all of it optional but what every panel has. */

interface Threshold {
  value: number | null;
  color: string;
}

export interface MappingResult {
  text?: string;
  color?: string;
}

export interface FieldDefaults {
  displayName?: string;
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  color?: { mode: string; fixedColor?: string };
  thresholds?: { mode: string; steps: Threshold[] };
  mappings?: { type: string; options: Record<string, MappingResult> }[];
  custom?: Record<string, unknown>;
}

interface Override {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  collapsed?: boolean;
  fieldConfig?: { defaults: FieldDefaults; overrides: Override[] };
  options?: {
    graphMode?: string;
    legend?: { showLegend?: boolean; calcs?: string[] };
  };
  targets?: { refId: string; format: number }[];
}

export interface Board {
  uid: string;
  title: string;
  description?: string;
  time?: { from: string; to: string };
  refresh?: string;
  panels: Panel[];
}

export interface BoardSummary {
  uid: string;
  title: string;
}

export interface VariableOptions {
  name: string;
  label: string;
  multi: boolean;
  includeAll: boolean;
  options: string[];
}

export type Cell = string | number | boolean | null;

export interface PanelData {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  truncated: boolean;
  from: number;
  to: number;
}
