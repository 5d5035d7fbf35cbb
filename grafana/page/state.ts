/** State of the page, all of it in the URL, so that a link and the back button restore it. */
export interface State {
  board: string;
  /** As in Grafana's URLs: `now-6h`, or milliseconds since 1970. */
  from: string;
  to: string;
  /** `5s`, `1m`, or empty for off. */
  refresh: string;
  /** Chosen values by variable; `$__all` alone is "All", a missing variable has the board's default. */
  variables: Record<string, readonly string[]>;
  /** Names of hidden annotations. */
  without: string[];
}

/** "All" in Grafana's URLs. */
export const ALL = '$__all';

const PATH = /^\/boards\/([^/]+)$/;

/** Returns the board that an address names; undefined for the default board. */
export function boardOf(path: string): string | undefined {
  const [, uid] = PATH.exec(path) ?? [];
  return uid === undefined ? undefined : decodeURIComponent(uid);
}

/** Reads a URL's query; missing values come from `fallback`. */
export function fromSearch(search: string, fallback: State): State {
  const query = new URLSearchParams(search);
  const variables: Record<string, string[]> = {};
  for (const [name, value] of query) {
    if (name.startsWith('var-')) (variables[name.slice('var-'.length)] ??= []).push(value);
  }
  return {
    board: fallback.board,
    from: query.get('from') ?? fallback.from,
    to: query.get('to') ?? fallback.to,
    refresh: query.get('refresh') ?? fallback.refresh,
    variables,
    without: query.has('without') ? query.getAll('without') : fallback.without,
  };
}

/** Returns range and variables as a query, without `?`, for the API. */
export function toQuery({ from, to, variables }: Pick<State, 'from' | 'to' | 'variables'>): string {
  const query = new URLSearchParams({ from, to });
  for (const [name, values] of Object.entries(variables)) {
    for (const value of values) query.append(`var-${name}`, value);
  }
  return query.toString();
}

/** Returns the page's address for a state. */
export function toAddress(state: State): string {
  const query = new URLSearchParams(toQuery(state));
  query.set('refresh', state.refresh);
  for (const name of state.without) query.append('without', name);
  return `/boards/${encodeURIComponent(state.board)}?${query.toString()}`;
}

/** Milliseconds between two loads; undefined for none. */
export function refreshMs(refresh: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,5})([smh])$/.exec(refresh) ?? [];
  const length = { s: 1_000, m: 60_000, h: 3_600_000 }[unit];
  return length === undefined ? undefined : Number(count) * length;
}
