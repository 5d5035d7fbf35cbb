/** What the page shows, all of it in the URL, so that a link and the back button bring it back. */
export interface State {
  board: string;
  /** As Grafana's URLs have it: `now-6h`, or milliseconds since 1970. */
  from: string;
  to: string;
  /** `5s`, `30s`, or empty for off. */
  refresh: string;
  /** Chosen values by variable; a variable that is not here is "All". */
  variables: Record<string, string[]>;
}

/** Reads a URL's query; what it does not say comes from `fallback`. */
export function fromSearch(search: string, fallback: State): State {
  const query = new URLSearchParams(search);
  const variables: Record<string, string[]> = {};
  for (const [name, value] of query) {
    if (!name.startsWith('var-') || value === '$__all') continue;
    (variables[name.slice('var-'.length)] ??= []).push(value);
  }
  return {
    board: query.get('board') ?? fallback.board,
    from: query.get('from') ?? fallback.from,
    to: query.get('to') ?? fallback.to,
    refresh: query.get('refresh') ?? fallback.refresh,
    variables,
  };
}

export function toSearch(state: State): string {
  const query = new URLSearchParams({ board: state.board, from: state.from, to: state.to, refresh: state.refresh });
  for (const [name, values] of Object.entries(state.variables)) {
    for (const value of values) query.append(`var-${name}`, value);
  }
  return query.toString();
}
