import fc from 'fast-check';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptedEncoding } from './compression/content-encoding.js';
import { createNativeCompress, decompressNative } from './compression/native-blocks.js';
import { judgeStatement } from './reader-policy.js';
import { readerCatalog, type EngineFunction, type ReaderCatalog } from './reader-catalog.js';
import { emit } from './sql-names.js';
import { parseStatement } from './statement.js';
import { tokensOf } from './sql-tokens.js';
import { readerHeaders, startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

/** Holds our reading of a statement to the engine's own. Seeded: a failure repeats itself. */
const RUNS = { seed: 20_261_130, numRuns: 60 };
const BATCH = 40;
const CANARY = 'c4nary-of-the-judgement';

let server: TestServer;
let catalog: ReaderCatalog;
/** What a statement that got through would read, and the folder it would write to. Both are the engine's own. */
let canary: string;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  await server.text('CREATE TABLE item (id UInt64, file String, settings String) ENGINE = MergeTree ORDER BY id');
  await server.text("INSERT INTO item VALUES (1, 'a.ts', 's')");
  folder = join(server.dataDir, 'spool', 'attack');
  canary = join(server.dataDir, 'spool', 'canary');
  await mkdir(folder);
  await writeFile(canary, `${CANARY}\n`);
  const rows = async (sql: string): Promise<string[][]> =>
    (await server.text(sql)).split('\n').map((line) => line.split('\t'));
  const names = async (sql: string): Promise<string[]> => (await rows(sql)).map(([name = '']) => name);
  const functions: EngineFunction[] = (
    await rows('SELECT name, is_aggregate, alias_to, toString(categories) FROM system.functions')
  ).map(([name = '', isAggregate, aliasTo = '', category = '']) => ({
    name,
    isAggregate: isAggregate === '1',
    aliasTo,
    category,
  }));
  catalog = readerCatalog('shieldwatch', {
    functions,
    combinators: await names('SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal'),
    tableFunctions: await names('SELECT name FROM system.table_functions'),
    settings: await names('SELECT name FROM system.settings'),
  });
});
afterAll(() => server.remove());

const UNICODE_BLANKS = [
  '\u00a0',
  '\u0085',
  '\u1680',
  '\u180e',
  '\u2000',
  '\u2003',
  '\u2009',
  '\u200b',
  '\u200e',
  '\u2028',
  '\u2029',
  '\u202f',
  '\u205f',
  '\u2060',
  '\u3000',
  '\ufeff',
];
const CONTROLS = ['\0', '\u0001', '\u001c', '\u001f', '\u007f'];

describe('tokens', () => {
  const fragment = fc.constantFrom(
    'SELECT',
    'file',
    'x',
    'b',
    'in',
    'settings',
    '1',
    '12',
    '1.5',
    '.5',
    '1.',
    '1e5',
    '1e',
    '1_000',
    '0x1F',
    '0b01',
    '0x',
    '1abc',
    'a.1',
    '1..5',
    '..5',
    '0x1F .5',
    't.1.2',
    "x'41'",
    "b'01'",
    "X'4",
    'inf',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ';',
    '.',
    '*',
    '+',
    '-',
    '/',
    '%',
    '=',
    '==',
    '!=',
    '<>',
    '<=>',
    '<',
    '>=',
    '?',
    ':',
    '::',
    '->',
    '||',
    '|',
    '^',
    '@@',
    '@',
    '!',
    '~',
    '&',
    '\\',
    "'",
    "''",
    "'a'",
    "'a\\'b'",
    "'a''b'",
    '"',
    '"q"',
    '"a""b"',
    '"a\\"b"',
    '`',
    '`q`',
    '`a``b`',
    '\u2018',
    '\u2019',
    '\u201c',
    '\u201d',
    '\u2212',
    'é',
    '日本',
    '\u{1f600}',
    '$',
    '$$',
    '$a$',
    '$$ x $$',
    "$a$ ' $a$",
    '$1$',
    'a$b',
    '$b',
    '{$b:',
    '{$a$:String}',
    '{ $1 : UInt8}',
    '{a$b:',
    '--',
    '-- c\n',
    '/*',
    '*/',
    '/* c */',
    '/* /* */',
    '# c\n',
    '#!',
    '#',
    '#c',
    '//',
    ' ',
    '\n',
    '\t',
    '\r',
    '\v',
    '\f',
    ...UNICODE_BLANKS,
    ...CONTROLS,
  );
  const text = fc.array(fragment, { maxLength: 12 }).map((fragments) => fragments.join(''));

  /** The engine's own tokens of each text: offsets without blanks and comments. */
  const engineTokens = async (texts: readonly string[]): Promise<[number, number][][]> => {
    const rows = texts.map((each) => `'${Buffer.from(each).toString('hex')}'`).join(', ');
    const answer = await server.text(
      `SELECT toJSONString(arrayMap(t -> (t.1, t.2), arrayFilter(t -> t.3 NOT IN ('Whitespace', 'Comment'), tokenizeQuery(unhex(h))))) FROM values('h String', ${rows}) FORMAT TSVRaw`,
    );
    return answer
      .split('\n')
      .map((line) => (JSON.parse(line) as [string, string][]).map(([start, end]) => [Number(start), Number(end)]));
  };
  const ourTokens = (each: string): [number, number][] | undefined => {
    try {
      return [...tokensOf(Buffer.from(each).toString('latin1'))].map(({ start, end }) => [start, end]);
    } catch {
      return undefined;
    }
  };

  test("are the engine's own, before and after rewriting", async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: BATCH, maxLength: BATCH }), async (texts) => {
        const accepted = texts.filter((each) => each !== '' && ourTokens(each) !== undefined);
        const rewritten = accepted.map((each) =>
          Buffer.from(emit([...tokensOf(Buffer.from(each).toString('latin1'))]), 'latin1').toString(),
        );
        const both = [...accepted, ...rewritten, '1'];
        const engine = await engineTokens(both);
        both.forEach((each, i) => {
          expect(engine[i], JSON.stringify(each)).toEqual(ourTokens(each));
        });
        read += accepted.length;
      }),
      RUNS,
    );
    expect(read).toBeGreaterThan(200);
  });
});

describe('statements', () => {
  const GAPS = ['', ' ', '\n', '\t', '/**/', ' /* /* */ */ ', '-- x\n', '// x\n', '# x\n'];
  const gap = fc.constantFrom(...GAPS.slice(1));
  const anyGap = fc.constantFrom(...GAPS, ...UNICODE_BLANKS, ...CONTROLS, '/* ', '$$', '$a$', '\\', "'", '`');
  /** `~` is a place for a gap. */
  const AROUND = [
    '@',
    '(~@~)',
    'SELECT~*~FROM~(~@~)',
    'SELECT~*~FROM~(~(~@~)~)~AS~q',
    'WITH~q~AS~(~@~)~SELECT~*~FROM~q',
    'SELECT~1~WHERE~1~IN~(~@~)',
    'SELECT~(~@~)',
    '@~UNION~ALL~SELECT~1',
    'EXPLAIN~@',
    'EXPLAIN~AST~@',
    'DESCRIBE~(~@~)',
    'SELECT~count~(~)~FROM~view~(~@~)',
  ];
  const HARMLESS = [
    'SELECT~1',
    'SELECT~file~FROM~item',
    'SELECT~settings~,~id~FROM~shieldwatch~.~item',
    'SELECT~upper~(~file~)~AS~file~FROM~item',
    'SELECT~1~AS~settings~,~2~AS~x',
    "SELECT~$$it's$$~,~'a''b'~,~'c\\'d'",
    'SELECT~arrayMap~(~x~->~x~+~1~,~[~id~]~)~FROM~item',
    'SELECT~sumIf~(~id~,~id~>~0~)~FROM~item',
    'SELECT~quantile~(~0.5~)~(~id~)~FROM~item',
    'SELECT~*~APPLY~toString~FROM~item',
    'SELECT~*~EXCEPT~id~FROM~item',
    'SELECT~id~::~String~,~CAST~(~id~AS~String~)~FROM~item',
    "SELECT~DATE~'2026-01-01'~+~INTERVAL~1~DAY",
    'SELECT~count~(~)~FROM~numbers~(~10~)',
    'SELECT~name~FROM~system~.~tables',
    'SELECT~i.id~FROM~item~AS~i~JOIN~item~AS~j~USING~(~id~)~ORDER~BY~i.id~DESC~LIMIT~1~BY~i.id~LIMIT~3',
    'SELECT~1~FROM~item~WHERE~{~x~:UInt8}~=~{~t~:~Identifier~}~.~id',
    'SELECT~{~$p~:~String~}',
    'SELECT~row_number~(~)~OVER~(~ORDER~BY~id~)~FROM~item',
    'SELECT~CASE~WHEN~1~THEN~2~ELSE~3~END',
    "SELECT~x'41'~,~0x1F~,~1e3~,~.5~,~(~1~,~2~)~.1",
  ];
  const HOSTILE = [
    'SELECT~F~(~CANARY~)',
    'SELECT~arrayMap~(~F~,~[~CANARY~]~)',
    'SELECT~arrayMap~(~(~F~)~,~[~CANARY~]~)',
    'SELECT~arrayMap~(~y~->~F~(~y~)~,~[~CANARY~]~)',
    'SELECT~*~APPLY~F~FROM~(~SELECT~CANARY~)',
    'SELECT~*~APPLY~(~F~)~FROM~(~SELECT~CANARY~)',
    'SELECT~*~APPLY~(~y~->~F~(~y~)~)~FROM~(~SELECT~CANARY~)',
    'SELECT~*~REPLACE~(~F~(~CANARY~)~AS~id~)~FROM~item',
    'SELECT~1~AS~a~,~F~(~CANARY~)~AS~b',
    "SELECT~*~FROM~F~(~CANARY~,~'LineAsString'~)",
    "SELECT~*~FROM~url~(~'file:///etc/hostname'~)",
    "SELECT~count~(~)~FROM~item~SETTINGS~additional_table_filters~=~{~'item'~:~'file(CANARY2) != 1'~}",
    'SELECT~query~FROM~S~.~processes',
    'SELECT~*~FROM~item~,~S~.~processes',
    'SELECT~1~WHERE~1~IN~S~.~processes',
    "SELECT~*~FROM~merge~(~'system'~,~'processes'~)",
    'SELECT~1~SETTINGS~readonly~=~0',
    'SELECT~*~FROM~(~SELECT~1~SETTINGS~readonly~=~0~)',
    "SELECT~1~SETTINGS~max_threads~=~2~,~log_comment~=~'x'",
    'SELECT~1~SETTINGS~max_threads~=~{~x~:~UInt8~}~,~readonly~=~0',
    'SELECT~1~SETTINGS~final~=~(~1~)~,~readonly~=~0',
    "SELECT~1~INTO~OUTFILE~'FOLDER/a'",
    "SELECT~1~INTO~OUTFILE~'FOLDER/b'~TRUNCATE~FORMAT~CSV",
    'SELECT~sleep~(~1~)',
    'SELECT~filesystemAvailable~(~)',
    "SELECT~dictGet~(~'d'~,~'a'~,~1~)",
    'SELECT~{~f~:~Identifier~}~(~CANARY~)',
    'SELECT~*~FROM~{~s~:~Identifier~}~.~{~p~:~Identifier~}',
    'SELECT~arrayMap~(~{~f~:~Identifier~}~,~[~CANARY~]~)',
  ];
  const PARAMS = { x: '1', $p: 'v', t: 'item', f: 'file', s: 'system', p: 'processes' };
  const params = new Map(Object.entries(PARAMS));
  const NAMES: Record<string, readonly string[]> = {
    F: ['file', 'FILE', '`file`', '"file"', '"\\x66ile"', '`fi\\x6ce`'],
    S: ['system', 'SYSTEM', '`system`', '"s\\x79stem"'],
  };
  const fill = (template: string, gaps: readonly string[], spelling: number): string => {
    let i = 0;
    const pick = (names: readonly string[] = []): string => names[spelling % names.length] ?? '';
    return (
      template
        .replaceAll('CANARY2', `''${canary}''`)
        .replaceAll('CANARY', `'${canary}'`)
        .replaceAll('FOLDER', folder)
        .replace(/\b[FS]\b/g, (name) => pick(NAMES[name]))
        // Words that would run into each other.
        .replace(
          /(\w?)~(\w?)/g,
          (_all, a: string, b: string) => a + (gaps[i++ % gaps.length] || (a !== '' && b !== '' ? ' ' : '')) + b,
        )
    );
  };
  const around = (template: string) => fc.constantFrom(...AROUND).map((outer) => outer.replace('@', () => template));
  const statement = (templates: readonly string[], gaps: fc.Arbitrary<string>) =>
    fc
      .tuple(fc.constantFrom(...templates).chain(around), fc.array(gaps, { minLength: 1, maxLength: 8 }), fc.nat(11))
      .map((parts) => fill(...parts));
  const judge = (text: string) => {
    const judged = judgeStatement(Buffer.from(text), params, catalog);
    parseStatement(judged.text);
    return judged;
  };
  const query = Object.fromEntries(Object.entries(PARAMS).map(([name, value]) => [`param_${name}`, value]));
  const treeOf = (sql: string): Promise<string> =>
    server.text(`EXPLAIN AST ${sql}`, { ...query, default_format: 'TSVRaw' });

  test('that do no harm run, and are equal for the engine before and after rewriting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(statement(HARMLESS, gap), { minLength: 8, maxLength: 8 }), async (texts) => {
        for (const text of texts) {
          const judged = judge(text);
          const tree = await treeOf(judged.text.toString());
          judged.checkTree(tree);
          expect(tree).toBe(await treeOf(text));
        }
      }),
      { ...RUNS, numRuns: 20 },
    );
  });

  test('that do harm are refused by the tokens alone', () => {
    fc.assert(
      fc.property(statement(HOSTILE, gap), (text) => {
        expect(() => judge(text), text).toThrow(/ACCESS_DENIED|SETTING_CONSTRAINT|UNKNOWN_SETTING/);
      }),
      { ...RUNS, numRuns: 2000 },
    );
  });

  /** The ways in which a statement can come. Each must have the very statement judged that it has executed. */
  const send = (
    parameters: Record<string, string>,
    body: string | Buffer | FormData,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${server.clickhouse.address}/?${new URLSearchParams({ ...query, ...parameters }).toString()}`, {
      method: 'POST',
      body,
      headers: { ...readerHeaders(server.clickhouse), ...headers },
    });
  const compressed = (text: string | Buffer, encoder: Transform): Promise<Buffer> =>
    buffer(Readable.from([text], { objectMode: false }).pipe(encoder));
  const form = (fields: Record<string, string>): FormData => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    return data;
  };
  const encoded = async (text: string, name: string, parameters: Record<string, string> = {}): Promise<Response> =>
    send(parameters, await compressed(text, acceptedEncoding(name)?.compress() ?? createGzip()), {
      'Content-Encoding': name,
    });
  const WAYS: readonly ((text: string) => Promise<Response>)[] = [
    (text) => send({}, text),
    (text) => send({ query: text }, ''),
    // The engine reads a line break between the two.
    (text) =>
      /^\w+ /.test(text)
        ? send({ query: text.slice(0, text.indexOf(' ')) }, text.slice(text.indexOf(' ') + 1))
        : send({}, text),
    (text) => send({}, form({ query: text })),
    // A parameter that stands twice: in the URL and in the form.
    (text) => send({ session_id: 'fuzz' }, form({ query: text, ...query, session_id: 'form' })),
    (text) => send({ session_id: 'fuzz', database: 'default' }, text),
    ...['gzip', 'deflate', 'br', 'lz4', 'zstd'].map((name) => (text: string) => encoded(text, name)),
    async (text) =>
      send({ decompress: '1', compress: '1', session_id: 'fuzz' }, await compressed(text, createNativeCompress())),
    async (text) =>
      send({ decompress: '1' }, await compressed(await compressed(text, createNativeCompress()), createGzip()), {
        'Content-Encoding': 'gzip',
      }),
  ];
  const way = fc.nat(WAYS.length - 1);

  test('that read or write files are refused with any blank, quote or comment in any place, by any way of sending', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(statement(HOSTILE, anyGap), way), { minLength: 8, maxLength: 8 }),
        async (attacks) => {
          for (const [text, by] of attacks) {
            const answer = await WAYS[by]?.(text);
            expect(await answer?.text(), text).not.toContain(CANARY);
            // A quote may have made text of what would do harm: then the engine's reading of the very text holds none.
            if (answer?.status === 200) judge('SELECT 1').checkTree(await treeOf(text));
            else expect(answer?.status, `${by}: ${text}`).toBeGreaterThanOrEqual(400);
          }
          expect(await readdir(folder)).toEqual([]);
        },
      ),
      RUNS,
    );
  });

  test('that do no harm have the same result by any way of sending', async () => {
    await fc.assert(
      fc.asyncProperty(statement(HARMLESS, gap), async (text) => {
        const sql = `${text}\nFORMAT JSONCompactEachRow`;
        const [first, ...others] = await Promise.all(
          WAYS.map(async (each, i) => {
            const bytes = Buffer.from(await (await each(sql)).arrayBuffer());
            return i === WAYS.length - 2
              ? (
                  await buffer(decompressNative(Readable.from([bytes], { objectMode: false }) as AsyncIterable<Buffer>))
                ).toString()
              : bytes.toString();
          }),
        );
        for (const other of others) expect(other, sql).toBe(first);
      }),
      { ...RUNS, numRuns: 8 },
    );
  });

  test("that the tokens refuse are refused by the engine's tree too, except for what the tree does not show", async () => {
    // As the writer, who may have these read; what nobody may call cannot be shown.
    const shown = HOSTILE.filter(
      (each) => !/\bF\b|file|SETTINGS|OUTFILE|APPLY|\{~f/.test(each) && each.startsWith('SELECT'),
    );
    expect(shown.length).toBeGreaterThan(6);
    await fc.assert(
      fc.asyncProperty(statement(shown, gap), async (text) => {
        const tree = await treeOf(text);
        expect(() => {
          judge('SELECT 1').checkTree(tree);
        }, text).toThrow(/ACCESS_DENIED/);
      }),
      RUNS,
    );
  });
});

describe("the engine's names", () => {
  test('are known: a name that is neither allowed nor refused here belongs to another engine version', () => {
    expect([...catalog.deniedFunctions].sort().join(' ')).toMatchSnapshot();
    expect([...catalog.deniedTableFunctions].sort().join(' ')).toMatchSnapshot();
  });
});
