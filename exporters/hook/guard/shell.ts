import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { codeReadsOnly } from './reading-code.js';
import {
  candidates,
  guardedKind,
  holdsGuarded,
  isGuardedFolder,
  type GuardedKind,
  type GuardPlaces,
} from './guarded.js';
import { ANY, DYNAMIC, ONE, simpleCommands, type SimpleCommand } from './shell-words.js';

/** Names that occur, in full or in part, in every path that is guarded by its name. */
const NAMES =
  /agentshield|runtime-policy|\.claude|\.codex|\.gemini|settings|hooks\.json|config\.toml|shieldwatch|gemini-cli|claude-code/i;

/** Programs that write none of their arguments, except by redirection or the options in {@link isReading}. */
const READERS = new Set([
  ...[
    'cat',
    'tac',
    'nl',
    'head',
    'tail',
    'less',
    'more',
    'bat',
    'ls',
    'll',
    'dir',
    'tree',
    'stat',
    'file',
    'wc',
    'du',
    'df',
    'grep',
    'egrep',
    'fgrep',
    'rg',
    'ag',
    'ack',
  ],
  ...[
    'diff',
    'cmp',
    'comm',
    'cksum',
    'md5sum',
    'sha1sum',
    'sha256sum',
    'sha512sum',
    'shasum',
    'od',
    'hexdump',
    'strings',
    'cut',
    'tr',
    'column',
    'fold',
    'fmt',
    'paste',
    'join',
  ],
  ...[
    'jq',
    'readlink',
    'realpath',
    'basename',
    'dirname',
    'pwd',
    'cd',
    'pushd',
    'popd',
    'echo',
    'printf',
    'test',
    '[',
    '[[',
    'true',
    'false',
    ':',
    'which',
    'type',
    'whereis',
    'command',
  ],
  ...[
    'sleep',
    'wait',
    'exit',
    'return',
    'export',
    'local',
    'declare',
    'readonly',
    'typeset',
    'set',
    'unset',
    'shift',
    'for',
    'case',
    'select',
    'function',
    'mkdir',
    'date',
    'env',
    'printenv',
    'id',
    'whoami',
  ],
  ...[
    'awk',
    'gawk',
    'mawk',
    'sed',
    'sort',
    'find',
    'fd',
    'git',
    'base64',
    'xxd',
    'getfacl',
    'lsattr',
    'yq',
    'pgrep',
    'ps',
    'lsof',
    'read',
    'shieldwatch',
  ],
  ...[
    'code',
    'code-insiders',
    'codium',
    'cursor',
    'subl',
    'zed',
    'open',
    'xdg-open',
    'gh',
    'curl',
    'prettier',
    'eslint',
    'python',
    'python3',
    'node',
    'nodejs',
    'ruby',
  ],
  ...['get-content', 'gc', 'select-string', 'get-childitem', 'gci', 'get-item', 'test-path', 'get-filehash'],
]);
/** Programs whose output may be file names. */
const NAME_PRINTERS = new Set([
  'echo',
  'printf',
  'ls',
  'find',
  'fd',
  'git',
  'grep',
  'rg',
  'readlink',
  'realpath',
  'dirname',
  'pwd',
  'cat',
  'base64',
  'xxd',
  'get-childitem',
  'gci',
  'pgrep',
  'ps',
]);
/** For `cat` and similar programs only here-documents count as names. */
const CONTENT_PRINTERS = new Set(['cat', 'grep', 'rg', 'git', 'base64', 'xxd']);
const GIT_READS = new Set([
  'status',
  'diff',
  'log',
  'show',
  'blame',
  'ls-files',
  'ls-tree',
  'check-ignore',
  'add',
  'commit',
  'grep',
  'rev-parse',
  'cat-file',
  'describe',
  'remote',
  'branch',
  'fetch',
  'push',
  'tag',
]);
const PREFIXES = new Set([
  'sudo',
  'doas',
  'command',
  'builtin',
  'exec',
  'nohup',
  'nice',
  'ionice',
  'time',
  'timeout',
  'stdbuf',
  'setsid',
  'env',
  'busybox',
  'xargs',
  'parallel',
  'then',
  'else',
  'elif',
  'do',
  'if',
  'while',
  'until',
  '!',
  '{',
  'coproc',
  'unbuffer',
  'npx',
  'bunx',
]);
const SHELLS = new Set([
  'sh',
  'bash',
  'zsh',
  'dash',
  'ksh',
  'fish',
  'ash',
  'eval',
  'su',
  'script',
  'watch',
  'pwsh',
  'powershell',
]);
const KILLERS = new Set(['kill', 'pkill', 'killall', 'killall5', 'systemctl', 'service', 'launchctl']);
/** Programs that remove, move or lock a folder with its content. */
const FOLDER_WRITERS = new Set([
  'rm',
  'rmdir',
  'unlink',
  'shred',
  'trash',
  'chmod',
  'chown',
  'chgrp',
  'chattr',
  'setfacl',
  'mount',
  'umount',
  'remove-item',
  'ri',
  'move-item',
  'rename-item',
  'rename',
]);
const COPIERS = new Set(['cp', 'install', 'rsync', 'scp', 'ln', 'mv', 'copy-item', 'cpi', 'ditto']);
const PACKAGE_MANAGERS = new Set(['npm', 'pnpm', 'yarn', 'bun', 'npx', 'bunx']);
/** Agents, and words that start one without its hooks. */
const AGENTS = new Set(['claude', 'codex', 'gemini']);
const HOOKLESS =
  /disableAllHooks|hooksConfig|enableHooks|allowManagedHooksOnly|bypass-hook-trust|features\.(?:codex_)?hooks|^--bare$|^--safe-mode$|^--settings(?:=|$)|^--setting-sources/i;

/** Programs that write in their working directory, depending on its content. */
const FOLDER_WORKERS = new Set([
  'make',
  'gmake',
  'ninja',
  'rake',
  'just',
  'task',
  'npm',
  'pnpm',
  'yarn',
  'bun',
  'cargo',
  'go',
  'gradle',
  'mvn',
  'git',
  'tar',
  'bsdtar',
  'unzip',
  'cpio',
  'patch',
  'rsync',
]);
/** Options that set the working directory of a program. */
const FOLDER_OPTIONS = /^(?:-C|--directory|--chdir|--cd|--cwd|--dir|--prefix|--work-tree|--working-directory)$/;
/** Options that set the folder into which a program writes. */
const TARGET_OPTIONS =
  /^(?:-[DdoOP]|--(?:dir|output|output-dir|out-dir|outdir|out|target|dest|destination|directory-prefix))$/i;
/** Options of {@link PREFIXES} that take an argument. */
const PREFIX_VALUES: Readonly<Record<string, readonly string[]>> = {
  env: ['-C', '--chdir', '-u', '--unset'],
  sudo: [
    '-u',
    '-g',
    '-D',
    '-h',
    '-p',
    '-C',
    '-T',
    '-U',
    '-R',
    '-r',
    '-t',
    '--user',
    '--group',
    '--chdir',
    '--chroot',
    '--host',
    '--prompt',
  ],
  doas: ['-u', '-C'],
  nice: ['-n'],
  ionice: ['-c', '-n', '-p'],
  timeout: ['-s', '-k', '--signal', '--kill-after'],
  stdbuf: ['-i', '-o', '-e'],
  exec: ['-a'],
  time: ['-f', '-o'],
  xargs: [
    '-I',
    '-n',
    '-P',
    '-L',
    '-d',
    '-E',
    '-a',
    '-s',
    '--arg-file',
    '--max-args',
    '--max-procs',
    '--replace',
    '--delimiter',
  ],
  parallel: ['-j', '-a', '-I', '-N', '--arg-file', '--jobs'],
  npx: ['-p', '--package'],
  bunx: ['-p', '--package'],
};
/** Shell keywords after which a command may or may not run, or may run later. */
const COMPOUND = new Set([
  'if',
  'then',
  'else',
  'elif',
  'while',
  'until',
  'for',
  'case',
  'select',
  'function',
  '{',
  'do',
  'coproc',
]);
/** Options whose text may mention files without using them. */
const MESSAGE = /^--(?:title|body|message|subject|description|notes|comment)$/;
const INTERPRETERS = /^(?:python[\d.]*|node(?:js)?|ruby|perl|php|lua|osascript|deno|bun|ssh)$/;

const MAX_DEPTH = 8;
/** Maximum number of folders that a command may be in at once. */
const MAX_FOLDERS = 50;

/**
 * Limits on characters of a command, paths looked up and words compared, beyond which a command is not analysed
 * further.
 */
const MAX_LENGTH = 200_000;
const MAX_PATHS = 4_000;
const MAX_WORDS = 200_000;

/** Thrown if the analysis would exceed the agent's time limit for its hook, after which the agent runs the tool. */
class TooMuch extends Error {}

/** Returns why a command would write a guarded file; undefined if its text does not show it. */
export function shellHarm(command: string, places: GuardPlaces, isPowerShell = false): string | undefined {
  const text = isPowerShell ? command.replaceAll('\\', '/') : command;
  try {
    return new ShellJudge(places, text).judge(text, 0);
  } catch (error) {
    if (error instanceof TooMuch) return 'the command names guarded files, and too many paths to be judged';
    throw error;
  }
}

interface Resolved {
  readonly program: string;
  readonly args: readonly string[];
  /** Its arguments come from piped input. */
  readonly takesPiped: boolean;
  /** Folders into which its starter changes (`env -C`), one after another. */
  readonly moves: readonly string[];
}

/** Folders that a command may run in. */
interface Place {
  readonly folders: readonly string[];
  /** True if it may be any other folder as well. */
  readonly isUnknown: boolean;
}

class ShellJudge {
  readonly #places: GuardPlaces;
  #place: Place;
  /** Every folder that the place may have been. */
  readonly #seen: Set<string>;
  /** The whole command. */
  readonly #text: string;
  /** Cache of {@link #guarded}, by folder and word. */
  readonly #known = new Map<string, string | undefined>();
  #paths = 0;
  #words = 0;

  constructor(places: GuardPlaces, text: string) {
    this.#places = places;
    this.#text = text;
    this.#place = { folders: [places.cwd], isUnknown: false };
    this.#seen = new Set(this.#place.folders);
  }

  judge(text: string, depth: number): string | undefined {
    const { env } = this.#places;
    const commands =
      depth > MAX_DEPTH || text.length > MAX_LENGTH
        ? undefined
        : simpleCommands(text, (name) => (name === 'PWD' ? '.' : env[name]));
    if (commands === undefined)
      return NAMES.test(text.replace(/["'\\]/g, ''))
        ? 'the command names guarded files and is too long or too deep to be read'
        : undefined;
    return this.#judgeAll(commands, depth);
  }

  #judgeAll(commands: readonly SimpleCommand[], depth: number): string | undefined {
    const names = new Map<number, string[]>();
    const outside = new Map<string, Place>();
    let subshell = '0';
    const isStraight = commands.every(({ operator, words }) => operator !== '&' && !COMPOUND.has(words[0] ?? ''));
    const inPipeline = new Map<number, number>();
    for (const { pipeline } of commands) inPipeline.set(pipeline, (inPipeline.get(pipeline) ?? 0) + 1);
    for (const command of commands) {
      if (command.subshell !== subshell) {
        outside.set(subshell, this.#place);
        subshell = command.subshell;
        let around = subshell;
        while (!outside.has(around) && around.includes('.')) around = around.slice(0, around.lastIndexOf('.'));
        this.#place = outside.get(around) ?? this.#place;
      }
      const here = this.#place;
      const inner = this.#judgeAll(command.inner, depth + 1);
      this.#place = here;
      if (inner !== undefined) return inner;
      const resolved = resolveProgram(command.words);
      const { program, args } = resolved;
      const printed = names.get(command.pipeline) ?? [];
      const harm = this.#judgeRedirections(command) ?? this.#judgeMoved(command, resolved, printed, commands, depth);
      if (harm !== undefined) return harm;
      const documents = command.documents;
      if (NAME_PRINTERS.has(program))
        printed.push(
          ...(CONTENT_PRINTERS.has(program) ? [] : args),
          ...documents,
          ...command.inner.flatMap(({ words }) => words),
        );
      names.set(command.pipeline, printed);
      if (FOLDER_CHANGERS.has(program))
        this.#change(program, args, isStraight && command.operator === ';' && inPipeline.get(command.pipeline) === 1);
    }
    return undefined;
  }

  /** @param isSure whether the command certainly runs, in this shell and before the next one. */
  #change(program: string, args: readonly string[], isSure: boolean): void {
    const next =
      program === 'popd' || args.includes('-')
        ? { folders: [...this.#seen], isUnknown: this.#place.isUnknown }
        : this.#changed(
            this.#place,
            args.find((arg) => !arg.startsWith('-')),
          );
    const isThere =
      next.folders.length > 0 &&
      next.folders.every((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true);
    // A failing `cd` stays in the previous folder.
    this.#place = isSure && isThere ? next : either(this.#place, next);
    for (const folder of next.folders) this.#seen.add(folder);
  }

  #changed({ folders, isUnknown }: Place, folder: string | undefined): Place {
    if (folder === undefined) return { folders: [this.#places.env['HOME'] ?? '/'], isUnknown: false };
    const mayBeElsewhere = isUnknown || (this.#text.includes('CDPATH') && !/^\.{0,2}\//.test(folder));
    if (isOpen(folder)) return { folders: this.#matching(folder, true), isUnknown: true };
    return folder.startsWith('/')
      ? { folders: [resolve(folder)], isUnknown: false }
      : { folders: folders.map((it) => resolve(it, folder)), isUnknown: mayBeElsewhere };
  }

  #judgeRedirections({ redirections }: SimpleCommand): string | undefined {
    for (const { writes, target } of redirections) {
      const named = writes ? this.#guarded(target) : undefined;
      if (named !== undefined) return `it would write ${named}`;
    }
    return undefined;
  }

  /** Judges a command in the folder into which it, or its starter, changes. */
  #judgeMoved(
    command: SimpleCommand,
    resolved: Resolved,
    printed: readonly string[],
    all: readonly SimpleCommand[],
    depth: number,
  ): string | undefined {
    const { program, args } = resolved;
    const moves = [...resolved.moves, ...movesOf(program, args)];
    if (moves.length === 0) return this.#judgeOne(command, resolved, printed, all, depth);
    const before = this.#place;
    const after = moves.reduce<Place>((place, folder) => this.#changed(place, folder), before);
    // The target of an archive is the previous folder.
    this.#place = /tar$/.test(program) ? either(before, after) : after;
    const isInGuarded = after.folders.some((folder) => isGuardedFolder(folder, this.#places));
    const harm =
      isInGuarded && !isReading(program, args) && !SHELLS.has(program)
        ? `${program} could write guarded files of the folder it is given`
        : this.#judgeOne(command, resolved, printed, all, depth);
    this.#place = before;
    return harm;
  }

  #judgeOne(
    command: SimpleCommand,
    { program, args, takesPiped }: Resolved,
    printed: readonly string[],
    all: readonly SimpleCommand[],
    depth: number,
  ): string | undefined {
    if (program === '') return undefined;
    const control = this.#controlsGuard(program, args, printed, command);
    if (control !== undefined) return control;
    if (SHELLS.has(program)) {
      // The output of a substitution may be the script.
      const made = args.some((arg) => arg.includes(DYNAMIC))
        ? command.inner.flatMap(({ words, documents }) => [...words.slice(1), words.slice(1).join(' '), ...documents])
        : [];
      const harm = this.#judgeScript(program, args, [...command.documents, ...printed, ...made], depth);
      if (harm !== undefined) return harm;
      if (
        program === 'eval' ||
        program === 'watch' ||
        command.documents.length > 0 ||
        args.some((arg) => /^-\w*c$/.test(arg))
      )
        return undefined;
    }
    if (isReading(program, args) && !takesPiped) return this.#scriptNames(program, args);
    if (
      (takesPiped || FOLDER_WORKERS.has(program)) &&
      this.#place.folders.some((folder) => isGuardedFolder(folder, this.#places))
    )
      return `${program} could write guarded files of its folder`;
    if (FOLDER_WRITERS.has(program) || (program === 'git' && !args.includes('--cached'))) {
      const isWhole = program === 'rm' || (program === 'chmod' && closesFolders(args));
      const folder = [...args, ...(takesPiped ? printed : [])].find((arg) => this.#isGuardedFolder(arg, isWhole));
      if (folder !== undefined) return `it would remove or change a folder of guarded files (${shown(folder)})`;
    }
    if (program === 'find' && this.#mayFindGuarded(args)) return 'find could write guarded files';
    if (
      program === 'git' &&
      args.includes('clean') &&
      args.some((arg) => /^-\w*[xX]/.test(arg)) &&
      this.#place.folders.some((folder) => holdsGuarded(folder, this.#places))
    )
      return 'it would remove ignored files, which may be guarded ones';
    if (program === 'tar' || program === 'unzip' || program === 'bsdtar') {
      const folder = args.find((arg) => this.#isGuardedFolder(arg, false));
      if (
        folder !== undefined &&
        (program === 'unzip' ||
          args.some((arg, index) => arg === '--extract' || (index === 0 ? /x/ : /^-\w*x/).test(arg)))
      )
        return 'it would unpack into a folder of guarded files';
    }
    if (COPIERS.has(program)) return this.#judgeCopy(program, args, takesPiped ? printed : []);
    const given = args.find(
      (arg, index) => TARGET_OPTIONS.test(args[index - 1] ?? '') && this.#isGuardedFolder(arg, false),
    );
    if (given !== undefined) return `${program} could write into a folder of guarded files (${shown(given)})`;
    const wrapped = args.findIndex((arg, index) => index < MAX_WRAPPED && isDoer(programName(arg)));
    if (wrapped >= 0) {
      const harm = this.#judgeMoved(
        { ...command, words: args.slice(wrapped) },
        { ...resolveProgram(args.slice(wrapped)), takesPiped },
        printed,
        all,
        depth + 1,
      );
      if (harm !== undefined) return harm;
    }
    const texts = [
      ...(SHELLS.has(program) || INTERPRETERS.test(program)
        ? args
        : args.filter((arg, index) => !isMessage(arg, args[index - 1]))),
      ...command.documents,
      ...(takesPiped || printed.length > 0 ? printed : []),
      ...command.inner.flatMap(({ words, documents }) => [...words, ...documents]),
    ];
    // An unknown word may be any word of the command.
    const everywhere = args.some((arg) => arg === DYNAMIC)
      ? all.flatMap(({ words, documents }) => [...words, ...documents])
      : [];
    this.#words += texts.length + everywhere.length;
    if (this.#words > MAX_WORDS) throw new TooMuch();
    for (const word of [...texts, ...everywhere]) {
      const named = this.#namedIn(word);
      if (named !== undefined) return `${program} could write ${named}`;
    }
    return undefined;
  }

  /** Judges commands of the guard itself, and commands that end its processes. */
  #controlsGuard(
    program: string,
    args: readonly string[],
    printed: readonly string[],
    { inner }: SimpleCommand,
  ): string | undefined {
    const words = [program, ...args];
    const ours = words.findIndex(
      (word) =>
        /(?:^|[/@])shieldwatch(?:-producers)?(?:@[^/]*)?$/.test(word) ||
        /shieldwatch\S*\/cli\.m?js$/.test(word) ||
        /\/dist\/(?:deploy|exporters)\/cli\.js$/.test(word),
    );
    const rest = words.slice(ours + 1);
    if (ours >= 0 && rest.some((word) => ['install', 'uninstall', 'policy'].includes(word)))
      return 'only a person may change the guard, in a terminal outside of the agent';
    if (
      PACKAGE_MANAGERS.has(program) &&
      args.some((arg) => /^(?:uninstall|remove|rm|r|un|unlink)$/.test(arg)) &&
      args.some((arg) => arg.includes('shieldwatch'))
    )
      return 'it would remove the guard';
    const named = [...args, ...printed, ...inner.flatMap((command) => command.words)];
    if (KILLERS.has(program) && named.some((word) => /shieldwatch|hook\.cjs/i.test(word)))
      return 'it would end a process of the guard';
    if (AGENTS.has(program) && args.some((arg) => HOOKLESS.test(arg)))
      return 'it would start an agent without its hooks';
    return undefined;
  }

  #judgeScript(
    program: string,
    args: readonly string[],
    documents: readonly string[],
    depth: number,
  ): string | undefined {
    const at = args.findIndex((arg) => arg === '-c' || /^-\w*c$/i.test(arg) || arg === '-Command');
    const scripts =
      program === 'eval' || program === 'watch'
        ? [args.filter((arg) => !arg.startsWith('-')).join(' '), ...documents]
        : [...(at < 0 ? [] : [args[at + 1] ?? '']), ...documents];
    for (const script of scripts) {
      const before = this.#place;
      const harm = this.judge(script.replaceAll(ANY, '*').replaceAll(ONE, '?').replaceAll(DYNAMIC, '$_'), depth + 1);
      this.#place = program === 'eval' ? either(before, this.#place) : before;
      if (harm !== undefined) return harm;
    }
    return undefined;
  }

  /** Programs whose first word is a script that may name a file to write. */
  #scriptNames(program: string, args: readonly string[]): string | undefined {
    if (!/^(?:sed|[gm]?awk)$/.test(program)) return undefined;
    const script = args.find((arg) => !arg.startsWith('-')) ?? '';
    const named = />|\bw\b|system|print/.test(script) ? this.#namedIn(script) : undefined;
    return named === undefined || this.#guarded(script) !== undefined ? undefined : `${program} could write ${named}`;
  }

  #judgeCopy(program: string, args: readonly string[], piped: readonly string[]): string | undefined {
    const into =
      args.find((arg) => arg.startsWith('--target-directory='))?.slice('--target-directory='.length) ??
      (args.includes('-t') ? args[args.indexOf('-t') + 1] : undefined);
    const operands = args.filter((arg) => !arg.startsWith('-') && arg !== into);
    const destination = into ?? operands.at(-1) ?? '';
    const sources = [...(into === undefined ? operands.slice(0, -1) : operands), ...piped];
    const named = this.#guarded(destination);
    if (named !== undefined) return `it would write ${named}`;
    if (program === 'mv' || program === 'ln') {
      const moved = sources
        .map(
          (source) =>
            this.#guarded(source) ?? (this.#isGuardedFolder(source, program === 'mv') ? shown(source) : undefined),
        )
        .find((it) => it !== undefined);
      if (moved !== undefined) return program === 'ln' ? `it would rename ${moved}` : `it would remove ${moved}`;
    }
    if (args.length > 0 && sources.length === 0 && program === 'ln' && this.#isGuardedFolder(destination, false))
      return 'it would rename guarded files';
    const isDeep =
      program === 'rsync' ||
      program === 'mv' ||
      args.some((arg) => /^-\w*[rRa]/.test(arg) || arg === '--recursive' || arg === '--archive');
    const isGuarded = this.#isGuardedFolder(destination, false);
    if (isGuarded && program === 'ln' && args.some((arg) => /^-\w*[nT]|^--no-/.test(arg)))
      return 'it would replace a folder of guarded files by a link';
    const overwriting = sources.find((source) => {
      if (isOpen(source) || /(?:^|\/)\.{0,2}$/.test(source))
        return isGuarded || (isDeep && this.#holdsSame(source, destination));
      const target = `${destination}/${basename(source)}`;
      if (this.#guarded(target) !== undefined || (isGuarded && isDeep)) return true;
      return (
        isDeep &&
        (this.#isGuardedFolder(target, false) ||
          this.#holdsSame(source, target) ||
          this.#holdsSame(source, destination))
      );
    });
    return overwriting === undefined ? undefined : 'it would copy over guarded files';
  }

  /** Returns whether an existing folder contains a file that would replace a guarded one. */
  #holdsSame(source: string, destination: string): boolean {
    if (isOpen(source) || isOpen(destination)) return false;
    return this.#place.folders.some((folder) => {
      const [from, to] = [resolve(folder, source), resolve(folder, destination)];
      return candidates(this.#places).some((path) => {
        const inside = relative(to, path);
        return (
          inside !== '' &&
          !inside.startsWith('..') &&
          !isWritable(guardedKind(path, this.#places)) &&
          existsSync(join(from, inside))
        );
      });
    });
  }

  /** Returns whether `find` with an action could reach guarded files: not if it searches for other names only. */
  #mayFindGuarded(args: readonly string[]): boolean {
    const first = args.findIndex((arg) => /^[-(!]/.test(arg));
    const folders = args.slice(0, first < 0 ? args.length : first);
    const tests = args.flatMap((arg, index) =>
      /^-(?:i?name|i?path|i?wholename)$/.test(arg) && !/^(?:!|-not)$/.test(args[index - 1] ?? '')
        ? [{ isName: arg.endsWith('name') && !arg.includes('whole'), pattern: args[index + 1] ?? '' }]
        : [],
    );
    const isAny = args.some((arg) => arg === '-o' || arg === '-or' || arg === ',');
    const among = candidates(this.#places)
      .filter((path) => !isWritable(guardedKind(path, this.#places)))
      .flatMap((path) => [path, ...foldersAbove(path).filter((folder) => isGuardedFolder(folder, this.#places))]);
    const isFound = (path: string): boolean => {
      const matches = ({ isName, pattern }: (typeof tests)[number]): boolean =>
        globMatches(pattern, isName ? basename(path) : path);
      return tests.length === 0 || (isAny ? tests.some(matches) : tests.every(matches));
    };
    if (!among.some(isFound)) return false;
    return (folders.length === 0 ? ['.'] : folders).some((folder) => this.#isGuardedFolder(folder, true));
  }

  /** Returns the guarded file that a word names, for messages; undefined if it names none. */
  #guarded(word: string): string | undefined {
    if (word === '' || word === DYNAMIC || word.length > 4096) return undefined;
    const key = `${this.#place.folders.join('\0')}\0\0${String(this.#place.isUnknown)}${word}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#lookUp(word));
    return this.#known.get(key);
  }

  #count(): void {
    this.#paths += 1;
    if (this.#paths > MAX_PATHS) throw new TooMuch();
  }

  #lookUp(word: string): string | undefined {
    this.#count();
    if (isOpen(word)) return this.#matching(word, false)[0];
    for (const path of this.#pathsOf(word)) {
      this.#count();
      if (!isWritable(guardedKind(path, this.#places))) return shown(word);
    }
    if (!this.#place.isUnknown || word.startsWith('/')) return undefined;
    return isGuardedName(basename(word)) && /\.(?:claude|codex|gemini|agentshield)|shieldwatch/i.test(this.#text)
      ? shown(word)
      : undefined;
  }

  /** Returns a word as a path, relative to each folder that may be meant. */
  #pathsOf(word: string): string[] {
    return word.startsWith('/') ? [resolve(word)] : this.#place.folders.map((folder) => resolve(folder, word));
  }

  /** Returns a guarded file named anywhere in a word: after `=`, in interpreter code, in a list. */
  #namedIn(word: string): string | undefined {
    const whole = this.#guarded(word);
    if (whole !== undefined) return whole;
    if (!NAMES.test(word) && !this.#places.own.some((path) => word.includes(path) || word.includes(basename(path))))
      return undefined;
    for (const piece of word.slice(0, 1_000_000).split(/[^\w.~/@%+\-\ue000-\ue002]+/)) {
      const path = piece.startsWith('~/') ? `${this.#places.env['HOME'] ?? ''}${piece.slice(1)}` : piece;
      const named =
        piece === '' || !/[./\ue000-\ue002]/.test(piece) ? undefined : this.#guarded(path.replace(/^@/, ''));
      if (named !== undefined) return named;
    }
    // `join('.claude', 'settings.json')`, `chdir('.claude')`.
    const code = /['"(]/.test(word);
    const pair = [
      [/\.claude/i, /settings(?:\.local)?\.json/i],
      [/\.agentshield/i, /runtime-policy/i],
      [/\.codex/i, /config\.toml|hooks\.json/i],
      [/\.gemini/i, /settings\.json/i],
    ] as const;
    return code && pair.some(([folder, file]) => folder.test(word) && file.test(word)) ? 'guarded files' : undefined;
  }

  #isGuardedFolder(word: string, isWhole: boolean): boolean {
    if (word === '' || word === DYNAMIC || word.startsWith('-')) return false;
    this.#count();
    const folders = isOpen(word) ? this.#matching(word, true) : this.#pathsOf(word);
    return folders.some(
      (folder) => isGuardedFolder(folder, this.#places) || (isWhole && holdsGuarded(folder, this.#places)),
    );
  }

  /**
   * Returns guarded paths, or their parent folders, that a word with patterns or unknown parts could mean. A completely
   * unknown word means none.
   */
  #matching(word: string, isFolder: boolean): string[] {
    if (word.includes(DYNAMIC) && !NAMES.test(word)) return [];
    const paths =
      word.startsWith('/') || word.startsWith(DYNAMIC)
        ? [word]
        : [...this.#pathsOf(word), ...(this.#place.isUnknown ? [`${DYNAMIC}/${word}`] : [])];
    const patterns = paths.flatMap((path): RegExp[] => {
      const escaped = path
        .replace(/\/{2,}/g, '/')
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\/[\ue001\ue002]/g, (it) => `/(?!\\.)${it.slice(1)}`);
      try {
        return [
          new RegExp(
            `^${escaped
              .replace(/\ue000+/g, '.*')
              .replace(/\ue001{2,}/g, '.*')
              .replaceAll(ANY, '[^/]*')
              .replaceAll(ONE, '[^/]')}/?$`,
            'i',
          ),
        ];
      } catch {
        return [];
      }
    });
    const found = candidates(this.#places).filter((path) => !isWritable(guardedKind(path, this.#places)));
    const isMeant = (path: string): boolean => patterns.some((pattern) => pattern.test(path));
    return isFolder ? found.flatMap(foldersAbove).filter(isMeant) : found.filter(isMeant);
  }
}

/** Dotenv files are guarded only against single variables, which only the result of an edit shows. */
const isWritable = (kind: GuardedKind | undefined): boolean => kind === undefined || kind === 'dotenv';

const isGuardedName = (name: string): boolean =>
  /^(?:settings(?:\.local)?\.json|runtime-policy\.json|config\.toml|hooks\.json|managed-settings.*|hook\.cjs)$/i.test(
    name,
  );

const isOpen = (word: string): boolean => /[\ue000-\ue002]/.test(word);

const shown = (word: string): string =>
  word.replaceAll(DYNAMIC, '…').replaceAll(ANY, '*').replaceAll(ONE, '?').slice(0, 100);

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) folders.push(folder);
  return folders;
}

/** Returns the program that a command runs, after assignments and prefixes. */
function resolveProgram(words: readonly string[]): Resolved {
  let takesPiped = false;
  const moves: string[] = [];
  let at = 0;
  for (; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const name = programName(word);
    if (/^[A-Za-z_]\w*\+?=/.test(word)) continue;
    if (!PREFIXES.has(name)) break;
    if (name === 'xargs' || name === 'parallel') takesPiped = true;
    const split = name === 'env' ? splitString(words.slice(at + 1)) : undefined;
    if (split !== undefined)
      return { ...resolveProgram(split), takesPiped, moves: [...moves, ...movesOf('env', words.slice(at + 1))] };
    // Options of the prefix, and a number argument of one of them or of `timeout`.
    if (/^[\w./-]+$/.test(name) && !['if', 'then', 'else', 'elif', 'do', 'while', 'until'].includes(name)) {
      const start = at + 1;
      while (/^-|^\d+[smhd]?$|^[A-Za-z_]\w*=|^\{\}$/.test(words[at + 1] ?? ''))
        at += (PREFIX_VALUES[name] ?? []).includes(words[at + 1] ?? '') ? 2 : 1;
      moves.push(...movesOf(name, words.slice(start, at + 1)));
    }
  }
  return { program: programName(words[at] ?? ''), args: words.slice(at + 1), takesPiped, moves };
}

/** Returns the working directories that options of a program set, one after another. */
function movesOf(program: string, args: readonly string[]): string[] {
  // `-C` is a number for `grep` and others, and an offset for `curl`.
  if (READERS.has(program) && program !== 'git' && program !== 'env') return [];
  return args.flatMap((arg, index) => {
    const before = args[index - 1] ?? '';
    if (
      FOLDER_OPTIONS.test(before) ||
      (program === 'sudo' && before === '-D') ||
      (program === 'unzip' && before === '-d') ||
      (program === 'patch' && before === '-d')
    )
      return [arg];
    const joined = /^(?:-C|--(?:directory|chdir|cd|cwd|dir|prefix|work-tree|working-directory)=)(.+)$/s.exec(arg)?.[1];
    return joined === undefined ? [] : [joined];
  });
}

function either(one: Place, other: Place): Place {
  const folders = [...new Set([...one.folders, ...other.folders])];
  return {
    folders: folders.slice(0, MAX_FOLDERS),
    isUnknown: one.isUnknown || other.isUnknown || folders.length > MAX_FOLDERS,
  };
}

/** Returns whether `chmod` makes folders and their content unreadable for their owner. */
function closesFolders(args: readonly string[]): boolean {
  if (!args.some((arg) => /^-\w*R/.test(arg) || arg === '--recursive')) return false;
  const mode =
    args.find((arg) => /^(?:[0-7]{1,5}|[ugoa]*[-+=][rwxXstugo]*(?:,.*)?|-[rwx]+)$/.test(arg) && !/^-\w*R/.test(arg)) ??
    '';
  if (/^[0-7]+$/.test(mode)) return (Number.parseInt(mode.padStart(3, '0').slice(-3, -2), 8) & 5) !== 5;
  return mode.split(',').some((clause) => {
    const [, who = '', operator = '', what = ''] = /^([ugoa]*)([-+=])(.*)$/.exec(clause) ?? [];
    if (who !== '' && !/[ua]/.test(who)) return false;
    return operator === '-'
      ? /[rx]/i.test(what)
      : operator === '=' && !(what.includes('r') && /x/i.test(what)) && !/[ugo]/.test(what);
  });
}

/** Returns whether a pattern of `find` may match a text. */
function globMatches(pattern: string, text: string): boolean {
  if (pattern.includes(DYNAMIC)) return true;
  const glob = pattern
    .replaceAll(ANY, '*')
    .replaceAll(ONE, '?')
    .replace(/\[[^\]]*\]/g, '?');
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  // From any folder in which `-path` begins.
  return new RegExp(`^${source.replace(/^\\\./, '.*')}$`, 'i').test(text) || new RegExp(`^${source}$`, 'i').test(text);
}

/** First words of a command that another program may run. */
const MAX_WRAPPED = 30;

/** Programs that are harmful in the folders that they are given. */
const isDoer = (name: string): boolean =>
  FOLDER_WRITERS.has(name) ||
  COPIERS.has(name) ||
  SHELLS.has(name) ||
  name === 'find' ||
  name === 'tee' ||
  name === 'truncate';

/** Returns whether a word is text for people. */
function isMessage(word: string, before: string | undefined): boolean {
  return (
    (/\s/.test(word) && MESSAGE.test(before ?? '')) ||
    /^--(?:title|body|message|subject|description|notes|comment)=[\s\S]*\s/.test(word)
  );
}

const FOLDER_CHANGERS = new Set([
  'cd',
  'chdir',
  'pushd',
  'popd',
  'set-location',
  'push-location',
  'pop-location',
  'sl',
]);

/** Returns the words that `env -S 'a b' c` runs; undefined without that option. */
function splitString(args: readonly string[]): string[] | undefined {
  const at = args.findIndex((arg) => /^(?:-[i0v]*S|--split-string)/.test(arg));
  if (at < 0) return undefined;
  const joined = (args[at] ?? '').replace(/^(?:-[i0v]*S|--split-string=?)/, '');
  const text = joined === '' ? (args[at + 1] ?? '') : joined;
  return [...text.split(/\s+/).filter((word) => word !== ''), ...args.slice(joined === '' ? at + 2 : at + 1)];
}

function programName(word: string): string {
  return basename(word)
    .toLowerCase()
    .replace(/\.exe$/, '');
}

/** Returns whether a program only reads the files that it is given. */
function isReading(program: string, args: readonly string[]): boolean {
  if (!READERS.has(program)) return false;
  const has = (pattern: RegExp): boolean => args.some((arg) => pattern.test(arg));
  switch (program) {
    case 'sed':
      return !has(/^-[a-zA-Z]*i|^--in-place/);
    case 'yq':
      return !has(/^-[a-zA-Z]*i|^--inplace/);
    case 'awk':
    case 'gawk':
    case 'mawk':
      return !has(/^(?:-i|inplace|--include)/);
    case 'sort':
      return !has(/^-[a-zA-Z]*o|^--output/);
    case 'tree':
      return !has(/^-o/);
    case 'curl':
      return !has(
        /^-[a-zA-Z#]*[oODcJK]|^--(?:output|remote|dump-header|cookie-jar|trace|config|libcurl|stderr|etag-save|hsts|alt-svc)/,
      );
    case 'gh':
      return (
        ['pr', 'issue', 'release', 'api', 'repo', 'search', 'label', 'run', 'workflow', 'project'].includes(
          args[0] ?? '',
        ) && !has(/^(?:download|clone|checkout|sync|fork|set-default|-O|--output|--dir|-D)$/)
      );
    case 'prettier':
      return !has(/^(?:-w|--write)$/);
    case 'eslint':
      return !has(/^(?:--fix|-o|--output-file|--cache|-c|--config|--rulesdir|--resolve-plugins)/);
    case 'code':
    case 'code-insiders':
    case 'codium':
    case 'cursor':
      return !has(/^--(?:install|uninstall|user-data|extensions-dir|open-url|tunnel)|^(?:tunnel|serve-web)$/);
    case 'python':
    case 'python3':
    case 'node':
    case 'nodejs':
    case 'ruby': {
      const at = args.findIndex((arg) => !/^-[BEIsuW]$/.test(arg));
      return (
        /^(?:-c|-e|-p|-pe|--eval|--print)$/.test(args[at] ?? '') &&
        program.startsWith('python') === (args[at] === '-c') &&
        codeReadsOnly(args[at + 1] ?? '') &&
        !args.slice(at + 2).some((arg) => arg.startsWith('-'))
      );
    }
    case 'xxd':
      return !has(/^-\w*r|^--revert/) && args.filter((arg) => !arg.startsWith('-')).length < 2;
    case 'find':
      return !has(/^-(?:delete|exec|execdir|ok|okdir|fprint|fprint0|fprintf|fls)$/);
    case 'fd':
      return !has(/^(?:-x|-X|--exec|--exec-batch)/);
    case 'rg':
      return !has(/^--pre/);
    case 'git': {
      const command =
        args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '-C' && args[index - 1] !== '-c') ?? '';
      return GIT_READS.has(command) && !has(/^--output|^-c$|^-c=/);
    }
    default:
      return true;
  }
}
