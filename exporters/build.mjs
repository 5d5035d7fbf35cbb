// Bundles the hook into one file without dependencies: dist/exporters/hook.cjs, or the given path. Code that only
// calls on guarded files need is in a second file beside it. CommonJS starts a few milliseconds faster than a module.
// The hook runs before every tool call for about a millisecond, so the cost is the code that Node reads, compiles and
// runs for the first time:
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const moduleDir = dirname(fileURLToPath(import.meta.url));
const root = dirname(moduleDir);
const options = {
  bundle: true,
  mainFields: ['module', 'main'],
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  minify: true,
  logLevel: 'error',
};

/** Node modules that every call needs, required once instead of in each file. */
const SHARED = {
  'node:fs': [
    'closeSync',
    'constants',
    'existsSync',
    'fstatSync',
    'lstatSync',
    'mkdirSync',
    'openSync',
    'readdirSync',
    'readFileSync',
    'readSync',
    'realpathSync',
    'renameSync',
    'rmSync',
    'statSync',
    'writeSync',
  ],
  'node:path': ['basename', 'dirname', 'join', 'resolve'],
};
/**
 * Node modules that few calls need: loaded when one of these functions is called. `node:crypto` takes two milliseconds.
 */
const LAZY = {
  'node:child_process': ['spawnSync'],
  'node:crypto': ['createHash', 'createHmac'],
  'node:os': ['homedir', 'userInfo'],
  'node:vm': ['runInThisContext'],
};
/** Our files that few calls need, with their exported functions: kept as text, compiled when one is called. */
const COLD = {
  'exporters/hook/drill.ts': ['keepDrillJudgement'],
  'exporters/hook/rule-category.ts': ['categoryOf', 'isRuleCategory'],
  'exporters/hook/session-write.ts': ['writeSession'],
  'exporters/spool/drop.ts': ['dropOldest'],
  'exporters/spool/lost.ts': ['countLost', 'prepareLost'],
  'exporters/spool/make-folder.ts': ['makeFolder'],
};
/**
 * Large code that few calls need: in a file beside the hook, `hook-guard.cjs`, loaded when one of these is called. Node
 * takes half a millisecond to read 40 KB even if it is never compiled.
 */
const BESIDE = { 'exporters/hook/guard/guard.ts': ['findGuardHarm'], 'schemas/redaction.ts': ['redactText'] };
/** Constants that take long to compute. */
const EVALUATED = ['schemas/redaction-keywords.ts'];

const out = process.argv[2] ?? join(root, 'dist/exporters/hook.cjs');
const besideName = `${basename(out, '.cjs')}-guard.cjs`;

const lines = (names, line) => names.map((name) => `export ${line(name)};`).join('\n');

const startup = {
  name: 'startup',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      namespace === 'node' ? { path, external: true } : { path, namespace: 'node' },
    );
    onResolve({ filter: /-guard\.cjs$/ }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: 'node' }, ({ path }) => {
      if (SHARED[path])
        return {
          contents: `const it = require('${path}');\n${lines(SHARED[path], (name) => `const ${name} = it.${name}`)}`,
        };
      if (LAZY[path])
        return {
          contents: lines(LAZY[path], (name) => `const ${name} = (...args) => require('${path}').${name}(...args)`),
        };
      throw new Error(`${path} is needed by the hook: add it to build.mjs`);
    });
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const file = relative(root, path).replaceAll('\\', '/');
      if (COLD[file]) return { contents: onDemand(file, COLD[file]) };
      if (BESIDE[file])
        return {
          contents: lines(
            BESIDE[file],
            (name) => `const ${name} = (...args) => require('./${besideName}').${name}(...args)`,
          ),
        };
      if (EVALUATED.includes(file))
        return {
          contents: constants(await import(`data:text/javascript,${encodeURIComponent(await bundle(path, 'esm'))}`)),
        };
      return undefined;
    });
  },
};

async function bundle(path, format) {
  const { outputFiles } = await build({ ...options, entryPoints: [path], format, write: false });
  return outputFiles[0].text;
}

/** Returns the stub of a file in the bundle; the file's text is in the table `cold` of the surrounding file. */
function onDemand(file, functions) {
  return `let it;
    function load() {
      if (it === undefined) {
        const module = { exports: {} };
        new Function('module', 'require', cold[${JSON.stringify(file)}])(module, require);
        it = module.exports;
      }
      return it;
    }
    ${lines(functions, (name) => `const ${name} = (...args) => load().${name}(...args)`)}`;
}

const constants = (values) => lines(Object.keys(values), (name) => `const ${name} = ${constant(values[name])}`);

/**
 * Writes a list of words as one string that is split at run time: an array literal of strings takes longer to create.
 */
function constant(value) {
  const isWords = Array.isArray(value) && value.every((word) => typeof word === 'string' && !word.includes('\n'));
  return isWords ? `${JSON.stringify(value.join('\n'))}.split('\\n')` : JSON.stringify(value);
}

const {
  outputFiles: [bundled],
} = await build({
  ...options,
  entryPoints: [join(moduleDir, 'hook/entry.ts')],
  write: false,
  format: 'cjs',
  plugins: [startup],
});
const cold = Object.fromEntries(
  await Promise.all(Object.keys(COLD).map(async (file) => [file, await bundle(join(root, file), 'cjs')])),
);
const hot = `(function (require, cold) {${bundled.text}})`;

// Loads the compile cache beside this file, if one matches source, Node and machine (`shieldwatch install` creates
// it), which saves the hook a millisecond.
const name = `hook-${createHash('sha256').update(hot).digest('hex').slice(0, 16)}`;
const file = String.raw`"use strict";
process.exitCode = 2;
process.on("uncaughtException", () => {
  try {
    writeSync(2, "shieldwatch: the guard failed, the call is blocked\n");
  } catch {}
  process.exit(2);
});
const { closeSync, existsSync, openSync, readSync, writeSync } = require("node:fs");
const { Script } = require("node:vm");
const cache = __dirname + "/${name}-" + process.version + "-" + process.arch + ".cache";
let cachedData;
try {
  if (existsSync(cache)) cachedData = read(cache);
} catch {}
// With the functions that the hook itself will use.
function read(path) {
  const [descriptor, bytes] = [openSync(path), new Uint8Array(262144)];
  const length = readSync(descriptor, bytes);
  closeSync(descriptor);
  return bytes.subarray(0, length);
}
const script = new Script(${JSON.stringify(hot)}, { filename: __filename, cachedData });
const hook = script.runInThisContext();
if (process.argv[2] === "--write-code-cache") process.on("exit", () => {
  const { renameSync, writeFileSync } = require("node:fs");
  writeFileSync(cache + "." + process.pid, script.createCachedData(), { flush: true });
  renameSync(cache + "." + process.pid, cache);
});
hook(require, ${JSON.stringify(cold)});
`;
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, file);
const exported = Object.entries(BESIDE)
  .map(([file, names]) => `export { ${names.join(', ')} } from './${file}';`)
  .join('\n');
const {
  outputFiles: [beside],
} = await build({
  ...options,
  stdin: { contents: exported, resolveDir: root, loader: 'ts' },
  write: false,
  format: 'cjs',
});
writeFileSync(join(dirname(out), besideName), beside.text);
