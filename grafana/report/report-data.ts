import type { Board } from '#schemas/board.js';
import type { AnnotationData, PanelData, VariableOptions } from '#schemas/http/boards.js';

/** Data of a report: `collect.ts` gathers it and `page/report.ts` draws it. */
export interface ReportData {
  org: string;
  from: number;
  to: number;
  /** Milliseconds since 1970. */
  generatedAt: number;
  boards: BoardReport[];
}

export interface BoardReport {
  board: Board;
  variables: VariableOptions[];
  /** Responses by `<panel> <refId>`; the gateway's error message if there is none. */
  panels: Record<string, PanelData | string>;
  annotations: Record<string, AnnotationData>;
}
