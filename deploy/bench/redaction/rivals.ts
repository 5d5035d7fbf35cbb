import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '#schemas/root.js';
import type { BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { makeBodies } from '../hotpath/bodies.js';
import { alternate, median, medianRatio } from '../measure.js';

const GITLEAKS = 'github.com/zricethezav/gitleaks/v8@v8.30.1';
const SECRETLINT = { '@secretlint/core': '11.7.1', '@secretlint/secretlint-rule-preset-recommend': '11.7.1' };
const HERE = join(packageRoot(), 'deploy', 'bench', 'redaction', 'rivals');
const GO_ENGINE = join(packageRoot(), 'collector', 'processors', 'secretredaction');
/** A checkout of github.com/secretlint/secretlint, whose tests npm does not carry. */
const SECRETLINT_SOURCE = 'SECRETLINT_SOURCE';
/** Bytes of each corpus. */
const CORPUS_BYTES = 1_000_000;
const LONGEST_FILE = 200_000;

/** Texts by the name of their corpus or set. */
type Texts = Readonly<Record<string, readonly string[]>>;

/** A program that answers `time <name>` with microseconds of CPU, and `find <name>` with which texts something was found in. */
class Engine {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly name: string;
  constructor(name: string, command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.name = name;
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error(`${name} has no output`);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async time(name: string): Promise<number> {
    return Number(await this.#ask(`time ${name}`));
  }
  async find(name: string): Promise<boolean[]> {
    return JSON.parse(await this.#ask(`find ${name}`)) as boolean[];
  }
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
  async #ask(question: string): Promise<string> {
    this.#child.stdin?.write(`${question}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.name} ended at: ${question}`);
    return answer.value;
  }
}

/** CPU microseconds that the collector's processor takes for a span, its keys and pseudonyms included. */
export async function span(report: BenchReport, requests = 20, repeats = 15): Promise<void> {
  const { protobuf, spans } = makeBodies(requests, 500);
  await withEngines({}, protobuf, ['go'], async ([go]) => {
    if (go === undefined) return;
    const times: number[] = [];
    for (let i = -3; i < repeats; i++) {
      const time = await go.time('spans');
      if (i >= 0) times.push(time / spans);
    }
    report.figure({ metric: 'redaction_go_us_per_span', value: median(times), better: 'lower', floor: 2.2, goal: 0.6 });
    report.note(
      `of ${repeats} rounds of ${spans} spans: ${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)} µs`,
    );
  });
}

/**
 * gitleaks and secretlint on the same texts, in one run, each in a process of its own, in turns: megabytes of text for a
 * second of CPU, and in which of the texts with a secret nothing is found. Ours in Go stands against gitleaks, which is of
 * Go, ours in Node against secretlint.
 *
 * @param packages installed npm packages, whose files are the corpus `code`.
 */
export async function rivals(
  report: BenchReport,
  packages: readonly string[],
  repeats = 5,
  bytes = CORPUS_BYTES,
): Promise<void> {
  const corpora: Texts = { code: upTo(bytes, packages.flatMap(filesOf)), telemetry: upTo(bytes, spanTexts()) };
  const sets: Texts = { ours: ourTexts(), gitleaks: gitleaksTexts(report), ...secretlintTexts(report) };
  await withEngines(
    { ...corpora, ...sets },
    [],
    ['go', 'node', 'gitleaks', 'secretlint'],
    async ([go, node, gitleaks, secretlint]) => {
      if (go === undefined || node === undefined || gitleaks === undefined || secretlint === undefined) return;
      for (const [own, rival] of [
        [go, gitleaks],
        [node, secretlint],
      ] as const) {
        for (const [corpus, texts] of Object.entries(corpora)) {
          const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
          const pairs = await alternate(
            repeats,
            () => rival.time(corpus),
            () => own.time(corpus),
          );
          report.figure({
            metric: `redaction_speed_over_${rival.name}_${corpus}`,
            value: medianRatio(pairs),
            better: 'higher',
            floor: 1,
            goal: 2,
          });
          const rate = (side: 'a' | 'b'): string => (size / median(pairs.map((pair) => pair[side]))).toFixed(1);
          report.note(`${corpus}: ${own.name} ${rate('b')} MB for a second of CPU, ${rival.name} ${rate('a')}`);
        }
      }
      for (const [set, texts] of Object.entries(sets)) {
        const missed: Record<string, readonly string[]> = {};
        for (const engine of [go, node, gitleaks, secretlint]) {
          const found = await engine.find(set);
          missed[engine.name] = texts.filter((_, i) => found[i] !== true);
        }
        const percent = (name: string): number => ((missed[name]?.length ?? 0) / texts.length) * 100;
        const own = Math.max(percent(go.name), percent(node.name));
        report.figure({
          metric: `redaction_missed_percent_set_of_${set}`,
          value: own,
          better: 'lower',
          floor: 5,
          goal: 0,
        });
        for (const { name } of [gitleaks, secretlint]) {
          report.figure({
            metric: `redaction_missed_less_than_${name}_set_of_${set}`,
            value: percent(name) - own,
            better: 'higher',
            floor: 0,
            goal: 1,
          });
        }
        for (const [name, list] of Object.entries(missed)) {
          report.note(`${set}: ${name} misses ${list.length} of ${texts.length}`);
          for (const text of list.slice(0, 5)) report.note(`    ${JSON.stringify(hidden(text))}`);
        }
      }
    },
  );
}

/** A text as it may be printed: what is drawn by chance in it is not. */
const hidden = (text: string): string =>
  text.slice(0, 120).replace(/[A-Za-z0-9+/_-]{12,}/g, (run) => `${run.slice(0, 6)}…${run.length}`);

type EngineName = 'go' | 'node' | 'gitleaks' | 'secretlint';

async function withEngines(
  texts: Texts,
  spans: readonly Buffer[],
  names: readonly EngineName[],
  use: (engines: readonly Engine[]) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const [plain, work, binary] = [join(folder, 'texts.json'), join(folder, 'work.json'), join(folder, 'engine.test')];
    writeFileSync(plain, JSON.stringify(texts));
    writeFileSync(work, JSON.stringify({ texts, spans: spans.map((body) => body.toString('base64')) }));
    const open: Readonly<Record<EngineName, () => Engine>> = {
      go: () => {
        execFileSync('go', ['test', '-c', '-o', binary, '.'], { cwd: GO_ENGINE, stdio: ['ignore', 2, 2] });
        return new Engine('go', binary, ['-test.run', '^TestCost$', '-test.timeout', '0'], GO_ENGINE, {
          SHIELDWATCH_COST: work,
        });
      },
      node: () =>
        new Engine(
          'node',
          process.execPath,
          [join(packageRoot(), 'dist/deploy/bench/redaction/ours-main.js'), plain],
          folder,
        ),
      gitleaks: () => new Engine('gitleaks', join(gitleaksFolder(), 'bench'), [plain], folder),
      secretlint: () =>
        new Engine('secretlint', process.execPath, [join(secretlintFolder(), 'secretlint.mjs'), plain], folder),
    };
    const engines: Engine[] = [];
    try {
      for (const name of names) engines.push(open[name]());
      await use(engines);
    } finally {
      for (const engine of engines) await engine.close();
    }
  });
}

function upTo(bytes: number, texts: readonly string[]): string[] {
  let size = 0;
  return texts.filter((text) => (size += Buffer.byteLength(text)) <= bytes);
}

/** The files of an installed package. */
function filesOf(name: string): string[] {
  const folder = join(packageRoot(), 'node_modules', name);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:[cm]?[jt]s|json|md)$/.test(file) && !file.includes('node_modules'))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .filter((text) => text.length <= LONGEST_FILE);
}

/** One text a span, as JSON. */
function spanTexts(): string[] {
  interface Request {
    resourceSpans: { scopeSpans: { spans: object[] }[] }[];
  }
  return makeBodies(4, 500).json.flatMap((body) =>
    (JSON.parse(body.toString()) as Request).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((each) => JSON.stringify(each))),
    ),
  );
}

/** Texts from public reports. */
function ourTexts(): string[] {
  const { masked } = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.cases.json'), 'utf8')) as {
    masked: { text: string[] }[];
  };
  return masked.map(({ text }) => text.join(''));
}

/** The examples that gitleaks' rules come with: made by chance, once for a cache. */
function gitleaksTexts(report: BenchReport): string[] {
  const texts = readFileSync(join(gitleaksFolder(), 'vectors.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string);
  report.note(`gitleaks: ${texts.length} examples of its rules`);
  return texts;
}

/** The texts of secretlint's tests for its recommended rules in which it expects a secret. */
function secretlintTexts(report: BenchReport): Texts {
  const source = process.env[SECRETLINT_SOURCE];
  if (source === undefined || source === '') {
    report.note(
      `secretlint's own vectors: NOT MEASURED, its npm packages carry no tests; ${SECRETLINT_SOURCE} names a checkout of its repository`,
    );
    return {};
  }
  const root = join(source, 'packages/@secretlint/secretlint-rule-preset-recommend/test/snapshots');
  const texts = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('output.json'))
    .sort()
    .flatMap((file) => {
      const { messages } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { messages?: unknown[] };
      const folder = join(root, file, '..');
      const input = readdirSync(folder).find((name) => /^input(?:\.|$)/.test(name));
      return messages === undefined || messages.length === 0 || input === undefined
        ? []
        : [readFileSync(join(folder, input), 'utf8')];
    });
  report.note(`secretlint: ${texts.length} texts of its tests`);
  return { secretlint: texts };
}

/** A folder of the cache that `fill` has filled: made once. */
function cached(name: string, fill: (folder: string) => void): string {
  const cache =
    process.env['SHIELDWATCH_CACHE_DIR'] ||
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'shieldwatch');
  const folder = join(cache, 'bench-rivals', name);
  if (existsSync(folder)) return folder;
  const work = `${folder}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  fill(work);
  renameSync(work, folder);
  return folder;
}

/** Has `bench`, the program, and `vectors.jsonl`. */
const gitleaksFolder = (): string =>
  cached('gitleaks-8.30.1', (folder) => {
    const go = (args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string =>
      execFileSync('go', args, {
        cwd,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 2],
        env: { ...process.env, ...env },
      });
    go(['mod', 'init', 'rivals'], folder);
    const { Dir: source } = JSON.parse(go(['mod', 'download', '-json', GITLEAKS], folder)) as { Dir: string };
    const copy = join(folder, 'gitleaks');
    cpSync(source, copy, { recursive: true });
    execFileSync('chmod', ['-R', 'u+w', copy]);
    mkdirSync(join(copy, 'bench'));
    cpSync(join(HERE, 'gitleaks.go.txt'), join(copy, 'bench', 'main.go'));
    go(['build', '-o', join(folder, 'bench'), './bench'], copy);
    const rules = join(copy, 'cmd/generate/config');
    const validate = join(rules, 'utils', 'validate.go');
    rmSync(validate);
    cpSync(join(HERE, 'validate.go.txt'), validate);
    appendFileSync(join(folder, 'vectors.jsonl'), '');
    go(['run', '.', join(folder, 'rules.toml')], rules, { VECTORS: join(folder, 'vectors.jsonl') });
    rmSync(copy, { recursive: true });
  });

/** Has `secretlint.mjs`, the program, as it is now beside its packages. */
const secretlintFolder = (): string => {
  const folder = cached('secretlint-11.7.1', (work) => {
    writeFileSync(join(work, 'package.json'), JSON.stringify({ private: true, dependencies: SECRETLINT }));
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    execFileSync(npm, ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: work,
      stdio: ['ignore', 2, 2],
    });
  });
  cpSync(join(HERE, 'secretlint.mjs.txt'), join(folder, 'secretlint.mjs'));
  return folder;
};
