import type { Board, BoardSummary, PanelData, VariableOptions } from './model.js';
import { toSearch, type State } from './state.js';

/** An answer that is no success, with the words the gateway chose for people. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function fetchBoards(): Promise<BoardSummary[]> {
  return (await get<{ boards: BoardSummary[] }>('/boards/api/boards')).boards;
}

export function fetchBoard(uid: string): Promise<Board> {
  return get(`/boards/api/boards/${encodeURIComponent(uid)}`);
}

export async function fetchVariables(state: State): Promise<VariableOptions[]> {
  const { board } = state;
  const address = `/boards/api/boards/${encodeURIComponent(board)}/variables?${toSearch({ ...state, variables: {} })}`;
  return (await get<{ variables: VariableOptions[] }>(address)).variables;
}

export function fetchPanel(state: State, id: number, refId: string, signal: AbortSignal): Promise<PanelData> {
  const address = `/boards/api/boards/${encodeURIComponent(state.board)}/panels/${String(id)}`;
  return get(`${address}?refId=${encodeURIComponent(refId)}&${toSearch(state)}`, signal);
}

async function get<T>(address: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(address, { ...(signal === undefined ? {} : { signal }), headers: { accept: 'application/json' } });
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  throw new ApiError(response.status, body.error?.message ?? `the gateway answered ${String(response.status)}`);
}
