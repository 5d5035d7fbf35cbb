/*
 * Text that is valid both as OpenMetrics 1.0 and as Prometheus' text format 0.0.4, in which `# UNIT` and `# EOF` are
 * comments. Samples have no timestamps: a scraper uses its own clock, and marks what is no longer exposed as stale.
 */

export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const PLAIN_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

export interface Family {
  name: string;
  help: string;
  samples: Sample[];
}

const UNITS = ['seconds', 'ratio'];

/** Writes gauges. Names of metrics and labels are ours; values of labels may hold any text. */
export function exposition(families: Iterable<Family>): string {
  const parts: string[] = [];
  for (const { name, help, samples } of families) {
    parts.push(`# TYPE ${name} gauge\n`);
    const unit = UNITS.find((each) => name.endsWith(`_${each}`));
    if (unit !== undefined) parts.push(`# UNIT ${name} ${unit}\n`);
    parts.push(`# HELP ${name} ${help}\n`);
    for (const { labels, value } of samples) parts.push(`${name}{${labelText(labels)}} ${String(value)}\n`);
  }
  parts.push('# EOF\n');
  return parts.join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) =>
        `${name}="${value.replace(/[\\"\n]/g, (special) => (special === '\n' ? '\\n' : `\\${special}`))}"`,
    )
    .join(',');
}

/** Yields the members of an Accept or Accept-Encoding header with their parameters, in lower case. */
function* preferences(
  header: string | undefined,
): Generator<{ name: string; quality: number; version: string | undefined }> {
  for (const part of (header ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim());
    const parameter = (of: string): string | undefined =>
      parameters.find((each) => each.startsWith(`${of}=`))?.slice(of.length + 1);
    const quality = Number(parameter('q') ?? 1);
    yield { name, quality: quality >= 0 && quality <= 1 ? quality : 0, version: parameter('version') };
  }
}

/** Returns the media type of the answer: OpenMetrics 1.0 if the client prefers it to plain text, else plain text. */
export function negotiate(accept: string | undefined): string {
  let best = { type: PLAIN_TEXT, quality: 0 };
  for (const { name, quality, version } of preferences(accept)) {
    const isOpenMetrics = name === 'application/openmetrics-text' && (version === undefined || version === '1.0.0');
    if (!isOpenMetrics && !['text/plain', 'text/*', '*/*'].includes(name)) continue;
    if (quality > best.quality) best = { type: isOpenMetrics ? OPEN_METRICS : PLAIN_TEXT, quality };
  }
  return best.type;
}

/** Returns whether the client accepts a body compressed with gzip. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  for (const { name, quality } of preferences(acceptEncoding)) if (name === 'gzip') return quality > 0;
  return false;
}
