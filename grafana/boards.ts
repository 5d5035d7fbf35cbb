import { postureBoard } from './boards/posture.js';

/** A generated file: its name inside `grafana/generated` and its text. */
export interface BoardFile {
  name: string;
  text: string;
}

const BOARDS = { 'posture.json': postureBoard };

/** Every board as the JSON Grafana provisions and the gateway's own page draws. The same code gives the same bytes. */
export function boardFiles(): BoardFile[] {
  return Object.entries(BOARDS).map(([name, board]) => ({ name, text: `${JSON.stringify(board().build(), null, 2)}\n` }));
}
