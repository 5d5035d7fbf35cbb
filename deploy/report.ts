import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { collectReport, type GatewayAccess } from '#grafana/report/collect.js';
import { reportHtml } from '#grafana/report/html.js';
import { findChromium, printPdf } from '#grafana/report/pdf.js';
import { parseTimeRange } from '#ingest/boards/time-range.js';
import type { TimeRange } from '#schemas/http/boards.js';
import { CommandError, ShieldwatchError } from '#schemas/errors.js';
import { HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { resolveDataDir } from './embedded/config.js';
import { callStack } from './embedded/data-folder.js';
import { environment, variable } from './environment.js';

export interface ReportFlags {
  org?: string;
  from: string;
  to: string;
  board?: string[];
  repository?: string[];
  output?: string;
  pdf?: string | true;
  url?: string;
  token?: string;
  dataDir?: string;
}

/**
 * `shieldwatch report`: one HTML file with the boards' pictures, and a PDF of it where asked for. Reads with
 * a token, or without one from the stack of the data folder.
 *
 * @throws CommandError with one clear line
 */
export async function runReport(flags: ReportFlags, out: (line: string) => void): Promise<void> {
  const range = rangeOf(flags);
  // Asked for before the work, not after it.
  const chromium = flags.pdf === undefined ? undefined : findChromium(environment);
  if (flags.pdf !== undefined && chromium === undefined)
    throw new CommandError(
      '--pdf needs Chromium, and there is none on the PATH; name one with CHROMIUM_PATH, or leave --pdf out',
    );
  const data = await collectReport(await accessOf(flags), {
    ...(flags.org === undefined ? {} : { org: flags.org }),
    boards: flags.board ?? [],
    range,
    variables: flags.repository === undefined ? {} : { repo: flags.repository },
  });
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const file = resolve(
    flags.output ?? `shieldwatch-report-${data.org.replace(/[^\w-]/g, '_')}-${day(range.from)}-${day(range.to)}.html`,
  );
  await write(file, await reportHtml(data));
  out(file);
  if (chromium === undefined) return;
  const pdf = resolve(typeof flags.pdf === 'string' ? flags.pdf : file.replace(/(\.html?)?$/, '.pdf'));
  await printPdf(chromium, file, pdf);
  out(pdf);
}

function rangeOf({ from, to }: ReportFlags): TimeRange {
  try {
    return parseTimeRange(from, to, Date.now());
  } catch (error) {
    if (error instanceof ShieldwatchError) throw new CommandError(`--${error.message}`);
    throw error;
  }
}

async function accessOf(flags: ReportFlags): Promise<GatewayAccess> {
  const token = (flags.token ?? variable('SHIELDWATCH_TOKEN'))?.trim();
  if (token !== undefined && token !== '') {
    const url = flags.url ?? (variable('SHIELDWATCH_URL') || 'http://127.0.0.1:4000');
    if (!URL.canParse(url)) throw new CommandError('--url (or SHIELDWATCH_URL) must be a URL');
    return { url, headers: { authorization: `Bearer ${token}` } };
  }
  const dataDir = resolveDataDir(flags.dataDir);
  const link = await callStack<{ url: string }>(
    dataDir,
    'POST',
    '/boards-link',
    flags.org === undefined ? undefined : { orgId: flags.org },
  );
  if (link === undefined)
    throw new CommandError(
      `no stack runs on ${dataDir}; start it with \`npm start\`, or give a token that may read (SHIELDWATCH_TOKEN)`,
    );
  const { origin, hash } = new URL(link.url);
  const answer = await fetch(link.url, { redirect: 'manual' });
  const [cookie = ''] = answer.headers.getSetCookie();
  return {
    url: origin,
    headers: { cookie: cookie.split(';', 1)[0] ?? '', [HEADER_SESSION_KEY]: hash.replace('#key=', '') },
  };
}

async function write(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw new CommandError(`${file} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`);
  });
}
