import type { Board } from '#schemas/board.js';
import type { AnnotationData, PanelData, VariableOptions } from '#schemas/http/boards.js';

/** All that the pictures of a report are made of: what `collect.ts` gathers and `page/report.ts` draws. */
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
  /** Answers by `<panel> <refId>`; the gateway's words where it had none. */
  panels: Record<string, PanelData | string>;
  annotations: Record<string, AnnotationData>;
}
