import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';

/** One OTLP/JSON request. */
interface Request {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown[]>>;
}

/**
 * A session of a real client, recorded by `npm run agents:outcomes`: what the client and `shieldwatch ship` sent, and
 * which of the model's calls really ran. Gemini CLI sends no call ids.
 */
export interface OutcomeCapture {
  /** `client/scenario`. */
  readonly name: string;
  /** npm package and version of the client. */
  readonly client: string;
  readonly sessionId: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly ran: boolean }[];
  readonly requests: readonly Request[];
}

const FOLDER = join(packageRoot(), 'ingest/testing/outcomes');
const TIMES = /(imeUnixNano":")([1-9]\d*)|"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g;

/** Reads every capture, with its times shifted so that its last event happened at `end`, in milliseconds. */
export function outcomeCaptures(end: number): OutcomeCapture[] {
  return readdirSync(FOLDER).flatMap((client) =>
    readdirSync(join(FOLDER, client)).map((file) => {
      const text = readFileSync(join(FOLDER, client, file), 'utf8');
      const capture = JSON.parse(shifted(text, end)) as Omit<OutcomeCapture, 'name' | 'sessionId'>;
      return { ...capture, name: `${client}/${file.replace('.json', '')}`, sessionId: sessionOf(text) };
    }),
  );
}

function shifted(text: string, end: number): string {
  const times = [...text.matchAll(TIMES)].map(([, , nanos, iso = '']) =>
    nanos === undefined ? Date.parse(iso) : Number(BigInt(nanos) / 1_000_000n),
  );
  const by = Math.floor(end - Math.max(...times));
  return text.replaceAll(TIMES, (_, key: string, nanos: string | undefined, iso: string) =>
    nanos === undefined
      ? `"${new Date(Date.parse(iso) + by).toISOString()}"`
      : `${key}${String(BigInt(nanos) + BigInt(by) * 1_000_000n)}`,
  );
}

function sessionOf(text: string): string {
  const id = /"key":"(?:session|conversation)\.id","value":\{"stringValue":"([^"]+)"/.exec(text)?.[1];
  if (id === undefined) throw new Error('a capture without a session');
  return id;
}

/** Merges the requests of captures into one body for each path, as a collector batches them. */
export function mergedRequests(captures: readonly OutcomeCapture[]): Request[] {
  const bodies = new Map<string, Record<string, unknown[]>>();
  for (const { path, body } of captures.flatMap(({ requests }) => requests)) {
    const merged = bodies.get(path) ?? {};
    for (const [key, items] of Object.entries(body)) merged[key] = [...(merged[key] ?? []), ...items];
    bodies.set(path, merged);
  }
  return [...bodies].map(([path, body]) => ({ path, body }));
}
