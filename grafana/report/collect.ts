import { z } from 'zod';
import { boardSchema } from '#schemas/board.js';
import { CommandError } from '#schemas/errors.js';
import type { AnnotationData, PanelData, TimeRange, VariableOptions } from '#schemas/http/boards.js';
import type { BoardReport, ReportData } from './report-data.js';

/** Connection to a gateway with permission to read. */
export interface GatewayAccess {
  url: string;
  /** `authorization` of a token, or `cookie` and key of a session. */
  headers: Record<string, string>;
}

export interface ReportRequest {
  /** Expected organisation; default: the reader's own. */
  org?: string;
  /** Uids, or `all`; default: the first board. */
  boards: readonly string[];
  range: TimeRange;
  /** Values of the boards' variables; a board ignores unknown ones. */
  variables: Readonly<Record<string, readonly string[]>>;
}

const homeSchema = z.object({ org: z.string(), home: z.string(), boards: z.array(z.object({ uid: z.string() })) });
const chosen = z.object({ name: z.string(), value: z.union([z.literal('all'), z.array(z.string())]) });
const variablesSchema = z.object({
  variables: z.array(z.custom<VariableOptions>((value) => chosen.safeParse(value).success)),
});
const errorSchema = z.object({ error: z.object({ message: z.string() }) });
/** Timeout of one response in milliseconds; the store cancels a query earlier. */
const ANSWER_MS = 60_000;

/**
 * Requests everything that the boards show over a range, as the page in a browser does.
 *
 * @throws CommandError if the gateway refuses, does not respond, or belongs to another organisation
 */
export async function collectReport(access: GatewayAccess, request: ReportRequest): Promise<ReportData> {
  const home = homeSchema.parse(await ask(access, '/boards/api/boards'));
  if (request.org !== undefined && request.org !== home.org)
    throw new CommandError(`this reader sees another organisation than ${request.org}`);
  const all = home.boards.map(({ uid }) => uid);
  const wanted = request.boards.length === 0 ? [home.home] : request.boards.includes('all') ? all : request.boards;
  const unknown = wanted.find((uid) => !all.includes(uid));
  if (unknown !== undefined) throw new CommandError(`there is no board ${unknown}; there are: ${all.join(', ')}`);
  const { from, to } = request.range;
  const boards: BoardReport[] = [];
  // One board after another, its panels in parallel: as many requests at once as a browser would send.
  for (const uid of wanted) boards.push(await collectBoard(access, uid, request));
  return { org: home.org, from, to, generatedAt: Date.now(), boards };
}

async function collectBoard(
  access: GatewayAccess,
  uid: string,
  { range, variables }: ReportRequest,
): Promise<BoardReport> {
  const address = `/boards/api/boards/${encodeURIComponent(uid)}`;
  const board = boardSchema.parse(await ask(access, address));
  const query = new URLSearchParams({ from: String(range.from), to: String(range.to) });
  for (const { name } of board.templating.list) {
    for (const value of variables[name] ?? []) query.append(`var-${name}`, value);
  }
  const offered = variablesSchema.parse(await ask(access, `${address}/variables?${query.toString()}`));
  for (const { name, value } of offered.variables) {
    if (query.has(`var-${name}`)) continue;
    for (const each of value === 'all' ? ['$__all'] : value) query.append(`var-${name}`, each);
  }
  const panels = board.panels
    .flatMap((panel) => [panel, ...(panel.panels ?? [])])
    .flatMap(({ id, targets = [] }) => targets.map(({ refId }) => ({ id, refId })));
  const answers = await Promise.all(
    panels.map(async ({ id, refId }) => {
      // A panel that the store cannot answer does not affect the others.
      const panelAddress = `${address}/panels/${String(id)}?refId=${encodeURIComponent(refId)}&${query.toString()}`;
      const rows = await ask<PanelData>(access, panelAddress).catch((error: unknown) =>
        String(error instanceof CommandError ? error.message : error),
      );
      return [`${String(id)} ${refId}`, rows] as const;
    }),
  );
  const named = board.annotations.list.filter(({ target, enable }) => target?.rawSql !== undefined && enable !== false);
  const annotations = await Promise.all(
    named.map(
      async ({ name }) =>
        [
          name,
          await ask<AnnotationData>(access, `${address}/annotations/${encodeURIComponent(name)}?${query.toString()}`),
        ] as const,
    ),
  );
  return {
    board,
    variables: offered.variables,
    panels: Object.fromEntries(answers),
    annotations: Object.fromEntries(annotations),
  };
}

/** `T` is the response of this gateway's version; schemas check only what later requests depend on. */
async function ask<T>({ url, headers }: GatewayAccess, path: string): Promise<T> {
  const response = await fetch(url.replace(/\/$/, '') + path, {
    headers: { accept: 'application/json', ...headers },
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch((error: unknown) => {
    throw new CommandError(
      `the gateway at ${new URL(url).origin} does not answer${error instanceof Error && error.name === 'TimeoutError' ? ' in time' : ''}`,
    );
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  const refusal = errorSchema.safeParse(body);
  throw new CommandError(
    `the gateway answered ${String(response.status)}${refusal.success ? `: ${refusal.data.error.message}` : ''}`,
  );
}
