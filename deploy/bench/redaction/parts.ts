import { redact } from '#schemas/redaction.js';
import { readsPerCharacter, repeat, worstOf, type Search } from '#schemas/testing/redaction-work.js';
import type { BenchPart, BenchReport } from '../figure.js';
import { makeBodies } from '../hotpath/bodies.js';
import { alternate, median, medianRatio } from '../measure.js';
import { rivals, span } from './rivals.js';

const MEGABYTE = 1024 * 1024;

/** Texts designed to be slow: near misses of every kind of rule, one after another. */
const ADVERSARIAL: Readonly<Record<string, string>> = {
  x: 'x',
  tokens: 'token ',
  assignments: 'password_',
  keys: 'sk-',
  jwt: '-eyJ',
  'jwt halves': '.eyJ',
  urls: '://a:b',
  begin: '-----BEGIN ',
  quotes: 'secret\\\\\\"',
  bearer: 'bearer ',
  vendors: 'datadog ',
  flags: ' -u a',
  base64: 'Z2hwX',
  mixed: 'sk-ant-ghp_npm_AKIAxoxb-eyJ',
  calls: 'mysqli( --',
  secrets: ['ghp', '_FAKE0000fake0000 '].join(''),
};

/** Installed packages, whose files are the corpus `code`. */
const CORPUS = ['fastify', 'commander', 'zod', 'pg', 'protobufjs', '@clickhouse/client', 'vitest', 'eslint'];

/** Measures the CPU of redacting every string of a payload, over JSON.parse of the payload. */
export async function cpu(report: BenchReport, requests = 20): Promise<void> {
  const { json, spans } = makeBodies(requests, 500);
  const texts = json.map((body) => body.toString());
  const strings = texts.flatMap((text) => stringsOf(JSON.parse(text)));
  const parse = (): Promise<number> =>
    timed(() => {
      for (const text of texts) JSON.parse(text);
    });
  const redaction = (): Promise<number> =>
    timed(() => {
      for (const text of strings) redact(text);
    });
  const pairs = await alternate(9, redaction, parse);
  report.figure({
    metric: 'redaction_json_parse_ratio',
    value: medianRatio(pairs),
    better: 'lower',
    floor: 0.6,
    goal: 0.25,
  });
  const each = (side: 'a' | 'b'): string => ((median(pairs.map((pair) => pair[side])) * 1000) / spans).toFixed(2);
  report.note(
    `${(strings.length / spans).toFixed(1)} strings a span: redaction ${each('a')} µs, JSON.parse ${each('b')} µs a span`,
  );
}

/** Measures the time for twice the text over the time for the text, for the slowest of the adversarial texts. */
export async function doubling(report: BenchReport, size = MEGABYTE): Promise<void> {
  let worst = 0;
  for (const [name, piece] of Object.entries(ADVERSARIAL)) {
    const [half, whole] = [repeat(piece, size / 2), repeat(piece, size)];
    const ratio = medianRatio(
      await alternate(
        15,
        () => timed(() => redact(whole)),
        () => timed(() => redact(half)),
      ),
    );
    report.note(`${name}: ${ratio.toFixed(2)}`);
    worst = Math.max(worst, ratio);
  }
  report.figure({ metric: 'redaction_doubling_ratio', value: worst, better: 'lower', floor: 2.5, goal: 2.1 });
}

/** Milliseconds for a megabyte of the worst text: of those above, of every keyword with every sign, and of a search for worse. */
export async function worst(
  report: BenchReport,
  size = MEGABYTE,
  search: Search = { every: 1, starts: 12, steps: 200 },
): Promise<void> {
  let slowest = 0;
  const found = worstOf(24, search, 20_261_130);
  for (const piece of new Set([...Object.values(ADVERSARIAL), ...found.map((each) => each.piece)])) {
    const text = repeat(piece, size);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push(await timed(() => redact(text)));
    report.note(
      `${JSON.stringify(piece)}: ${median(times).toFixed(1)} ms, ${readsPerCharacter(piece, 4096).toFixed(1)} reads a character`,
    );
    slowest = Math.max(slowest, median(times));
  }
  report.figure({ metric: 'redaction_worst_megabyte_ms', value: slowest, better: 'lower', floor: 200, goal: 50 });
}

export const redactionParts: Readonly<Record<string, BenchPart>> = {
  cpu: (report) => cpu(report),
  doubling: (report) => doubling(report),
  worst: (report) => worst(report),
  span: (report) => span(report),
  rivals: (report) => rivals(report, CORPUS),
};

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  // Attribute keys are looked up in a list, not searched.
  if (value !== null && typeof value === 'object')
    return Object.entries(value).flatMap(([name, each]) => (name === 'key' ? [] : stringsOf(each)));
  return [];
}

/** Returns milliseconds of CPU, so that other load on the machine counts less. */
function timed(work: () => void): Promise<number> {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Promise.resolve((user + system) / 1000);
}
