import type { Board } from '#schemas/board.js';
import type { AnnotationData, BoardsHome, PanelData, VariableOptions } from '#schemas/http/boards.js';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { findKey } from './session-key.js';
import { toQuery, type State } from './state.js';

/** Thrown for an unsuccessful response, with the gateway's message for users. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Source of a board's rows: the gateway, or a report's data. */
export interface Source {
  panel(state: State, id: number, refId: string, signal: AbortSignal): Promise<PanelData>;
  annotation(state: State, name: string, signal: AbortSignal): Promise<AnnotationData>;
}

export function fetchHome(): Promise<BoardsHome> {
  return get('/boards/api/boards');
}

/** `search` is passed on unchanged: it may name another organisation, for which the gateway returns no board. */
export function fetchBoard(uid: string, search: string): Promise<Board> {
  return get(`${addressOf(uid)}${search}`);
}

export async function fetchVariables(uid: string, search: string): Promise<VariableOptions[]> {
  return (await get<{ variables: VariableOptions[] }>(`${addressOf(uid)}/variables${search}`)).variables;
}

export const gateway: Source = {
  panel: (state, id, refId, signal) =>
    get(`${addressOf(state.board)}/panels/${String(id)}?refId=${encodeURIComponent(refId)}&${toQuery(state)}`, signal),
  annotation: (state, name, signal) =>
    get(`${addressOf(state.board)}/annotations/${encodeURIComponent(name)}?${toQuery(state)}`, signal),
};

function addressOf(uid: string): string {
  return `/boards/api/boards/${encodeURIComponent(uid)}`;
}

async function get<T>(address: string, signal?: AbortSignal): Promise<T> {
  const key = await findKey();
  const headers = { accept: 'application/json', ...(key === undefined ? {} : { [HEADER_SESSION_KEY]: key }) };
  const response = await fetch(address, { ...(signal === undefined ? {} : { signal }), headers });
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  throw new ApiError(response.status, body.error?.message ?? `the gateway answered ${String(response.status)}`);
}
